#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: a flame graph, and the name of what is to be tried in a browser. Out: what is not as it should be; status 1 if anything.

    tests/browser/flamegraph.py CASE FILE.svg [FOLDER for screenshots]

Clicks and keys are those of a user; what came of them is read from the page.
"""

import os
import sys
import time

import palette
from webdriver import Browser

STATE = """
const boxes = [...document.querySelectorAll("#frames > g")].map((g) => {
	const rect = g.querySelector("rect"), text = g.querySelector("text");
	return {title: g.querySelector("title").textContent, shown: getComputedStyle(g).display !== "none",
		x: rect.x.baseVal.value, y: rect.y.baseVal.value, width: rect.width.baseVal.value,
		text: text ? text.textContent : "", textWidth: text ? text.getComputedTextLength() : 0,
		fill: getComputedStyle(rect).fill, faded: g.classList.contains("p"), match: g.classList.contains("match")};
});
const shown = (id) => getComputedStyle(document.getElementById(id)).display !== "none";
const text = (id) => document.getElementById(id).textContent;
return {boxes, reset: shown("reset"), search: text("search"), details: text("details"), matched: text("matched"),
	field: Boolean(document.getElementById("term")), hash: location.hash, hacked: window.hacked || null};
"""

failures = []


def check(condition, what):
    if not condition:
        failures.append(what)


def state(browser):
    return browser.script(STATE)


def box(browser, name, nth=0):
    """The element of a box, by the beginning of its title."""
    return browser.element("[...document.querySelectorAll('#frames > g')]"
                           ".filter((g) => g.querySelector('title').textContent.startsWith(arguments[0] + ' ('))"
                           "[arguments[1]].querySelector('rect')", name, nth)


def titled(boxes, name):
    return [b for b in boxes if b["title"].startswith(name + " (")]


def zoom(browser, before):
    root = before["boxes"][0]
    browser.click(box(browser, "compute_job"))
    after = state(browser)
    job = titled(after["boxes"], "compute_job")[0]
    check(abs(job["width"] - root["width"]) < 0.001 and abs(job["x"] - root["x"]) < 0.001, f"compute_job is not as wide as all: {job}")
    worker = titled(after["boxes"], "worker")[0]
    check(worker["faded"] and abs(worker["width"] - root["width"]) < 0.001, f"what it stands on is not faded and wide: {worker}")
    check(not titled(after["boxes"], "compute_calibrate")[0]["shown"], "a box beside it is still there")
    ratio = root["width"] / titled(before["boxes"], "compute_job")[0]["width"]
    for old, new in zip(before["boxes"], after["boxes"]):
        if new["shown"] and not new["faded"]:
            check(abs(new["width"] - old["width"] * ratio) < 0.01, f"not to scale: {new['title']}")
    mix = [b for b in titled(after["boxes"], "compute_mix") if b["shown"]][0]
    check(mix["text"] == "compute_mix", f"its text is not whole: {mix['text']}")
    check(after["reset"] and after["hash"].startswith("#zoom="), "no way back is shown, or the address does not know")

    # A reload shows the same.
    browser.call("POST", "/refresh", {})
    again = state(browser)
    check([b["width"] for b in again["boxes"]] == [b["width"] for b in after["boxes"]], "the reload looks different")

    # One on which it stands widens the view, the root and the button show all.
    browser.click(box(browser, "worker"))
    wider = state(browser)
    check(abs(titled(wider["boxes"], "worker")[0]["width"] - root["width"]) < 0.001, "a click on what it stands on does not zoom to that")
    check(titled(wider["boxes"], "compute_job")[0]["width"] < root["width"] - 1, "and back from what it was")
    browser.click(browser.find("#reset"))
    reset = state(browser)
    check(reset["boxes"] == before["boxes"] or [b["width"] for b in reset["boxes"]] == [b["width"] for b in before["boxes"]],
          "reset does not show all as it was")
    check(not reset["reset"] and reset["hash"] == "", "reset leaves the button, or the address")
    check(all(b["shown"] and not b["faded"] for b in reset["boxes"]), "reset leaves boxes hidden or faded")


def search(browser, before):
    # With a click, and the total without counting what is above a match again.
    browser.click(browser.find("#search"))
    check(state(browser)["field"], "a click on Search opens no field")
    browser.press("compute")
    after = state(browser)
    names = {b["title"].split(" (")[0] for b in after["boxes"] if b["match"]}
    check(names == {"compute_calibrate", "compute_job", "compute_mix"}, f"found: {names}")
    root = before["boxes"][0]
    outer = titled(before["boxes"], "compute_calibrate") + titled(before["boxes"], "compute_job")
    share = sum(b["width"] for b in outer) / root["width"] * 100
    check(after["matched"].startswith(f"Matched: {share:.2f} % ("), f"not the total of {share:.2f} %: {after['matched']}")
    match = [b for b in after["boxes"] if b["match"]][0]
    check(match["fill"] not in {b["fill"] for b in before["boxes"]}, "a match has the colour of something else")
    browser.press("Enter")
    after = state(browser)
    check(not after["field"] and after["search"] == "Reset search" and "search=compute" in after["hash"], "Enter does not keep the search")
    browser.click(browser.find("#search"))
    after = state(browser)
    check(after["matched"] == "" and not any(b["match"] for b in after["boxes"]) and after["search"] == "Search",
          "the reset leaves matches")

    # With the keyboard: a regular expression, an error, and Escape.
    browser.press("Control", "f")
    check(state(browser)["field"], "Ctrl-F opens no field")
    browser.press("^futex_")
    check({b["title"].split(" (")[0] for b in state(browser)["boxes"] if b["match"]} == {"futex_[k]"}, "^futex_ is no regular expression")
    browser.press("[")
    after = state(browser)
    check("Not a regular expression" in after["matched"] and not any(b["match"] for b in after["boxes"]), "^futex_[ is one")
    browser.press("Escape")
    after = state(browser)
    check(not after["field"] and after["matched"] == "" and after["hash"] == "", "Escape does not end the search")
    # Small letters find capitals, capitals do not find small letters.
    for term, found in (("MAIN", 0), ("main", 1)):
        browser.press("F3")
        browser.press(term)
        n = sum(b["match"] for b in state(browser)["boxes"])
        check((n > 0) == (found > 0), f"{term} found {n}")
        browser.press("Escape")


def hover(browser, before):
    browser.move(box(browser, "compute_job"))
    job = titled(before["boxes"], "compute_job")[0]
    check(state(browser)["details"] == job["title"], f"details: {state(browser)['details']}, not {job['title']}")
    browser.move(browser.find(".title"))
    check(state(browser)["details"] == "", "details stay when the pointer has gone")


def keyboard(browser, before):
    browser.press("Tab")
    for _ in range(5):
        if browser.script("return document.activeElement.id") == "frames":
            break
        browser.press("Tab")
    check(browser.script("return document.activeElement.id") == "frames", "Tab does not lead to the boxes")
    check(state(browser)["details"] == before["boxes"][0]["title"], "the first box is not told")
    for key in ("Up", "Up", "Up", "Right"):
        browser.press(key)
    here = browser.script("return document.querySelector('#here title').textContent")
    below = titled(before["boxes"], "worker")[0]
    at = [b for b in before["boxes"] if b["title"] == here][0]
    check(abs(at["y"] - (before["boxes"][0]["y"] - 48)) < 0.1 and at["y"] < below["y"], f"Up three times leads to {here}")
    check(state(browser)["details"] == here, "what has the focus is not told")
    browser.press("Enter")
    after = state(browser)
    check(after["reset"] and [b for b in after["boxes"] if b["title"] == here and abs(b["width"] - before["boxes"][0]["width"]) < 0.001],
          f"Enter does not zoom to {here}")
    browser.press("Escape")
    check(not state(browser)["reset"], "Escape does not show all")
    roles = browser.script("return [document.getElementById('frames').getAttribute('role'), document.getElementById('search').getAttribute('role'),"
                           "document.querySelectorAll('#frames > g:not([role=treeitem])').length]")
    check(roles == ["tree", "button", 0], f"roles: {roles}")


def hostile(browser, before):
    check(before["hacked"] is None, "a name was run")
    # xmllint has seen that it is well-formed; here: names are text in the page as they are in the file.
    names = [b["title"] for b in before["boxes"]]
    for part in ("</title></g><script>window.hacked=1</script>", '"><img src=x onerror=window.hacked=1>',
                 "]]><script>window.hacked=1</script><![CDATA[", "a & b &lt? &#60? &nonsense?", "name (1.234 ms, 5.00 %)",
                 "javascript:window.hacked=1", "\u51fd\u6570 \U0001f525", "control??[31m? and ? and ? reversed"):
        check(any(name.startswith(part + " (") for name in names), f"no box is named {part}")
    check(browser.script("return document.querySelectorAll('script').length") == 1, "there is more than one script")
    check(browser.script("return document.querySelectorAll('img, a, iframe, use, image').length") == 0, "there are links or images")
    for i in range(len(before["boxes"])):
        if i % 3:
            continue
        browser.click(browser.element("document.querySelectorAll('#frames > g')[arguments[0]].querySelector('rect')", i))
        check(state(browser)["hacked"] is None, f"a click on box {i} ran a name")
        browser.press("Escape")
    browser.press("Control", "f")
    browser.press("<script>")
    check("Matched" in state(browser)["matched"], "<script> is not found")
    check(state(browser)["hacked"] is None, "a search ran a name")


def fits(browser, before):
    """No text is wider than its box, whatever the font; no two boxes of a row overlap."""
    rows = {}
    for b in before["boxes"]:
        if b["text"]:
            check(b["textWidth"] <= b["width"], f"the text of {b['title']} is {b['textWidth']} wide, the box {b['width']}")
        rows.setdefault(b["y"], []).append(b)
    for row in rows.values():
        row.sort(key=lambda b: b["x"])
        for left, right in zip(row, row[1:]):
            check(left["x"] + left["width"] <= right["x"] + 0.001, f"{left['title']} and {right['title']} overlap")
    overlaps = browser.script("""
        const parts = [...document.querySelectorAll(".title, .about, #search, .key")].map((e) => [e.textContent, e.getBoundingClientRect()]);
        const bad = [], frames = document.getElementById("frames").getBoundingClientRect();
        parts.forEach(([a, p], i) => {
            if (p.right > innerWidth || p.left < 0 || p.bottom > frames.top + 1)
                bad.push(a + " is outside of its place");
            parts.slice(i + 1).forEach(([b, q]) => {
                if (p.left < q.right && q.left < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom)
                    bad.push(a + " and " + b + " overlap");
            });
        });
        return bad;""")
    for line in overlaps:
        check(False, line)


def large(browser, before):
    start = time.monotonic()
    browser.click(browser.element("[...document.querySelectorAll('#frames > g')][arguments[0]].querySelector('rect')", 5))
    spent = time.monotonic() - start
    check(browser.script("return getComputedStyle(document.getElementById('reset')).display") != "none", "no zoom")
    check(spent < 10, f"a zoom takes {spent:.1f} s")
    check("boxes are narrower than" in browser.script("return document.getElementById('note').textContent"), "nothing is said of what is not drawn")
    rests = browser.script("return [...document.querySelectorAll('#frames > .rest title')].map((t) => t.textContent)")
    check(rests and all("too narrow to draw (" in title for title in rests), f"rests: {rests[:3]}")


def high(browser, before):
    """Higher than the window: it begins at the root, and the head stays in sight."""
    browser.devtools("Emulation.setDeviceMetricsOverride", width=1240, height=260, deviceScaleFactor=1, mobile=False)
    browser.open(browser.script("return location.href")) # not a reload, which keeps its place
    places = """
        const top = (q) => document.querySelector(q).getBoundingClientRect();
        return [scrollY, top(".title").top, top("#frames > g").bottom, top("#matched").bottom, innerHeight];"""
    scroll, title, root, _, view = browser.script(places)
    check(scroll > 0 and root <= view, f"the root is at {root} of {view}, scrolled by {scroll}")
    check(0 <= title < 30, f"the title is at {title}")
    browser.press("Control", "f")
    browser.press("main")
    check(browser.script("return scrollY") == scroll, "the search scrolls the page")
    _, _, _, matched, view = browser.script(places)
    check(matched <= view, "what was found is told out of sight")


CASES = {"zoom": zoom, "search": search, "hover": hover, "keyboard": keyboard, "hostile": hostile, "fits": fits,
         "large": large, "high": high}


def main():
    case, svg = sys.argv[1:3]
    shots = sys.argv[3] if len(sys.argv) > 3 else None
    for dark in (False, True) if case in ("fits", "colours") else (False,):
        with Browser(dark=dark) as browser:
            browser.open(svg)
            before = state(browser)
            check(browser.script("return document.documentElement.dataset.ready") == "1", "the script did not come to its end")
            if case == "colours":
                palette.check_page(browser, dark, check)
            else:
                CASES[case](browser, before)
            for line in browser.complaints():
                check(False, "the browser says: " + line)
            # Nothing is fetched: what the page has used is itself.
            used = browser.script("return performance.getEntriesByType('resource').map((e) => e.name)")
            check(not used, f"it has loaded {used}")
            if shots:
                browser.screenshot(os.path.join(shots, f"{case}-{'dark' if dark else 'light'}.png"))
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
