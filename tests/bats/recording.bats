#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What is done with a recording: without root, on damaged files, from a pipe, side by side. The recordings are made once.

# shellcheck disable=SC2016,SC2154 # inner shells expand; capture sets out, err and status
load helpers

setup() {
	requires root bpf user command-setpriv
	plain_root
	in_scratch
	make_recordings
	cp "$BATS_FILE_TMPDIR"/{a,b}.data .
	export LC_ALL=C.UTF-8
	chmod 644 a.data b.data
	# Where the tree is, nobody may have no business.
	install -m 755 "$CONCTRACE" tool
}

teardown() {
	leave_scratch
}

make_recordings() {
	[[ ! -e $BATS_FILE_TMPDIR/b.data ]] || return 0
	"$CONCTRACE" run -q -o "$BATS_FILE_TMPDIR/a.data" --folded a.folded -- \
		"$WORKLOAD" --task io --form threaded --jobs 8 --delay-ms 10 3>&- </dev/null
	"$CONCTRACE" run -q -o "$BATS_FILE_TMPDIR/b.tmp" --folded b.folded -- \
		sh -c '"$WORKLOAD" --task cpu --form multiprocess --jobs 4 --compute-ms 30; sleep 0.1; exit 3' 3>&- </dev/null || [[ $? == 3 ]]
	mv "$BATS_FILE_TMPDIR/b.tmp" "$BATS_FILE_TMPDIR/b.data"
}

as_nobody() { # COMMAND...
	setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --bounding-set=-all --inh-caps=-all "$@"
}

# Status 0 or 1 (no crash, no other), and with 1 exactly one line that says why.
expect_sane() { # WHAT
	if ((status > 1)); then
		printf '%s: status %d\n%s\n' "$1" "$status" "$err" >&2
		return 1
	fi
	if ((status)) && { (($(wc -l <<<"$err") != 1)) || [[ $err != "conctrace: "* ]] || [[ -n $out && $err != *"is of the part that can be read" ]]; }; then
		printf '%s: refused, with these words: %s\n' "$1" "$err" >&2
		return 1
	fi
}

microseconds() { # FOLDED
	awk '{ sum += $NF } END { printf "%d\n", sum }' "$1"
}

@test "both recordings keep the law" {
	expect_lawful a.data
	expect_lawful b.data
}

@test "every verb works without root, and says the same" {
	for words in "report a.data" "report --json b.data" "report --threads all b.data" "folded a.data" \
		"folded --cpu b.data" "folded --wait a.data" "compare a.data b.data" "compare --json a.data b.data"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $words
		expect_status 0
		expect_equal "$err" "" "stderr"
		[[ -n $out ]]
		by_root=$out
		# shellcheck disable=SC2086
		capture as_nobody ./tool $words
		expect_status 0
		expect_equal "$out" "$by_root" "$words"
	done
	expect_equal "$(find . -name 'conctrace*')" "" "files that were made"
}

@test "a recording that may not be read" {
	chmod 600 a.data
	capture as_nobody ./tool report a.data
	expect_status 1
	expect_sane "report"
	expect_in "a.data" "$err"
	expect_in "ermission" "$err"
}

@test "conctrace.data is what is read where nothing is named" {
	cp b.data conctrace.data
	capture "$CONCTRACE" report
	expect_equal "$out" "$("$CONCTRACE" report b.data)"
	capture "$CONCTRACE" folded
	expect_equal "$out" "$("$CONCTRACE" folded b.data)"
}

@test "the same recording gives the same bytes" {
	for words in "report" "report --json" "folded" "folded --cpu"; do
		for name in a b; do
			# shellcheck disable=SC2086 # words
			"$CONCTRACE" $words $name.data >first
			# shellcheck disable=SC2086
			TZ=Asia/Tokyo HOME=/ "$CONCTRACE" $words $name.data >second
			cmp first second
		done
	done
}

@test "from a pipe and from standard input" {
	"$CONCTRACE" report --json b.data >file
	"$CONCTRACE" report --json - <b.data >input
	cmp file input
	tail -c +1 b.data | "$CONCTRACE" report --json - >piped
	cmp file piped
	"$CONCTRACE" report --json <(cat b.data) >fifo
	cmp file fifo
	(head -c 5000 b.data && sleep 0.2 && tail -c +5001 b.data) | "$CONCTRACE" folded - >slowly
	"$CONCTRACE" folded b.data | cmp - slowly
	head -c 3000 b.data | "$CONCTRACE" report - >half 2>&1 || [[ $? == 1 ]]
	[[ -s half ]]
}

