#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: folded stacks, and speedscope as npm has it. Out: what speedscope's own importer made of them differently; status 1 if anything.

    tests/browser/speedscope.py FOLDER/package FILE.folded...

speedscope's package is a page. It is opened from the disk, takes the file in, and exports what it has understood as its own JSON; that
must have the same stacks with the same weights."""

import base64
import collections
import json
import os
import sys
import tempfile
import time

from webdriver import Browser

CATCH = """
window.caught = null;
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => {
	blob.text().then((text) => { window.caught = text; });
	return make.call(URL, blob);
};"""


def folded(path):
    stacks = collections.Counter()
    with open(path, encoding="utf-8") as f:
        for line in f:
            stack, _, weight = line.rstrip("\n").rpartition(" ")
            stacks[stack] += int(weight)
    return stacks


def exported(text):
    """Its profiles are events: a frame opens, a frame closes; the time between two belongs to what is open."""
    document = json.loads(text)
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    stacks = collections.Counter()
    for profile in document["profiles"]:
        if profile["type"] != "evented":
            raise SystemExit(f"speedscope exported a profile of type {profile['type']}")
        stack, since = [], profile["startValue"]
        for event in profile["events"]:
            if stack and event["at"] > since:
                stacks[";".join(frames[i] for i in stack)] += event["at"] - since
            since = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
            elif not stack or stack.pop() != event["frame"]:
                raise SystemExit("speedscope's export closes what is not open")
    return stacks


def round_trip(browser, page, path):
    """What speedscope exports after it has imported the file at `path`."""
    with open(path, "rb") as f:
        data = base64.b64encode(f.read()).decode()
    with tempfile.NamedTemporaryFile("w", suffix=".js", delete=False) as script:
        script.write(f'speedscope.loadFileFromBase64("{os.path.basename(path)}", "{data}")\n')
    try:
        browser.open("about:blank")
        browser.open(f"file://{page}#localProfilePath={script.name}")
        browser.script(CATCH)
        for _ in range(100):
            if browser.script("return document.title").startswith(os.path.basename(path)):
                break
            time.sleep(0.1)
        for _ in range(20):
            browser.press("Control", "s")
            time.sleep(0.2)
            text = browser.script("return window.caught")
            if text:
                return exported(text)
    finally:
        os.unlink(script.name)
    raise SystemExit(f"speedscope did not import {path}: the page is titled {browser.script('return document.title')!r}; "
                     f"it says {browser.complaints()}")


def main():
    page = os.path.join(os.path.abspath(sys.argv[1]), "dist/release/index.html")
    wrong = 0
    with Browser() as browser:
        for path in sys.argv[2:]:
            want, have = folded(path), round_trip(browser, page, path)
            if not want:
                print(f"{path} has no stacks", file=sys.stderr)
                wrong += 1
            for stack in sorted(want.keys() | have.keys()):
                if want[stack] != have[stack]:
                    print(f"{path}: {stack}: {want[stack]} us, in speedscope {have[stack]}", file=sys.stderr)
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
