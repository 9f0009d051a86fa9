#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# make install and uninstall into a folder: what is there afterwards, and that nothing stays.

# shellcheck disable=SC2154 # capture sets out, err and status
load helpers

setup() {
	in_scratch
}

teardown() {
	leave_scratch
}

# The programs are built: all that these makes do is copy. O is absolute or from the top.
in_tree() {
	make --no-print-directory -C "$TOP" O="$O" DESTDIR="$SCRATCH/root" "$@" 3>&-
}

files() { # FOLDER
	(cd "$1" && find . ! -type d | sort)
}

@test "install puts both programs, three manual pages and the completion in place" {
	in_tree install prefix=/usr
	expect_equal "$(files root)" "./usr/bin/conctrace
./usr/bin/conctrace-workload
./usr/share/bash-completion/completions/conctrace
./usr/share/man/man1/conctrace-workload.1
./usr/share/man/man1/conctrace.1
./usr/share/man/man5/conctrace-recording.5"
	root/usr/bin/conctrace --version
	expect_equal "$(stat -c %a root/usr/bin/conctrace)" 755
	expect_equal "$(stat -c %a root/usr/share/man/man1/conctrace.1)" 644
}

@test "uninstall leaves nothing" {
	in_tree install prefix=/opt/tools
	[[ -x root/opt/tools/bin/conctrace ]]
	in_tree uninstall prefix=/opt/tools
	expect_equal "$(files root)" ""
	[[ ! -e root/opt/tools ]]
}

@test "uninstall leaves what is not ours, and works twice" {
	in_tree install
	mkdir -p root/usr/local/share/man/man1
	touch root/usr/local/bin/other root/usr/local/share/man/man1/other.1
	in_tree uninstall
	in_tree uninstall
	expect_equal "$(files root)" "./usr/local/bin/other
./usr/local/share/man/man1/other.1"
}

@test "a prefix with a blank in it" {
	in_tree install "prefix=/with blank"
	[[ -x "root/with blank/bin/conctrace" ]]
	in_tree uninstall "prefix=/with blank"
	expect_equal "$(files root)" ""
}

@test "the manual pages are well formed" {
	requires command-mandoc
	for page in "$TOP"/user/man/*.[1-8]; do
		capture mandoc -T lint -W error "$page"
		expect_equal "$out$err" "" "$page"
	done
}

@test "the completion completes verbs, options and their words" {
	complete_words() { # WORD...
		(
			# shellcheck source=/dev/null
			source "$TOP/user/completion/conctrace.bash"
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
			_conctrace conctrace "${!#}" "${*: -2:1}"
			printf '%s\n' "${COMPREPLY[@]}"
		)
	}
	expect_in "report" "$(complete_words conctrace re)"
	expect_in "--wait-all" "$(complete_words conctrace run --wa)"
	expect_equal "$(complete_words conctrace report --threads al)" "all"
	expect_equal "$(complete_words conctrace folded --c)" "--cpu"
}
