#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Whole stacks with names of what compilers and interpreters make: stripped C, Rust without unwinding, Go, Python's trampolines.

# shellcheck disable=SC2154 # capture sets out, err, status
load helpers

setup() {
	requires root bpf
	plain_root
	in_scratch
	CALLED=";_start;__libc_start_main;__libc_start_call_main;main;"
}

teardown() {
	leave_scratch
}

run_it() { # COMMAND...
	capture timeout -k 5 60 "$CONCTRACE" run -q -o r.data --folded r.folded -- "$@"
	expect_status 0
}

# Some line of the folded stacks matches each of these.
expect_stack() { # REGEX
	grep -qE "$1" r.folded || {
		echo "no stack $1 in:"
		cat r.folded
		return 1
	} >&2
}

# But for moments in which the program was not there yet, or not any more.
expect_whole() { # PERMILLE
	local share
	share=$("$CONCTRACE" report --json r.data | jq '.stacks.complete * 1000 / .stacks.taken | floor')
	((share >= $1)) || {
		echo "$share of 1000 stacks are whole, not $1"
		grep -F "[truncated]" r.folded
		return 1
	} >&2
}

@test "a stripped program has a main" {
	requires command-cc arch-x86_64
	cat >nap.c <<'END'
#include <unistd.h>
static __attribute__((noinline)) int nap(int n) { usleep(100000); return n * 7; }
int main(int argc, char **argv) { (void)argv; return nap(argc) == 8; }
END
	cc -O2 -s -o nap nap.c
	run_it ./nap
	expect_stack "$CALLED.*usleep;"
}

@test "Rust with panic=abort" {
	requires command-rustc
	cat >nap.rs <<'END'
use std::{thread, time::Duration};
#[inline(never)]
fn nap(ms: u64) -> u64 {
    thread::sleep(Duration::from_millis(ms));
    ms
}
fn main() {
    let helper = thread::spawn(|| nap(150));
    println!("{}", nap(100) + helper.join().unwrap());
}
END
	# the last as before Rust 1.92: its functions have no call frame information at all
	for tables in "" -Cforce-unwind-tables=no; do
		# shellcheck disable=SC2086
		rustc -O -Cpanic=abort $tables -o nap nap.rs || skip "this rustc can't make such a program"
		run_it ./nap
		expect_stack "$CALLED.*;nap::main;nap::nap;"
		expect_stack ";start_thread;.*;nap::nap;"
		expect_whole 950
	done
}

make_go() { # FLAG...
	cat >nap.go <<'END'
package main

import (
	"os"
	"sync"
	"syscall"
)

//go:noinline
func readPipe(fd int) int {
	b := make([]byte, 1)
	n, _ := syscall.Read(fd, b)
	return n
}

//go:noinline
func nap(ms int64) int64 {
	syscall.Nanosleep(&syscall.Timespec{Nsec: ms * 1000000}, nil)
	return ms
}

func main() {
	var p [2]int
	var wg sync.WaitGroup
	syscall.Pipe(p[:])
	wg.Add(1)
	go func() {
		defer wg.Done()
		readPipe(p[0])
	}()
	nap(200)
	syscall.Close(p[1])
	wg.Wait()
	os.Exit(0)
}
END
	HOME=$PWD GOCACHE=$PWD/cache GO111MODULE=off CGO_ENABLED=0 go build -o nap "$@" nap.go || skip "this go can't build a program"
}

@test "Go, stripped: goroutines in system calls, by the program's own table" {
	requires command-go arch-x86_64
	for way in -buildmode=exe -buildmode=pie; do
		make_go "$way" "-ldflags=-s -w"
		run_it ./nap
		expect_whole 980
		expect_in ";runtime.goexit;runtime.main;main.main;main.nap;syscall." "$(<r.folded)"
		expect_in ";runtime.goexit;main.main.func1;main.readPipe;syscall." "$(<r.folded)"
		[[ $(<r.folded) != *";nap+0x"* ]]
		rm nap
	done
}

@test "Go: C and back" {
	requires command-go command-gcc arch-x86_64
	cat >nap.go <<'END'
package main

// #include <unistd.h>
// static void __attribute__((noinline)) c_nap(int ms) { usleep(ms * 1000); __asm__ volatile(""); }
// void c_calls(int ms);
import "C"

//go:noinline
func inGo(ms C.int) int { C.c_nap(ms); return int(ms) }

var sum int

//export called
func called(ms C.int) { sum += inGo(ms) }

func main() {
	for i := 0; i < 5; i++ {
		C.c_calls(50)
	}
}
END
	cat >calls.c <<'END'
extern void called(int);
void c_calls(int ms) { called(ms); __asm__ volatile(""); }
END
	cat >go.mod <<<"module nap"
	HOME=$PWD GOCACHE=$PWD/cache CGO_ENABLED=1 go build -o nap . || skip "this go can't build a program with C"
	run_it ./nap
	expect_stack ";runtime.goexit(.abi0)?;runtime.main;main.main;.*;c_calls;called;.*;main.inGo;.*;c_nap;"
}

# One that has perf's trampolines (3.12 and later, on some machines).
python_with_trampolines() {
	local python
	for python in python3 python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
		if "$python" -X perf -c 'import sys; sys.exit(not sys.is_stack_trampoline_active())' 2>/dev/null; then
			echo "$python"
			return
		fi
	done
}

@test "Python -X perf: every function of threads and of forked processes" {
	local python
	python=$(python_with_trampolines)
	[[ $python ]] || skip "there is no Python 3.12 or later with perf trampolines"
	cat >nap.py <<'END'
import os, threading, time
def nap(seconds): time.sleep(seconds)
def outer(seconds): nap(seconds)
def forked(): outer(0.1)
threads = [threading.Thread(target=outer, args=(0.2,)) for i in range(2)]
for t in threads: t.start()
for t in threads: t.join()
child = os.fork()
if not child:
    forked()
    os._exit(0)
os.waitpid(child, 0)
END
	run_it "$python" -X perf nap.py
	"$CONCTRACE" report --json r.data | jq -r '.processes[] | "/tmp/perf-\(.pid).map"' | xargs rm -f
	expect_whole 900
	expect_stack ";start_thread;.*;py::outer:.*;py::nap:.*\\[sleep\\]"
	expect_stack ";_start;.*;py::forked:.*;py::outer:.*;py::nap:.*\\[sleep\\]"
	[[ $(<r.folded) != *";[jit]"* ]]
}
