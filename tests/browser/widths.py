#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: a flame graph (ours, or one of flamegraph.pl) and the folded stacks that it should be of. Out: every box that is missing, too
many, or not as wide as its stacks' share; status 1 if any."""

import collections
import re
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def expected(path):
    """(depth, name): the widths of all boxes of that name at that depth, as shares, sorted."""
    nodes, total = collections.Counter(), 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            stack, _, weight = line.rstrip("\n").rpartition(" ")
            total += int(weight)
            parts = stack.split(";")
            for i in range(len(parts)):
                nodes[tuple(parts[:i + 1])] += int(weight)
    boxes = collections.defaultdict(list)
    for way, weight in nodes.items():
        boxes[len(way), way[-1]].append(weight / total)
    return boxes


def drawn(path):
    boxes, root = collections.defaultdict(list), None
    for g in ElementTree.parse(path).iter(SVG + "g"):
        title, rect = g.find(SVG + "title"), g.find(SVG + "rect")
        if title is None or rect is None or "key" in g.get("class", ""):
            continue
        name = re.sub(r" \([^()]*\)$", "", title.text)
        width, y = float(rect.get("width")), float(rect.get("y"))
        if root is None or name == "all":
            root = (width, y)
        boxes[y, name].append(width)
    # The root is the widest and the outermost; rows are 16 pixels high.
    shares = collections.defaultdict(list)
    for (y, name), widths in boxes.items():
        shares[round(abs(root[1] - y) / 16), name] += [w / root[0] for w in widths]
    return {key: value for key, value in shares.items() if key != (0, "all")}


def main():
    want, have = expected(sys.argv[2]), drawn(sys.argv[1])
    wrong = []
    if not want:
        wrong.append("there are no stacks")
    for key in sorted(want.keys() | have.keys()):
        a, b = sorted(want.get(key, [])), sorted(have.get(key, []))
        # Folded lines are whole microseconds, and flamegraph.pl draws tenths of pixels; boxes of less may be missing in either.
        a, b = [x for x in a if x > 0.0005], [x for x in b if x > 0.0005]
        if len(a) != len(b) or any(abs(x - y) > 0.0005 for x, y in zip(a, b)):
            wrong.append(f"{key[1]} in row {key[0]}: {b}, not {a}")
    for line in wrong:
        print(f"{sys.argv[1]}: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