@test "folded: cpu and wait are all, and all is the thread time" {
	for name in a b; do
		"$CONCTRACE" folded $name.data >all
		"$CONCTRACE" folded --cpu $name.data >cpu
		"$CONCTRACE" folded --wait $name.data >waits
		expect_equal "$(grep -vc '\[running\] [0-9]*$' cpu)" 0 "lines of --cpu that don't run"
		expect_equal "$(grep -c '\[running\] [0-9]*$' waits)" 0 "lines of --wait that run"
		# The same stacks; each line is rounded to a microsecond.
		sort cpu waits >parts
		sort all | paste -d '\n' parts - | awk '{ value = $NF; sub(/ [0-9]+$/, "") }
			NR % 2 { stack = $0; other = value; next }
			stack != $0 || value - other > 1 || other - value > 1 { print other, value, $0; bad = 1 } END { exit bad }'
		total=$("$CONCTRACE" report --json $name.data | jq .totals.lifetime_ns)
		expect_near "$(microseconds all)" $((total / 1000)) 0 $(($(wc -l <all) + 1)) "microseconds of $name"
		running=$("$CONCTRACE" report --json $name.data | jq .totals.running_ns)
		expect_near "$(microseconds cpu)" $((running / 1000)) 0 $(($(wc -l <cpu) + 1)) "running microseconds of $name"
		expect_equal "$(sed 's/ [0-9]*$//' all | sort | uniq -d)" "" "stacks that stand there twice"
	done
}

@test "cut off anywhere: what is there is read and said to be incomplete, or refused in one line" {
	size=$(stat -c %s b.data)
	whole=$("$CONCTRACE" report --json b.data | jq .totals.lifetime_ns)
	cuts="1 7 8 12 15 16 17 30 39 40 41 $((size / 4)) $((size / 2)) $((size * 3 / 4)) $((size - 100)) $((size - 25)) $((size - 24)) $((size - 1))"
	for cut in $cuts $(seq 100 $((size / 23)) "$size"); do
		((cut < size)) || continue
		head -c "$cut" b.data >cut.data
		capture "$CONCTRACE" report --json cut.data
		expect_sane "report of the first $cut of $size bytes"
		expect_equal "$status" 1 "status with $cut bytes"
		if [[ $out ]]; then
			expect_equal "$(jq .complete <<<"$out")" false "complete, of $cut bytes"
			jq -e '.damage | type == "string"' <<<"$out" >/dev/null
			jq -e '.totals | .running_ns + .ready_ns + .waiting_ns + .unknown_ns == .lifetime_ns' <<<"$out" >/dev/null
		fi
		capture "$CONCTRACE" report cut.data
		expect_sane "the text of $cut bytes"
		capture "$CONCTRACE" folded cut.data
		expect_sane "folded of $cut bytes"
	done
	# All sections but the last are there.
	head -c $((size - 24)) b.data >cut.data
	capture "$CONCTRACE" report --json cut.data
	expect_status 1
	expect_equal "$(jq .totals.lifetime_ns <<<"$out")" "$whole" "thread time"
	capture "$CONCTRACE" report cut.data
	grep -qiE 'unfinished|incomplete|cut|ends ' <<<"$out$err"
	[[ $out != *"nothing;"* ]] # nobody knows what was lost: that is told at the end
	for verb in folded "flamegraph -o cut.svg" "compare a.data"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $verb cut.data
		expect_status 1
		expect_in "cut.data: incomplete" "$err"
	done
	xmllint --noout cut.svg
	# Nothing but the header is there.
	head -c 16 b.data >cut.data
	for verb in report folded "flamegraph -o none.svg" "compare a.data"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $verb cut.data
		expect_status 1
		expect_equal "$out" "" "$verb of nothing"
		expect_in "nothing of it can be read" "$err"
	done
	[[ ! -e none.svg ]]
}

@test "a byte that is wrong anywhere: found, and nothing behind it believed" {
	size=$(stat -c %s b.data)
	for at in 0 7 8 9 12 16 20 24 28 32 36 39 40 100 $(seq 200 $((size / 29)) $((size - 30))) $((size - 24)) $((size - 1)); do
		cp b.data wrong.data
		byte=$(od -An -tu1 -j "$at" -N 1 b.data)
		printf '%b' "\\x$(printf %x $((byte ^ 0x55)))" | dd of=wrong.data bs=1 seek="$at" conv=notrunc status=none
		capture "$CONCTRACE" report --json wrong.data
		expect_sane "byte $at of $size"
		expect_equal "$status" 1 "status with byte $at wrong"
		[[ ! $out ]] || expect_equal "$(jq .complete <<<"$out")" false "complete, with byte $at wrong"
	done
}

