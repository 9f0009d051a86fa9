# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What every suite needs: `load helpers`. tools/run-bats sets the environment; a suite that is run by hand finds build/.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
O=${O:-$TOP/build}
CONCTRACE=${CONCTRACE:-$O/conctrace}
WORKLOAD=${WORKLOAD:-$O/conctrace-workload}
WORKLOADS=${WORKLOADS:-$O/tests/workloads}
export TOP O CONCTRACE WORKLOAD WORKLOADS

# A folder of the test's own, which is also where it is; others may enter it, so that a workload of theirs can.
in_scratch() {
	SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/conctrace-test.XXXXXX")
	chmod 755 "$SCRATCH"
	cd "$SCRATCH" || return 1
}

# For teardown: ends what the test started (start_background) and removes the folder.
leave_scratch() {
	local pid

	for pid in ${BACKGROUND_PIDS:-}; do
		kill -9 "$pid" 2>/dev/null || true
	done
	cd / || return 1
	if [[ ${SCRATCH:-} == */conctrace-test.* ]]; then
		rm -rf "$SCRATCH"
	fi
}

# Starts a command that teardown ends if it is still there; its number is in $BACKGROUND.
start_background() { # COMMAND...
	"$@" 3>&- &
	BACKGROUND=$!
	BACKGROUND_PIDS="${BACKGROUND_PIDS:-} $BACKGROUND"
}

# 6.1 <= 6.12.3 ? Only the first two numbers count.
kernel_at_least() { # MAJOR.MINOR
	local have want

	have=$(uname -r)
	[[ $have =~ ^([0-9]+)\.([0-9]+) ]] || return 1
	have=$((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2]))
	want=$((${1%%.*} * 1000 + ${1##*.}))
	((have >= want))
}

# Skips with a reason where one of these is not there:
#   root            effective user 0
#   bpf             the kernel has BTF, and doctor says that run will work
#   kernel-X.Y      at least
#   cpus-N          at least, online
#   sudo            a working sudo to drop to and come back from
#   user            an ordinary user (nobody) that can be switched to
#   workload-NAME   a known-truth workload that was built
#   command-NAME    a program in the path
#   arch-NAME       uname -m
#   browser         chromium and chromedriver
requires() {
	local need

	for need in "$@"; do
		case $need in
		root) ((EUID == 0)) || skip "needs root: run sudo make check" ;;
		bpf)
			[[ -r /sys/kernel/btf/vmlinux ]] || skip "this kernel has no BTF"
			"$CONCTRACE" doctor >/dev/null 2>&1 3>&- || skip "conctrace doctor says that run will not work here"
			;;
		kernel-*) kernel_at_least "${need#kernel-}" || skip "needs Linux ${need#kernel-}, this is $(uname -r)" ;;
		cpus-*)
			(($(getconf _NPROCESSORS_ONLN) >= ${need#cpus-})) ||
				skip "needs ${need#cpus-} CPUs, there are $(getconf _NPROCESSORS_ONLN)"
			;;
		sudo) sudo -n true 2>/dev/null || skip "needs a working sudo" ;;
		user) id nobody >/dev/null 2>&1 || skip "needs the user nobody" ;;
		workload-*)
			# It is part of the tree: one that is missing is a failure, not a skip.
			if [[ ! -x $WORKLOADS/${need#workload-} ]]; then
				echo "there is no $WORKLOADS/${need#workload-}: run make tests" >&2
				return 1
			fi
			;;
		command-*) command -v "${need#command-}" >/dev/null || skip "needs the program ${need#command-}" ;;
		browser)
			local why

			why=$(cd "$TOP/tests/browser" && PYTHONDONTWRITEBYTECODE=1 python3 -c 'import webdriver; print(webdriver.find_browser()[1])')
			[[ ! $why ]] || skip "$why"
			;;
		arch-*) [[ $(uname -m) == "${need#arch-}" ]] || skip "for ${need#arch-} only" ;;
		*)
			echo "requires: there is no requirement \"$need\"" >&2
			return 1
			;;
		esac
	done
}

# The rest say what they saw when it is not what was expected.

