#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Flame graphs as files: what the verb takes and refuses, that the file is whole XML however hostile the names, how large it gets, and
# that other tools take the folded stacks.

load helpers

setup() {
	in_scratch
	GOLDEN=$TOP/tests/golden
}

teardown() {
	leave_scratch
}

draw() { # OPTIONS...
	"$CONCTRACE" flamegraph "$@" 3>&-
}

# The beginning of the titles of all boxes: one name a line.
names() { # FILE
	sed -n '/<g id="frames"/,/<g id="head"/s/.*<g class="f [^>]*><title>\(.*\) ([^()]*)<\/title>.*/\1/p' "$1"
}

make_recording() { # KIND FILE
	"$O/tests/make_recording" "$1" "$2" 3>&-
}

@test "the default name, -o FILE, -o - and standard input" {
	cp "$GOLDEN/gil.data" conctrace.data
	draw
	xmllint --noout conctrace.svg
	draw -o other.svg conctrace.data
	cmp conctrace.svg other.svg
	draw -o - >out.svg
	cmp conctrace.svg out.svg
	draw -o in.svg - <conctrace.data
	cmp conctrace.svg in.svg
}

@test "a longer picture that is there is replaced whole; one that can't be written is said" {
	head -c 100000 /dev/zero >old.svg
	draw -o old.svg "$GOLDEN/gil.data"
	xmllint --noout old.svg
	capture draw -o missing/out.svg "$GOLDEN/gil.data"
	expect_status 1
	expect_in missing/out.svg "$err"
	if [[ -w /dev/full ]]; then
		capture sh -c '"$1" flamegraph -o - "$2" >/dev/full' sh "$CONCTRACE" "$GOLDEN/gil.data"
		expect_status 1
		expect_in "standard output" "$err"
		capture "$CONCTRACE" flamegraph -o /dev/full "$GOLDEN/gil.data"
		expect_status 1
		expect_in "/dev/full: No space left on device" "$err"
	fi
}

@test "--cpu, --wait, --kind and their groups" {
	draw --cpu -o cpu.svg "$GOLDEN/gil.data"
	expect_equal "$(names cpu.svg | grep -c '^\[running\]$')" 2
	expect_equal "$(names cpu.svg | grep -c '^\[[a-z]*\]$')" 2
	draw --wait -o wait.svg "$GOLDEN/gil.data"
	expect_equal "$(names wait.svg | grep -c '^\[running\]$' || true)" 0
	draw --kind mutex,join --kind ready -o kinds.svg "$GOLDEN/gil.data"
	expect_equal "$(names kinds.svg | grep '^\[[a-z]*\]$' | grep -v 'no stack' | sort -u | tr '\n' ' ')" "[join] [mutex] [ready] "
	draw --kind sync -o group.svg "$GOLDEN/gil.data"
	expect_equal "$(names group.svg | grep '^\[[a-z]*\]$' | sort -u | tr '\n' ' ')" "[condition] [join] "
}

@test "--by, --names, --reverse, --icicle, --title, --width, --min-width" {
	draw --by process -o process.svg "$GOLDEN/gil.data"
	names process.svg | sed -n 2p | grep -E '^conctrace-workl-[0-9]+$'
	draw --by thread -o thread.svg "$GOLDEN/gil.data"
	expect_equal "$(names thread.svg | grep -cE '^worker-[0-9]+$')" 2
	draw --reverse --kind mutex -o reverse.svg "$GOLDEN/gil.data"
	expect_equal "$(names reverse.svg | head -3 | tr '\n' ' ')" "all [mutex] futex_[k] "
	draw --icicle -o icicle.svg "$GOLDEN/gil.data"
	xmllint --noout process.svg thread.svg reverse.svg icicle.svg
	# Upside down: the root's box is the highest.
	expect_equal "$(grep -o '<rect x="[0-9.]*" y="[0-9]*" width="[0-9.]*" height="15"' icicle.svg | grep -o ' y="[0-9]*"' | head -1)" \
		"$(grep -o '<rect x="[0-9.]*" y="[0-9]*" width="[0-9.]*" height="15"' icicle.svg | grep -o ' y="[0-9]*"' | sort -t'"' -k2n | head -1)"
	draw --title 'A <b> & "c"' --width 640 -o title.svg "$GOLDEN/gil.data"
	expect_equal "$(xmllint --xpath 'string(/*/*[1])' title.svg)" 'A <b> & "c"'
	expect_equal "$(xmllint --xpath 'string(/*/@width)' title.svg)" 640
	draw --min-width 50 -o few.svg "$GOLDEN/gil.data"
	(($(names few.svg | wc -l) < $(names icicle.svg | wc -l)))
	grep -q 'id="note".* boxes are narrower than 50 px' few.svg
	draw --names raw -o raw.svg "$GOLDEN/gil.data"
}

@test "contradictions and nonsense are refused with status 2" {
	local -a wrong=("--cpu --wait x" "--kind mutex --cpu x" "--kind nothing x" "--kind mutex,,disk x" "--diff a" "--diff a b c" "a b"
		"--diff --by thread a b" "--scale wall x" "--width 10 x" "--min-width -1 x" "--min-width 1e3 x" "--by x y" "--title= x")
	local arguments

	for arguments in "${wrong[@]}"; do
		# shellcheck disable=SC2086 # words
		capture draw $arguments
		expect_status 2 || return 1
		[[ ! -e conctrace.svg ]]
	done
	capture draw none.data
	expect_status 1
	[[ ! -e conctrace.svg ]]
}

