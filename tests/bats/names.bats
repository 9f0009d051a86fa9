#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Names of functions on the real thing: C++ with and without its debug file, code of a JIT, processes in other roots.

# shellcheck disable=SC2016,SC2154 # inner shells expand; capture sets out, err, status
load helpers

setup() {
	requires root bpf
	plain_root
	in_scratch
}

teardown() {
	rm -f ${PERF_MAP:+"$PERF_MAP"}
	leave_scratch
}

run_it() { # COMMAND...
	capture timeout -k 5 60 "$CONCTRACE" run -q -o r.data --folded r.folded -- "$@"
	expect_status 0
}

# A C++ program with a template, a lambda and an operator, each of which computes; its debug file is apart. Frames of three
# calls each in two functions: where there is no symbol, they must still be one box a function.
make_shop() { # FLAG...
	cat >shop.cpp <<'END'
#include <time.h>
static volatile unsigned long work;
template <class Body> __attribute__((noinline)) static void during(long ms, Body body)
{
	timespec begin, now;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		for (int i = 0; i < 20000; i++)
			body(i);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}
namespace shop {
template <class T> struct Queue {
	T item;
	__attribute__((noinline)) void pop(long ms) { during(ms, [this](int i) { work += i + (long)item; }); work++; }
	__attribute__((noinline)) Queue &operator<<(long ms) { pop(ms); pop(ms); pop(ms); work++; return *this; }
};
}
int main()
{
	shop::Queue<int> ints = {1};
	shop::Queue<shop::Queue<long> *> queues = {nullptr};
	ints << 60;
	queues << 60;
	work++;
	return 0;
}
END
	g++ -O1 -g0 -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-optimize-sibling-calls "$@" -o shop.whole shop.cpp 2>/dev/null ||
		g++ -O1 -g0 -fno-omit-frame-pointer -fno-optimize-sibling-calls "$@" -o shop.whole shop.cpp
	objcopy --only-keep-debug shop.whole shop.debug
	objcopy --strip-all --add-gnu-debuglink=shop.debug shop.whole shop
}

frames() { # the distinct ones of the folded file $1
	sed 's/ [0-9]*$//' "$1" | tr ';' '\n' | sort -u
}

@test "C++, stripped, with its debug file: whole names, short ones, the linker's" {
	requires command-g++ command-objcopy
	make_shop -Wl,--build-id=none
	run_it ./shop
	expect_in ';main;shop::Queue<int>::operator<<(long);shop::Queue<int>::pop(long);' "$(<r.folded)"
	expect_in ';main;shop::Queue<shop::Queue<long>*>::operator<<(long);' "$(<r.folded)"
	capture "$CONCTRACE" folded --names short r.data
	expect_in ';main;shop::Queue::operator<<;shop::Queue::pop;' "$out"
	[[ $out != *"<int>"* ]]
	capture "$CONCTRACE" folded --names raw r.data
	expect_in ';main;_ZN4shop5QueueIiElsEl;_ZN4shop5QueueIiE3popEl;' "$out"
	capture "$CONCTRACE" report --names full r.data
	expect_status 0
	capture "$CONCTRACE" report --names half r.data
	expect_status 2
	# the names are in the recording: neither program nor debug file is needed any more
	rm shop*
	"$CONCTRACE" folded r.data >again.folded
	cmp r.folded again.folded
	expect_lawful r.data
}

@test "C++, stripped, without a debug file: named by where functions begin, one name a function" {
	local address

	requires command-g++ command-objcopy command-nm
	make_shop
	rm shop.debug
	run_it ./shop
	for function in _ZN4shop5QueueIiElsEl _ZN4shop5QueueIiE3popEl; do
		address=$(nm shop.whole | awk -v name="$function" '$3 == name { sub(/^0+/, "", $1); print $1 }')
		expect_in ";shop+0x$address" "$(<r.folded)"
	done
	[[ $(uname -m) != x86_64 ]] || expect_in ";__libc_start_call_main;main;shop+0x" "$(<r.folded)"
	# main, 2 operators, 2 pops, 2 templates with their lambdas inlined or not, the start-up code
	(($(frames r.folded | grep -c '^shop+0x') <= 10))
	expect_lawful r.data
}

@test "a debug file that is another's is not believed" {
	requires command-g++ command-objcopy
	make_shop -Wl,--build-id=none
	echo >>shop.debug
	run_it ./shop
	[[ $(<r.folded) != *"Queue"* ]]
	expect_in ";shop+0x" "$(<r.folded)"
}

@test "a JIT's perf map: lines that come before, while and after its code runs" {
	requires workload-jitmap
	for when in "" late; do
		# shellcheck disable=SC2086
		capture timeout -k 5 60 "$CONCTRACE" run -q -o r.data --folded r.folded -- "$WORKLOADS/jitmap" 300 $when
		expect_status 0
		PERF_MAP=$(jq -r .map <<<"$out")
		expect_in ";main;py::first:/srv/app.py;called_by_jit" "$(<r.folded)"
		expect_in ";main;py::second:/srv/app.py;called_by_jit" "$(<r.folded)"
		rm "$PERF_MAP"
	done
	expect_lawful r.data
}

@test "code of a JIT that keeps no frame pointer, but goes straight out of its frame" {
	requires workload-jitmap
	[[ $(uname -m) == x86_64 ]] || skip "on this machine code keeps a frame pointer"
	capture timeout -k 5 60 "$CONCTRACE" run -q -o r.data --folded r.folded -- "$WORKLOADS/jitmap" 300 bare
	expect_status 0
	rm "$(jq -r .map <<<"$out")"
	expect_in ";_start;__libc_start_main;__libc_start_call_main;main;py::first:/srv/app.py;called_by_jit" "$(<r.folded)"
	expect_in ";_start;__libc_start_main;__libc_start_call_main;main;py::second:/srv/app.py;called_by_jit" "$(<r.folded)"
	[[ $(<r.folded) != *"[truncated];py::"* ]]
}

@test "a JIT in a PID namespace with a /tmp of its own" {
	requires workload-jitmap command-unshare
	capture timeout -k 5 60 "$CONCTRACE" run -q -o r.data --folded r.folded -- \
		unshare --pid --fork --mount --propagation private sh -c 'exec 9<"$0" && mount -t tmpfs none /tmp && /proc/self/fd/9 300' \
		"$WORKLOADS/jitmap"
	expect_status 0
	expect_in ";main;py::first:/srv/app.py;called_by_jit" "$(<r.folded)"
	expect_in ";main;py::second:/srv/app.py;called_by_jit" "$(<r.folded)"
}

@test "a program in another root: its debug file is there, and it is gone" {
	requires command-g++ command-objcopy command-chroot

	make_shop -static -Wl,--build-id=0x1234567890abcdef
	mkdir -p root/usr/lib/debug/.build-id/12 root/bin
	mv shop root/bin/shop
	cp shop.debug root/usr/lib/debug/.build-id/12/34567890abcdef.debug
	run_it chroot root /bin/shop
	expect_in ';main;shop::Queue<int>::operator<<(long);shop::Queue<int>::pop(long);' "$(<r.folded)"
	# a link that leads out of it finds nothing
	mv root/usr/lib/debug/.build-id/12/34567890abcdef.debug away.debug
	ln -s "$PWD/away.debug" root/usr/lib/debug/.build-id/12/34567890abcdef.debug
	run_it chroot root /bin/shop
	[[ $(<r.folded) != *"Queue"* ]]
}