# A command's stdout and stderr apart: $out, $err, $status. Never fails itself.
capture() { # COMMAND...
	local dir

	dir=$(mktemp -d)
	status=0
	"$@" >"$dir/out" 2>"$dir/err" 3>&- </dev/null || status=$?
	out=$(<"$dir/out")
	err=$(<"$dir/err")
	rm -rf "$dir"
}

expect_status() { # N
	if ((status != $1)); then
		printf 'status %d, not %d\nstdout: %s\nstderr: %s\n' "$status" "$1" "${out-}" "${err-}" >&2
		return 1
	fi
}

expect_equal() { # HAVE WANT [WHAT]
	if [[ $1 != "$2" ]]; then
		printf '%s"%s", not "%s"\n' "${3:+$3: }" "$1" "$2" >&2
		return 1
	fi
}

expect_in() { # PART WHOLE
	if [[ $2 != *"$1"* ]]; then
		printf 'no "%s" in:\n%s\n' "$1" "$2" >&2
		return 1
	fi
}

# HAVE is WANT, give or take PERCENT of WANT and SLACK (integers; nanoseconds mostly).
expect_near() { # HAVE WANT PERCENT SLACK [WHAT]
	local have=$1 want=$2 room

	room=$((want * $3 / 100 + $4))
	if ((have < want - room || have > want + room)); then
		printf '%s%d is not %d ± %d\n' "${5:+$5: }" "$have" "$want" "$room" >&2
		return 1
	fi
}

# A number out of a JSON file: integers stay integers, and what is not there is an error.
json() { # FILE FILTER
	jq -er "$2" "$1"
}

# What holds for every recording: the law to the nanosecond, for each thread and in sum; the kernel's own numbers
# (running within 1 % + 1 ms, ready within 2 % + 1 ms); the folded lines sum up to the thread time, within a microsecond
# a line. Asserted on each recording that a test makes.
expect_lawful() { # RECORDING
	local report folded

	report=$(mktemp) folded=$(mktemp)
	"$CONCTRACE" report --json --threads all "$1" >"$report" 3>&- || return 1
	"$CONCTRACE" folded "$1" >"$folded" 3>&- || return 1
	python3 "$TOP/tests/bats/lawful.py" "$report" "$folded"
	local result=$?
	rm -f "$report" "$folded"
	return "$result"
}

# The same. Should the machine have disturbed the comparison with the kernel's numbers (it is shared, maybe), the recording is made once more by
# COMMAND, and that is said: what is wrong in the tool is wrong twice.
expect_lawful_or_again() { # RECORDING COMMAND...
	expect_lawful "$1" 2>first.txt && return 0
	"${@:2}" || return 1
	if ! expect_lawful "$1"; then
		cat first.txt >&2
		return 1
	fi
	sed 's/^/# lawful at the second try: /' first.txt >&3
}

# The test is root itself and no sudo: what it runs is not somebody else's. For setup, before anything is run.
plain_root() {
	unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND SUDO_HOME SUDO_TTY
}

# Until COMMAND succeeds, for SECONDS at most.
wait_until() { # SECONDS COMMAND...
	local limit=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > limit)); then
			printf 'not within the time: %s\n' "$*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# Has the process ended, or is a zombie?
has_ended() { # PID
	[[ ! -e /proc/$1 ]] || grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null || [[ ! -e /proc/$1 ]]
}

# The status of a background job of this shell, in $status; fails if it does not end within SECONDS.
status_of() { # PID SECONDS
	wait_until "$2" has_ended "$1" || return 1
	status=0
	wait "$1" || status=$?
}

# What BPF objects a process holds: one line each, "prog 7", "link 8", "map 9".
bpf_objects() { # PID
	sed -n 's/^\(prog\|link\|map\)_id:[ \t]*\([0-9]*\)$/\1 \2/p' "/proc/$1/fdinfo/"* 2>/dev/null | sort -u
}

# None of these is in the kernel any more (it lets go of them a little after their process has gone).
expect_detached() { # OBJECTS, as bpf_objects says them
	local kind id

	while read -r kind id; do
		if ! wait_until 10 bpf_object_gone "$kind" "$id"; then
			printf 'still in the kernel: %s\n' "$(bpftool "$kind" show id "$id" 2>&1)" >&2
			return 1
		fi
	done <<<"$1"
}

bpf_object_gone() { # KIND ID
	! bpftool "$1" show id "$2"
}