@test "hostile names stay text, and the file well-formed" {
	make_recording hostile hostile.data
	draw -o hostile.svg hostile.data
	draw --by thread --reverse --icicle -o reverse.svg hostile.data
	draw --diff -o diff.svg hostile.data hostile.data
	xmllint --noout hostile.svg reverse.svg diff.svg
	for file in *.svg; do
		expect_equal "$(xmllint --xpath 'count(//*[local-name()="script"])' "$file")" 1
		expect_equal "$(xmllint --xpath 'count(//@href | //*[starts-with(name(@*), "on")])' "$file")" 0
		# Nothing in it is of another place: the names of the two namespaces are all that looks like it.
		expect_equal "$(grep -o 'https\?://[^"<]*' "$file" | sort -u | tr '\n' ' ')" "http://www.w3.org/1999/xhtml http://www.w3.org/2000/svg "
	done
	"$CONCTRACE" folded hostile.data >hostile.folded
	expect_equal "$(grep -cvE '^[^;]+(;[^;]+)+;\[[a-z_]+\] [0-9]+$' hostile.folded || true)" 0
}

@test "widths are those of the folded stacks" {
	for data in "$GOLDEN"/*.data; do
		draw --min-width 0 -o out.svg "$data"
		"$CONCTRACE" folded "$data" >out.folded
		python3 "$TOP/tests/browser/widths.py" out.svg out.folded
	done
}

@test "more than a million boxes: at most 5 MB, and said" {
	make_recording large large.data
	draw -o large.svg large.data
	xmllint --noout large.svg
	(($(stat -c %s large.svg) <= 5000000))
	grep -qE 'id="note"[^>]*>1,[0-9]{3},[0-9]{3} of 1,500,012 boxes are narrower than 0\.1 px: together in' large.svg
	# As many as there is room for, whatever is asked for.
	draw --min-width 0 --width 20000 -o all.svg large.data
	xmllint --noout all.svg
	(($(stat -c %s all.svg) <= 5000000 && $(stat -c %s all.svg) > 3000000))
}

@test "--diff: what became more and less, what is new and gone" {
	make_recording before before.data
	make_recording after after.data
	draw --diff -o diff.svg before.data after.data
	xmllint --noout diff.svg
	grep -q '<g class="f more4[^>]*><title>flush (400.0 ms, 50.63 %; was 200.0 ms, +100.0 %)</title>' diff.svg
	grep -q '<g class="f less4[^>]*><title>parse (100.0 ms, 12.66 %; was 200.0 ms, -50.0 %)</title>' diff.svg
	grep -q '<g class="f more1[^>]*><title>store (110.0 ms' diff.svg
	grep -q '<g class="f more4[^>]*><title>sync (80.00 ms, 10.13 %; new)</title>' diff.svg
	grep -q 'gone, not drawn: 50.00 ms' diff.svg
	grep -q 'Thread time: 790.0 ms, was 650.0 ms (not scaled)' diff.svg
	expect_equal "$(xmllint --xpath 'string(/*/*[1])' diff.svg)" "after.data compared to before.data"
	mkdir x
	cp after.data x/before.data
	draw --diff -o paths.svg before.data x/before.data
	expect_equal "$(xmllint --xpath 'string(/*/*[1])' paths.svg)" "x/before.data compared to before.data"
	draw --diff --scale total -o total.svg before.data after.data
	grep -q 'was 790.0 ms (scaled to the same total, by 1.215)' total.svg
	# A recording and itself: nothing changed, anywhere.
	draw --diff -o same.svg after.data after.data
	expect_equal "$(grep -c '<g class="f same' same.svg)" "$(grep -c '<g class="f ' same.svg)"
}

@test "flamegraph.pl takes the folded stacks, and has the same boxes" {
	script=/usr/share/perl5/Devel/NYTProf/flamegraph.pl
	[[ -r $script ]] || skip "there is no flamegraph.pl (libdevel-nytprof-perl)"
	requires command-perl
	make_recording hostile hostile.data
	for data in "$GOLDEN"/*.data; do
		"$CONCTRACE" folded "$data" >out.folded
		perl "$script" --minwidth=0 out.folded >out.svg
		python3 "$TOP/tests/browser/widths.py" out.svg out.folded
	done
	"$CONCTRACE" folded hostile.data >out.folded
	perl "$script" out.folded >out.svg 2>err
	xmllint --noout --nonet out.svg
	[[ ! -s err ]]
}

@test "inferno's format: a stack without tabs or ends of lines in it, one blank, a whole number" {
	make_recording hostile hostile.data
	for data in "$GOLDEN"/*.data hostile.data; do
		"$CONCTRACE" folded "$data" >out.folded
		[[ -s out.folded ]]
		expect_equal "$(LC_ALL=C.UTF-8 grep -cvP '^[^\p{Cc}]+ \d+$' out.folded || true)" 0
		expect_equal "$(cut -d' ' -f1- out.folded | sed 's/ [0-9]*$//' | sort | uniq -d | wc -l)" 0
	done
}
