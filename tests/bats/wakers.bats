#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Who ends waits (--wakers): programs that know who wakes whom, traced.

# shellcheck disable=SC2154 # capture sets status, out and err
load helpers

setup() {
	requires root bpf
	plain_root
	in_scratch
}

teardown() {
	leave_scratch
}

@test "each wait is ended by whom the program says, from where it says" {
	requires workload-wakings
	"$CONCTRACE" run -q --wakers --as-root -o r.data --folded r.folded -- "$WORKLOADS/wakings" 47 >truth.json
	expect_lawful r.data
	"$CONCTRACE" report --json r.data >r.json
	"$CONCTRACE" folded --wakers r.data >wakers.folded
	python3 "$TOP/tests/bats/woken.py" truth.json r.json wakers.folded
	"$CONCTRACE" report r.data >r.txt
	grep -q "take_lock .* wakings/driver, drop_lock, futex" r.txt
	"$CONCTRACE" flamegraph --wakers -o w.svg r.data
	xmllint --noout w.svg
	grep -q "<title>-- (" w.svg
}

@test "without --wakers the report has none, and who asks for them is told why" {
	"$CONCTRACE" run -q --as-root -o r.data --folded r.folded -- sleep 0.1
	"$CONCTRACE" report --json r.data >r.json
	[[ $(json r.json '.wakers | length') == 0 ]]
	for verb in "folded --wakers" "flamegraph --wakers -o w.svg"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $verb r.data
		expect_status 1
		[[ $err == *"was not recorded: record with run --wakers"* ]]
	done
	[[ ! -e w.svg ]]
	capture "$CONCTRACE" flamegraph --wakers --reverse r.data
	expect_status 2
}

@test "attached to: a waker that is not traced is named" {
	mkfifo f
	sh -c 'exec 3<>f; while read -r x <&3; do :; done' &
	BACKGROUND=$!
	BACKGROUND_PIDS=$BACKGROUND
	sleep 0.3
	"$CONCTRACE" attach -q --wakers -o r.data --folded r.folded -d 1.5 -p "$BACKGROUND" &
	local tracer=$!
	sleep 0.7
	for _ in 1 2 3 4 5 6 7; do
		python3 -c 'import os; fd = os.open("f", os.O_WRONLY); os.write(fd, b"x\n")'
	done
	wait "$tracer"
	"$CONCTRACE" report --json r.data >r.json
	[[ $(json r.json '[.wakers[] | select(.waker_syscall == "write") | .waker] | unique | join(",")') == "python3 (not traced)" ]] ||
		{ json r.json '.wakers' >&2; return 1; }
}
