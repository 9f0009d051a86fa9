#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The command line: no root, no kernel. Help, version, and what is refused, with which words and which status.

# shellcheck disable=SC2016,SC2154 # inner shells expand; capture sets out, err and status
load helpers

VERBS="run attach report folded compare doctor"

setup() {
	in_scratch
}

teardown() {
	leave_scratch
}

# Exactly one line on stderr, nothing on stdout, this status; $err then has the line.
refused() { # STATUS COMMAND...
	local want=$1

	shift
	capture "$@"
	expect_status "$want"
	expect_equal "$out" "" "stdout"
	expect_equal "$(wc -l <<<"$err")" 1 "lines on stderr"
	expect_in "conctrace: " "$err"
}

usage_status() { # VERB
	if [[ $1 == run ]]; then
		echo 125
	else
		echo 2
	fi
}

@test "--help names every verb and goes to stdout" {
	capture "$CONCTRACE" --help
	expect_status 0
	expect_equal "$err" "" "stderr"
	for verb in $VERBS; do
		grep -qE "^  $verb +[^ ]" <<<"$out"
	done
	capture "$CONCTRACE" -h
	expect_status 0
}

@test "every verb has --help and -h, even behind other options" {
	for verb in $VERBS; do
		capture "$CONCTRACE" "$verb" --help
		expect_status 0
		expect_in "Usage: conctrace $verb " "$out"
		expect_equal "$err" "" "stderr"
		capture "$CONCTRACE" "$verb" -h
		expect_status 0
	done
	capture "$CONCTRACE" run -q --help
	expect_status 0
}

@test "--version says version, kernel floor and what was built in" {
	version=$(sed -n 's/^VERSION := //p' "$TOP/Makefile")
	for words in "--version" "run --version" "report --version" "doctor --version"; do
		# shellcheck disable=SC2086 # words
		capture "$CONCTRACE" $words
		expect_status 0
		expect_equal "$(head -1 <<<"$out")" "conctrace $version"
		expect_in "5.15" "$out"
		expect_in "libbpf" "$out"
	done
}

@test "no help line is wider than 100 columns" {
	for verb in "" $VERBS; do
		# shellcheck disable=SC2086 # no word for ""
		capture "$CONCTRACE" $verb --help
		expect_equal "$(awk 'length($0) > 100' <<<"$out")" ""
	done
}

@test "no verb, an unknown verb, the beginning of a verb" {
	refused 2 "$CONCTRACE"
	refused 2 "$CONCTRACE" nonsense
	expect_in '"nonsense"' "$err"
	refused 2 "$CONCTRACE" rep
	refused 2 "$CONCTRACE" ""
	refused 2 "$CONCTRACE" --nonsense
}

@test "an unknown option is named, with the way to the help" {
	for verb in $VERBS; do
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" --nonsense
		expect_in "$verb: unknown option --nonsense" "$err"
		expect_in "conctrace $verb --help" "$err"
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" --nonsense=1
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" -Z
		expect_in "unknown option -Z" "$err"
	done
}

@test "option names are exact" {
	refused 125 "$CONCTRACE" run --wait true
	refused 2 "$CONCTRACE" report --jso
	refused 2 "$CONCTRACE" report --jsonn
}

@test "every option that takes a value refuses to go without" {
	while IFS=$'\t' read -r verb name letter type _; do
		[[ $type != flag ]] || continue
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" "$name"
		expect_in "$name: the value is missing" "$err"
		if [[ $letter != - ]]; then
			refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" "$letter"
			expect_in "$letter: the value is missing" "$err"
		fi
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" "$name="
	done < <("$CONCTRACE" --list-options)
}

@test "every option that takes no value refuses one" {
	while IFS=$'\t' read -r verb name _ type _; do
		[[ $type == flag ]] || continue
		refused "$(usage_status "$verb")" "$CONCTRACE" "$verb" "$name=1"
		expect_in "$name takes no value" "$err"
	done < <("$CONCTRACE" --list-options)
}

