#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Inlined functions, source lines, and names from elsewhere: of a program that was recorded and is then moved, replaced, stripped.

# shellcheck disable=SC2154 # capture sets out, err and status
load helpers

# What nap blocks in is on line 7, and nap was inlined into step on line 11, that into outer on line 17.
program() {
	cat <<-'END'
		static volatile long sink;
		#define INLINE static inline __attribute__((always_inline))
		INLINE void nap(void)
		{
			long time[2] = {0, 20000000};
			long r;
			__asm__ volatile("syscall; nop" : "=a"(r) : "a"(35), "D"(time), "S"(0) : "rcx", "r11", "memory");
		}
		INLINE void step(void)
		{
			nap();
			sink++;
		}
		__attribute__((noinline)) void outer(void)
		{
			for (int i = 0; i < 7; i++)
				step();
			sink++;
		}
		int main(void) { outer(); return 0; }
	END
}
CHAIN="outer (nap.c:17);step (nap.c:11)_[i];nap (nap.c:7)_[i];"

setup() {
	requires root bpf user arch-x86_64 command-gcc command-objcopy command-setpriv
	plain_root
	in_scratch
	if [[ ! -e $BATS_FILE_TMPDIR/nap.data ]]; then
		program >"$BATS_FILE_TMPDIR/nap.c"
		(cd "$BATS_FILE_TMPDIR" && gcc -O2 -g -fno-omit-frame-pointer -Wl,--build-id nap.c -o nap)
		cp "$BATS_FILE_TMPDIR/nap" "$SCRATCH/nap"
		"$CONCTRACE" run -q -o "$BATS_FILE_TMPDIR/nap.tmp" --folded /dev/null -- ./nap 3>&- </dev/null
		echo "$SCRATCH/nap" >"$BATS_FILE_TMPDIR/path"
		mv "$BATS_FILE_TMPDIR/nap.tmp" "$BATS_FILE_TMPDIR/nap.data"
	fi
	cp "$BATS_FILE_TMPDIR"/nap{,.c,.data} .
	chmod 644 nap.data
	RECORDED=$(<"$BATS_FILE_TMPDIR/path")
	ID=$(readelf -n nap | sed -n 's/.*Build ID: //p')
	install -m 755 "$CONCTRACE" tool
	unset DEBUGINFOD_URLS
}

teardown() {
	leave_scratch
}

as_nobody() { # COMMAND...
	setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --bounding-set=-all --inh-caps=-all "$@"
}

# A folder that is the root of the machine on which the program was recorded, with FILE in its place.
make_symfs() { # FILE
	rm -rf fs
	mkdir -p "fs$(dirname "$RECORDED")"
	cp "$1" "fs$RECORDED"
	chmod -R a+rX fs
}

@test "a run shows inlined functions and lines at its end, and records the same" {
	capture "$CONCTRACE" run --inlines --lines -o a.data --folded a.folded -- ./nap
	expect_status 0
	expect_in " nap (nap.c:7), nanosleep" "$err"
	expect_in "$CHAIN" "$(<a.folded)"
	expect_lawful a.data
	capture "$CONCTRACE" folded a.data
	expect_status 0
	[[ $out != *nap.c* && $out == *"main;outer;nanosleep_[k];[sleep] "* ]]
	capture "$CONCTRACE" folded --inlines a.data
	expect_in "main;outer;step_[i];nap_[i];nanosleep_[k];[sleep] " "$out"
	capture "$CONCTRACE" folded --lines a.data
	expect_in "outer (nap.c:7);nanosleep_[k];[sleep] " "$out"
	"$CONCTRACE" report --json --lines --inlines a.data >a.json
	expect_equal "$(json a.json '.places[0].place')" nap
	expect_equal "$(json a.json '.places[0].source | split("/") | last')" nap.c
	expect_equal "$(json a.json '.places[0].line')" 7
}

@test "the lines still add up to the thread time" {
	make_symfs nap
	capture "$CONCTRACE" folded nap.data
	before=$(awk '{ sum += $NF } END { print sum }' <<<"$out")
	capture "$CONCTRACE" folded --inlines --lines --symfs fs nap.data
	expect_in "$CHAIN" "$out"
	expect_equal "$(awk '{ sum += $NF } END { print sum }' <<<"$out")" "$before"
}

