#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Flame graphs in a browser: real clicks and keys in a headless Chromium, in light and dark; and the folded stacks in speedscope.
# Screenshots are in $O/screenshots afterwards.

load helpers

# Once for all: pictures of every kind.
setup_file() {
	load helpers
	export PICTURES=$O/tests/pictures SCREENSHOTS=$O/screenshots PYTHONDONTWRITEBYTECODE=1
	rm -rf "$PICTURES"
	mkdir -p "$PICTURES" "$SCREENSHOTS"
	for kind in hostile large before after; do
		"$O/tests/make_recording" "$kind" "$PICTURES/$kind.data" 3>&-
	done
	for name in gil threads shell; do
		"$CONCTRACE" flamegraph -o "$PICTURES/$name.svg" "$TOP/tests/golden/$name.data" 3>&-
	done
	"$CONCTRACE" flamegraph -o "$PICTURES/hostile.svg" "$PICTURES/hostile.data" 3>&-
	"$CONCTRACE" flamegraph -o "$PICTURES/large.svg" "$PICTURES/large.data" 3>&-
	"$CONCTRACE" flamegraph --diff -o "$PICTURES/diff.svg" "$PICTURES/before.data" "$PICTURES/after.data" 3>&-
	"$CONCTRACE" flamegraph --icicle --width 700 -o "$PICTURES/icicle.svg" "$TOP/tests/golden/threads.data" 3>&-
	"$CONCTRACE" flamegraph --reverse -o "$PICTURES/reverse.svg" "$TOP/tests/golden/threads.data" 3>&-
}

in_browser() { # CASE PICTURE
	requires browser
	timeout 180 python3 "$TOP/tests/browser/flamegraph.py" "$1" "$PICTURES/$2.svg" "$SCREENSHOTS" 3>&-
}

@test "a click zooms, to scale; what it stands on stays; reset and reload" {
	in_browser zoom gil
}

@test "search by click, Ctrl-F and F3: matches, their total, expressions, reset" {
	in_browser search gil
}

@test "the pointer tells name, time and share" {
	in_browser hover gil
}

@test "Tab, arrows, Enter and Escape" {
	in_browser keyboard gil
}

@test "hostile names are never run" {
	in_browser hostile hostile
}

@test "colours: apart in any colour vision, text readable, light and dark" {
	in_browser colours gil
}

@test "texts fit their boxes, nothing overlaps: states, a comparison, an icicle, reversed" {
	for picture in gil shell diff icicle reverse hostile; do
		in_browser fits "$picture"
		for theme in light dark; do
			mv "$SCREENSHOTS/fits-$theme.png" "$SCREENSHOTS/$picture-$theme.png"
		done
	done
}

@test "a picture of 12,000 boxes opens and zooms" {
	in_browser large large
}

@test "a picture higher than the window begins at its root, the head in sight" {
	in_browser high gil
}

@test "speedscope imports the folded stacks as they are" {
	requires browser command-npm
	# Kept from one run to the next: only the first needs the network.
	package=$O/npm/speedscope
	if [[ ! -d $package/package ]]; then
		mkdir -p "$package"
		(cd "$package" && timeout 120 npm pack --silent speedscope@1.25.0 >/dev/null 2>&1 3>&- && tar -xzf speedscope-*.tgz) ||
			skip "npm can't fetch speedscope"
	fi
	"$CONCTRACE" folded "$PICTURES/hostile.data" >"$PICTURES/hostile.folded"
	timeout 180 python3 "$TOP/tests/browser/speedscope.py" "$package/package" "$TOP"/tests/golden/*.folded "$PICTURES/hostile.folded" 3>&-
}