@test "a verb accepts only its own options" {
	refused 2 "$CONCTRACE" report --wait-all
	refused 2 "$CONCTRACE" folded --json
	refused 2 "$CONCTRACE" attach --user nobody
	refused 2 "$CONCTRACE" doctor -o x
	refused 2 "$CONCTRACE" compare --threads all
}

@test "values that are none" {
	refused 125 "$CONCTRACE" run --frequency 10001 true
	refused 125 "$CONCTRACE" run --frequency -1 true
	refused 125 "$CONCTRACE" run --frequency 1x true
	refused 125 "$CONCTRACE" run --threads some true
	expect_in "most, all" "$err"
	refused 2 "$CONCTRACE" attach -p 0
	refused 2 "$CONCTRACE" attach -p 1,
	refused 2 "$CONCTRACE" attach -p 1 -d 0
	refused 2 "$CONCTRACE" attach -p 1 -d soon
	refused 125 "$CONCTRACE" run -o "" true
}

@test "options that exclude each other" {
	refused 2 "$CONCTRACE" folded --cpu --wait
	expect_in "exclude each other" "$err"
	refused 125 "$CONCTRACE" run --as-root --user nobody true
	expect_in "exclude each other" "$err"
}

@test "arguments that are missing or too many" {
	refused 125 "$CONCTRACE" run
	expect_in "COMMAND" "$err"
	refused 125 "$CONCTRACE" run -q --
	refused 2 "$CONCTRACE" attach
	refused 2 "$CONCTRACE" attach -p 1 word
	expect_in '"word"' "$err"
	refused 2 "$CONCTRACE" report a b
	expect_in '"b"' "$err"
	refused 2 "$CONCTRACE" folded a b
	refused 2 "$CONCTRACE" compare
	refused 2 "$CONCTRACE" compare a
	refused 2 "$CONCTRACE" doctor a
	refused 2 "$CONCTRACE" --version word
}

@test "a usage error leaves nothing behind" {
	refused 125 "$CONCTRACE" run -o data --folded folded --nonsense true
	refused 125 "$CONCTRACE" run
	expect_equal "$(ls -A)" ""
}

@test "a recording that is not there, for every verb that reads one" {
	refused 1 "$CONCTRACE" report
	expect_in "conctrace.data" "$err"
	refused 1 "$CONCTRACE" report nothing.data
	expect_in "nothing.data" "$err"
	refused 1 "$CONCTRACE" folded nothing.data
	refused 1 "$CONCTRACE" compare nothing.data nothing.data
	mkdir folder
	refused 1 "$CONCTRACE" report folder
}

@test "a recording that is empty, or foreign" {
	: >empty
	refused 1 "$CONCTRACE" report empty
	expect_in "empty" "$err"
	head -c 100000 /dev/zero >zeros
	refused 1 "$CONCTRACE" report zeros
	printf '#!/bin/sh\necho hello\n' >script
	refused 1 "$CONCTRACE" report script
	refused 1 "$CONCTRACE" folded script
	refused 1 "$CONCTRACE" compare script script
}

@test "a recording from standard input" {
	: >empty
	capture "$CONCTRACE" report -
	expect_status 1
	expect_in "conctrace: " "$err"
}

@test "a result that can't be written is an error" {
	[[ -w /dev/full ]] || skip "there is no /dev/full"
	capture bash -c '"$CONCTRACE" --help >/dev/full'
	expect_status 1
	expect_in "No space left" "$err"
	capture bash -c '"$CONCTRACE" run --help >/dev/full'
	expect_status 1
	capture bash -c '"$CONCTRACE" --version >&-'
	expect_status 1
}

@test "run and attach without root say so, before the command starts" {
	requires root user command-setpriv
	chmod 777 .
	capture setpriv --reuid nobody --clear-groups "$CONCTRACE" run touch started
	expect_status 125
	expect_in "root" "$err"
	[[ ! -e started ]]
	expect_equal "$(ls -A)" ""
	capture setpriv --reuid nobody --clear-groups "$CONCTRACE" attach -p 1 -d 1
	expect_status 1
	expect_in "root" "$err"
}