@test "an ordinary user reads it all from a folder with the other machine's files" {
	make_symfs nap
	capture as_nobody ./tool folded --inlines --lines --symfs fs nap.data
	expect_status 0
	expect_in "$CHAIN" "$out"
	objcopy --strip-all nap stripped
	make_symfs stripped
	capture as_nobody ./tool folded --inlines --lines --symfs fs nap.data
	expect_status 0
	[[ $out != *nap.c* ]]
	expect_in "$RECORDED is without debug information" "$err"
	mkdir -p "fs/usr/lib/debug/.build-id/${ID:0:2}"
	objcopy --only-keep-debug nap "fs/usr/lib/debug/.build-id/${ID:0:2}/${ID:2}.debug"
	chmod -R a+rX fs
	capture as_nobody ./tool folded --inlines --lines --symfs fs nap.data
	expect_status 0
	expect_in "$CHAIN" "$out"
}

@test "another build of the program is refused, said, and the rest is as without it" {
	gcc -O1 -g -Wl,--build-id nap.c -o other
	make_symfs other
	capture "$CONCTRACE" report nap.data
	plain=$out
	capture "$CONCTRACE" report --inlines --lines --symfs fs nap.data
	expect_status 0
	expect_equal "$out" "$plain"
	expect_in "$RECORDED is here only with another build id, and not used" "$err"
}

@test "a program that breaks its reader costs its own lines" {
	# every byte of the debug information after the abbreviations is 0xff
	make_symfs nap
	python3 - "fs$RECORDED" <<-'END'
		import re, subprocess, sys
		path = sys.argv[1]
		sections = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True).stdout
		data = bytearray(open(path, "rb").read())
		for name, offset, size in re.findall(r"\] (\.debug_\w+) +PROGBITS +\w+ (\w+) (\w+)", sections):
		    offset, size = int(offset, 16), int(size, 16)
		    data[offset + 12:offset + size] = b"\xff" * max(0, size - 12)
		open(path, "wb").write(data)
	END
	capture "$CONCTRACE" report nap.data
	plain=$out
	capture "$CONCTRACE" report --inlines --lines --symfs fs nap.data
	expect_status 0
	expect_equal "$out" "$plain"
	truncate -s 3000 "fs$RECORDED"
	capture "$CONCTRACE" report --inlines --lines --symfs fs nap.data
	expect_status 0
	expect_equal "$out" "$plain"
}

@test "--debuginfod says what is missing, and fetches by build id" {
	capture "$CONCTRACE" report --debuginfod nap.data
	expect_status 1
	expect_equal "$out" ""
	expect_in "--debuginfod: " "$err"
	[[ $("$CONCTRACE" --version) == *libdebuginfod* ]] || skip "built without libdebuginfod"
	expect_in "DEBUGINFOD_URLS is not set or empty" "$err"

	mkdir -p "www/buildid/$ID"
	objcopy --strip-all nap "www/buildid/$ID/executable"
	objcopy --only-keep-debug nap "www/buildid/$ID/debuginfo"
	start_background python3 -u -m http.server -b 127.0.0.1 -d www 0 >server.log 2>&1
	wait_until 10 grep -q ' port ' server.log
	port=$(sed -nE 's/.* port ([0-9]+).*/\1/p' server.log)
	export DEBUGINFOD_URLS=http://127.0.0.1:$port
	make_symfs /dev/null
	rm -f nap
	for user in root nobody; do
		mkdir "cache.$user"
		chmod 777 "cache.$user"
		export DEBUGINFOD_CACHE_PATH=$SCRATCH/cache.$user
		if [[ $user == root ]]; then
			capture "$CONCTRACE" folded --debuginfod --symfs fs --inlines --lines nap.data
		else
			capture as_nobody ./tool folded --debuginfod --symfs fs --inlines --lines nap.data
		fi
		expect_status 0
		expect_in "$CHAIN" "$out"
		# not as root, even for root
		expect_equal "$(stat -c %U "cache.$user/$ID/debuginfo")" nobody
	done
	# a cache of its own is gone at the end
	unset DEBUGINFOD_CACHE_PATH
	capture "$CONCTRACE" folded --debuginfod --symfs fs --lines nap.data
	expect_in "nap.c:7" "$out"
	[[ -z $(find /tmp -maxdepth 1 -name 'conctrace-debuginfod-*') ]]
}

@test "a folder that is none is an error" {
	capture "$CONCTRACE" report --symfs /there/is/none nap.data
	expect_status 1
	expect_in "--symfs /there/is/none: No such file" "$err"
	capture "$CONCTRACE" folded --symfs nap.c nap.data
	expect_status 1
	expect_in "it is no folder" "$err"
}