@test "a recording from a newer version" {
	printf '\2\0\0\0' | dd of=a.data bs=1 seek=8 conv=notrunc status=none
	for words in "report a.data" "folded a.data" "compare a.data b.data"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $words
		expect_status 1
		expect_sane "$words"
		expect_in "newer" "$err"
		expect_in "a.data" "$err"
	done
}

@test "an empty file, and files of others" {
	: >empty
	printf '#!/bin/sh\necho\n' >script
	cp /bin/true program
	printf 'PERFILE2%0100d' 0 >perf.data
	head -c 65536 /dev/urandom >noise
	for file in empty script program perf.data noise; do
		for words in "report $file" "folded $file" "compare b.data $file"; do
			# shellcheck disable=SC2086 # words
			capture "$CONCTRACE" $words
			expect_status 1
			expect_sane "$words"
			expect_in "$file" "$err"
		done
	done
}

@test "compare: side by side, the first as the base" {
	capture "$CONCTRACE" compare a.data b.data
	expect_status 0
	grep -qE '^ +a(\.data)? +b(\.data)?$' <<<"$(head -1 <<<"$out")"
	for row in form 'verdict|bound' 'wall time' 'thread time' 'running' 'ready' 'wait.*: I/O' 'voluntary switches' \
		'involuntary switches' 'threads running'; do
		grep -qE "^$row" <<<"$out"
	done
	grep -qE '^wall time .*[0-9]×$' <<<"$out"
	capture "$CONCTRACE" compare --json a.data b.data
	jq -e . <<<"$out" >/dev/null
	wall=$("$CONCTRACE" report --json b.data | jq .wall_ns)
	expect_in "$wall" "$out"
	capture "$CONCTRACE" compare a.data b.data a.data b.data
	expect_status 0
	capture "$CONCTRACE" compare a.data nothing.data
	expect_status 1
	expect_in "nothing.data" "$err"
	head -c $(($(stat -c %s b.data) - 24)) b.data >cut.data
	capture "$CONCTRACE" compare a.data cut.data
	expect_status 1
	grep -qiE 'unfinished|incomplete|cut off|ends ' <<<"$out$err"
}

@test "the text fits the terminal, and has colours there only" {
	for columns in 60 80 132; do
		for words in "report --threads all b.data" "report a.data" "compare a.data b.data"; do
			# shellcheck disable=SC2086 # words
			COLUMNS=$columns "$CONCTRACE" $words >text
			widest=$(LC_ALL=C.UTF-8 wc -L <text)
			((widest <= columns)) || {
				echo "$words: a line has $widest columns, there are $columns" >&2
				return 1
			}
			expect_equal "$(grep -c $'\033' text)" 0 "lines with colours"
		done
	done
	capture python3 "$TOP/tests/bats/terminal.py" -- env -u NO_COLOR "$CONCTRACE" report b.data
	expect_in $'\033[' "$out"
	capture python3 "$TOP/tests/bats/terminal.py" -- env NO_COLOR=1 "$CONCTRACE" report b.data
	[[ $out != *$'\033['* ]]
}

@test "the report of a known run says what it was" {
	"$CONCTRACE" report --json a.data >r.json
	expect_equal "$(json r.json .form)" threaded
	expect_equal "$(json r.json .bound)" io
	expect_equal "$(json r.json .exit.code)" 0
	expect_equal "$(json r.json '.command[1:3] | join(" ")')" "--task io"
	"$CONCTRACE" report --json b.data >r.json
	expect_equal "$(json r.json .exit.code)" 3
	expect_equal "$(json r.json '.command[0]')" sh
	(($(json r.json '.processes | length') >= 6))
	"$CONCTRACE" report b.data >text
	for words in "exit 3" "verdict" "conctrace-workl"; do
		grep -q "$words" text
	done
}

@test "a report that can't be written is an error" {
	[[ -w /dev/full ]] || skip "there is no /dev/full"
	for words in "report a.data" "report --json a.data" "folded a.data" "compare a.data b.data"; do
		capture bash -c "\"\$CONCTRACE\" $words >/dev/full"
		expect_status 1
		expect_in "No space left" "$err"
		expect_equal "$(wc -l <<<"$err")" 1 "messages"
	done
}

@test "a reader that goes away does not make noise" {
	capture bash -c '"$CONCTRACE" report --json --threads all b.data | head -1'
	expect_equal "$out" "{"
	[[ $err != *"fault"* ]]
}
