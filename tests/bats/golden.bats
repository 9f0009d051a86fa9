#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Golden recordings: neither root nor a kernel is needed. What is made of them must be what stands beside them, to the letter;
# tools/refresh-golden writes that anew when it is meant to change.

load helpers

@test "report, --json, folded and compare of the golden recordings are as they were" {
	[[ $(find "$TOP/tests/golden" -name '*.data' | wc -l) -ge 3 ]]
	"$TOP/tools/refresh-golden" --check
}

@test "a golden recording obeys the laws" {
	for data in "$TOP"/tests/golden/*.data; do
		expect_lawful "$data"
	done
}
