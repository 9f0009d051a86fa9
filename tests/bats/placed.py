#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: what tests/workloads/places says of itself, and folded stacks. Out: status 0 if each of its functions has the share of the waiting that it says.

  placed.py TRUTH.json FOLDED
"""

import json
import sys

MOST = 0.15  # of a share; it is of some thousand stacks, so 2 % are chance


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        places = json.load(f)["places"]
    shown = {p["name"]: 0 for p in places}
    with open(sys.argv[2], encoding="utf-8") as f:
        for line in f:
            stack, _, us = line.rpartition(" ")
            frames = stack.split(";")
            if frames[-1] == "[local]":
                for name in shown.keys() & set(frames):
                    shown[name] += int(us)
    true_ns, shown_us = sum(p["ns"] for p in places), sum(shown.values())
    wrong = 0
    for p in places:
        truth, share = p["ns"] / true_ns, shown[p["name"]] / max(shown_us, 1)
        if abs(share - truth) > MOST * truth:
            wrong += 1
            print(f"{p['name']}: {share:.3f} of the waiting, not {truth:.3f}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
