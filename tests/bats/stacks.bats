#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# User stacks of ordinary binaries: programs that block at the end of call chains that they know (tests/workloads/chains), traced. Every
# chain is there, from the thread's root to the call, and no wait is in any other.

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

# The program, traced, is as it says itself: truth.json, r.data, r.folded.
trace_chains() { # PROGRAM ARG...
	"$CONCTRACE" run -q --as-root -o r.data --folded r.folded -- "$WORKLOADS/$1" --json "${@:2}" >truth.json 2>err.txt 3>&- </dev/null ||
		{ cat err.txt >&2; return 1; }
}

expect_chains() { # PROGRAM ARG...
	trace_chains "$@"
	expect_lawful_or_again r.data trace_chains "$@"
	python3 "$TOP/tests/bats/stacked.py" truth.json r.folded
}

@test "C: every blocking call, frames of every shape, signals, processes, a plug-in" {
	requires workload-chains workload-chains_plugin.so
	expect_chains chains
}

@test "C, many rounds: a thread that blocks again where it blocked last" {
	requires workload-chains workload-chains_plugin.so
	expect_chains chains --rounds 300 --wait-ms 1
}

# Where the C library's own code shows what its contexts return to (x86-64): see user/symbols/context_frames.h.
@test "C, a coroutine: its stack is whole, up to where it would return to" {
	requires workload-chains
	local library

	library=$(ldd "$WORKLOADS/chains" | awk '$1 == "libc.so.6" { print $3 }')
	LC_ALL=C grep -qaP '\x48\x89\xdc\x48\x8b\x3c\x24' "$library" || skip "this C library ends contexts otherwise"
	"$CONCTRACE" run -q --as-root -o r.data --folded r.folded -- "$WORKLOADS/chains" --only context >out.txt 2>&1 3>&- </dev/null
	grep -q ';coroutine_main;coroutine;.*\[sleep\] ' r.folded
	! grep 'truncated.*;coroutine_main;' r.folded
}

@test "stacks left out for their rate: those that are taken stand for them, each place has its share" {
	requires workload-places
	"$CONCTRACE" run -q --as-root -o r.data --folded r.folded -- "$WORKLOADS/places" >truth.json 2>err.txt 3>&- </dev/null
	python3 "$TOP/tests/bats/placed.py" truth.json r.folded
}

@test "C++: exceptions, templates, the standard library's threads and locks" {
	requires workload-chains_cxx
	expect_chains chains_cxx
}

@test "Rust: threads, locks, channels, a panic" {
	[[ -x $WORKLOADS/chains_rust ]] || skip "there was no rustc to build it with"
	expect_chains chains_rust
}

# The chains once more, without unwind information but for what the debugger gets, and that is in a file apart: NAME.debug.
split_chains() { # NAME FLAG...
	local name=$1 sources=("$TOP"/tests/workloads/chains/*.c)

	[[ $name != *.so ]] || sources=("$TOP"/tests/workloads/chains/plugin/chains_plugin.c)
	cc -std=gnu11 -D_GNU_SOURCE -w -O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables -pthread \
		-o whole "${sources[@]}" "${@:2}" -ldl -lrt
	objcopy --only-keep-debug whole "$name.debug"
	objcopy --strip-all --add-gnu-debuglink="$name.debug" whole "$name"
	rm whole
}

@test "C, unwind information in debug files only: beside the program and its plug-in" {
	requires command-cc command-objcopy
	split_chains chains -Wl,--export-dynamic-symbol=briefly -Wl,--build-id=none
	split_chains chains_plugin.so -shared -fPIC -Wl,-z,lazy -Wl,--build-id=none
	WORKLOADS=$SCRATCH expect_chains chains
	# it is where they are from
	rm ./*.debug
	if WORKLOADS=$SCRATCH expect_chains chains; then
		return 1
	fi
	expect_in '[truncated];' "$(<r.folded)"
}

@test "C, unwind information in debug files only: by build id, in another root, linked with a library that has its own" {
	requires command-cc command-objcopy command-unshare
	split_chains chains -static -Wl,--build-id=0x1234567890abcdef
	mkdir -p root/bin root/proc root/usr/lib/debug/.build-id/12
	mv chains root/bin
	mv chains.debug root/usr/lib/debug/.build-id/12/34567890abcdef.debug
	"$CONCTRACE" run -q --as-root -o r.data --folded r.folded -- \
		unshare --mount --propagation private --root root --wd / --mount-proc /bin/chains --json \
		--only read,pipe,fgets,mutex,cond,sem,poll,sigwait,alloca,aligned_alloca,qsort,deep60 >truth.json 3>&- </dev/null
	expect_lawful r.data
	python3 "$TOP/tests/bats/stacked.py" truth.json r.folded
}

@test "attached to: the same chains" {
	requires workload-chains
	"$WORKLOADS/chains" --json --rounds 1000 --only read,fgets,accept,epoll_wait,mutex,cond,sem,sigwait,alloca,aligned_alloca,qsort,deep60 >truth.json 3>&- </dev/null &
	BACKGROUND=$!
	BACKGROUND_PIDS=$BACKGROUND
	sleep 0.5
	capture "$CONCTRACE" attach -q -o r.data --folded r.folded -d 2 -p "$BACKGROUND"
	expect_status 0
	status_of "$BACKGROUND" 60
	expect_status 0
	# The threads were there already, and go on afterwards: not all of the first one's waits can be seen.
	python3 "$TOP/tests/bats/stacked.py" --some 70 truth.json r.folded
}

# 16 numbers for hundreds of stacks: nearly all are noticed to have another's, and have one of their own from then on. What came before that
# may show as another one: of the first thread, which waits for the others from the start on, that is all.
@test "stacks that come under the same number are kept apart" {
	requires workload-chains
	capture "$O/tests/validate" --record r.data --stack-bits 4 -- "$WORKLOADS/chains" --json --rounds 1000 --wait-ms 1 \
		--only read,fgets,accept,epoll_wait,mutex,cond,sem,alloca,aligned_alloca,qsort,deep60
	expect_status 0
	printf '%s\n' "$out" >truth.json
	"$CONCTRACE" folded r.data >r.folded
	"$CONCTRACE" report --json r.data >r.json
	(($(json r.json '.loss.collisions') > 10))
	python3 "$TOP/tests/bats/stacked.py" --may-differ 25 --but chains truth.json r.folded
}

# What the programs say of themselves is no invention: libdw sees the same in their stopped threads.
@test "the programs' own truth agrees with libdw" {
	local program

	for program in chains chains_cxx chains_rust; do
		[[ -x $WORKLOADS/$program ]] || continue
		capture "$O/tests/validate" --reference "$program.folded" -- "$WORKLOADS/$program" --json --rounds 40
		expect_status 0
		printf '%s\n' "$out" >"$program.json"
		python3 "$TOP/tests/bats/stacked.py" --waits-only --some 40 --max-frames 2000 "$program.json" "$program.folded"
	done
}

@test "the probes' stacks agree with libdw's of the same registers and memory" {
	requires workload-chains workload-chains_plugin.so
	capture "$O/tests/validate" --json v.json -- "$WORKLOADS/chains" --rounds 100
	echo "$out"
	echo "$err"
	expect_status 0
	(($(json v.json '.switch.identical') > 5000))
	(($(json v.json '.switch.different + .switch.shorter') == 0))
}
