#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs that know their own truth, traced: each wait as the kind that it is, in count and length; every thread and
# process seen; nothing lost. Every recording made here keeps the law. What a machine can't do is said (#), not hidden.

# shellcheck disable=SC2154 # traced sets status
load helpers

COUNT=7
DELAY_MS=10

setup() {
	requires root bpf
	plain_root
	in_scratch
}

teardown() {
	leave_scratch
}

# Runs a known-truth program under conctrace: truth.json, r.json, r.data, r.folded, err.txt and $status.
traced() { # [RUN-OPTION...] -- PROGRAM ARG...
	local options=()

	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	status=0
	rm -f r.json r.data
	timeout -k 5 90 "$CONCTRACE" run --json --threads all --report r.json -o r.data --folded r.folded "${options[@]}" -- \
		"$WORKLOADS/$1" "${@:2}" >truth.json 2>err.txt 3>&- </dev/null || status=$?
}

# What was traced last is true and lawful, and the run ended with STATUS.
is_true() { # STATUS WHAT
	if ((status != $1)); then
		printf '%s: status %d, not %d\n%s\n' "$2" "$status" "$1" "$(head -c 2000 err.txt)"
		return 1
	fi
	if ! python3 "$TOP/tests/bats/truthful.py" truth.json r.json || ! expect_lawful r.data; then
		printf '^ %s: %s\n' "$2" "$(head -1 truth.json)"
		return 1
	fi
} 2>&1

# Traces and compares. A program whose clocks were disturbed (a machine that is shared, another one's tracing) gets a
# second chance, and that is said: what is wrong in the tool is wrong twice.
expect_traced() { # STATUS [RUN-OPTION...] -- PROGRAM ARG...
	local want=$1 what

	shift
	what=${*##*--}
	traced "$@"
	if ((status == 77)); then
		echo "#$what: $(grep -m 1 -o 'skipped: .*' err.txt)" >&3
		return 0
	fi
	is_true "$want" "$what" >first.txt && return 0
	traced "$@"
	if ! is_true "$want" "$what" >second.txt; then
		cat first.txt second.txt >&2
		return 1
	fi
	sed "s/^/# right at the second try:$what: /" first.txt | cut -c1-300 >&3
}

# Every form of PROGRAM; ARGs follow the form. Skips the test only if this machine can do none of them.
expect_forms() { # PROGRAM [ARG...]
	local program=$1 form shown=0 failed=0 forms

	shift
	requires "workload-$program"
	forms=$("$WORKLOADS/$program" --list)
	[[ -n $forms ]] || skip "$program has no form for this machine"
	for form in $forms; do
		expect_traced 0 -- "$program" "$form" "$@" || failed=$((failed + 1))
		((status == 77)) || shown=$((shown + 1))
	done
	if ((failed)); then
		echo "$failed of $shown forms are not shown as they are" >&2
		return 1
	fi
	((shown)) || skip "this machine can do no form of $program"
}

@test "disk: read, write and fsync, direct and buffered, mapped, asynchronous" {
	expect_forms wait_disk 499
}

@test "network: TCP and UDP, accept, receive, send" {
	expect_forms wait_network "$COUNT" "$DELAY_MS"
}

@test "local: pipe, unix socket, FIFO, eventfd, terminal" {
	expect_forms wait_local "$COUNT" "$DELAY_MS"
}

@test "poll: epoll, poll, select, io_uring; on a timer alone it is a sleep" {
	expect_forms wait_poll "$COUNT" "$DELAY_MS"
}

@test "mutex: every type, PI, read-write lock, a wait in slices of 5 ms is one wait" {
	expect_forms wait_mutex "$COUNT" "$DELAY_MS"
	expect_traced 0 -- wait_mutex clocklock 3 27
	(($(json r.json '.totals.waits.mutex.retries') >= 9))
}

@test "file_lock: flock, fcntl, open file description" {
	expect_forms wait_file_lock "$COUNT" "$DELAY_MS"
}

@test "kernel_lock: a pipe's mutex, an inode's rwsem, mmap_lock" {
	expect_forms wait_kernel_lock "$COUNT" "$DELAY_MS"
}

@test "condition: condition variable, semaphore, barrier" {
	expect_forms wait_condition "$COUNT" "$DELAY_MS"
}

@test "join" {
	expect_forms wait_join "$COUNT" "$DELAY_MS"
}

@test "child: wait4, waitid, vfork" {
	expect_forms wait_child "$COUNT" "$DELAY_MS"
}

@test "ipc: message queues and semaphores of System V and POSIX" {
	expect_forms wait_ipc "$COUNT" "$DELAY_MS"
}

@test "sleep: nanosleep, timeouts without descriptors, timerfd" {
	expect_forms wait_sleep "$COUNT" "$DELAY_MS"
}

@test "fault: pages that another thread brings" {
	expect_forms wait_fault "$COUNT" "$DELAY_MS"
}

@test "signal: pause, sigsuspend, sigwait, signalfd" {
	expect_forms wait_signal "$COUNT" "$DELAY_MS"
}

@test "stopped: job control, ptrace" {
	expect_forms wait_stopped "$COUNT" "$DELAY_MS"
}

@test "syscall: one that belongs to no other kind" {
	expect_forms wait_syscall "$COUNT" "$DELAY_MS"
}

@test "every kind of the wait table has its program" {
	kinds=$(sed -n '/^#define WAIT_KINDS/,/^$/s/^\tX([0-9]*, [A-Z_]*, "\([a-z_]*\)".*/\1/p' "$TOP/include/wire_kinds.h")
	(($(wc -l <<<"$kinds") >= 17))
	for kind in $kinds; do
		[[ $kind == unknown ]] || [[ -x $WORKLOADS/wait_$kind ]] || {
			echo "there is no wait_$kind" >&2
			return 1
		}
	done
}

@test "futexes without the C library: every operation" {
	expect_forms futexraw "$COUNT" "$DELAY_MS"
}

@test "32-bit programs: the same kinds by other numbers" {
	requires arch-x86_64
	expect_forms compat32 "$COUNT" "$DELAY_MS"
}

@test "preemption: one more that computes than there are CPUs" {
	requires workload-preempt
	expect_traced 0 -- preempt 1 600
	expect_traced 0 -- preempt "$(nproc)" 600
	[[ $(json r.json .bound) == @(cpu|ready) ]]
}

@test "yield: ready, not waiting" {
	requires workload-yield
	expect_traced 0 -- yield 50021
}

@test "a CPU that goes from thread to thread: running to four parts in a thousand" {
	requires workload-handover
	expect_traced 0 -- handover 20011
}

@test "threads that go from CPU to CPU: each switch, each piece of running" {
	requires workload-migrate
	expect_traced 0 -- migrate 2003
}

@test "10,000 threads that end at once" {
	requires workload-threads10000
	expect_traced 0 -- threads10000
}

@test "1,000 processes: fork, exec, vfork" {
	expect_forms processes1000
}

@test "a deep tree of processes, through setsid and a double fork" {
	requires workload-forktree
	for form in plain setsid daemon; do
		expect_traced 0 --wait-all -- forktree "$form" 23 50
	done
}

@test "a thread that ends while another is blocked, the first one too" {
	expect_forms exitblocked 50
}

@test "exec from a thread that is not the first" {
	requires workload-execthread
	expect_traced 0 -- execthread 50
}

@test "kernel workers of io_uring" {
	expect_forms iowq "$COUNT" "$DELAY_MS"
}

@test "a program that kills itself while its threads are blocked" {
	requires workload-selfkill
	expect_traced 137 -- selfkill 50
}
