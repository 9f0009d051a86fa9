#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: the truth of the program `wakings`, the report (JSON) and the folded stacks with wakers of its trace. Out: status 0 if every wait was
ended by whom the program says, from where it says, as often, and the folded lines say the same and add up to the waiting time."""

import json
import sys


# Now and then a kernel does not call a probe (about one switch in 5,000 here, without counting it as missed): so few wakings may not have been
# seen, and are told as that.
UNSEEN = 2
UNKNOWN = "[unknown waker]"


def differences(truth, report):
    """Between what the program says of itself and the report."""
    unseen = 0
    for pair in truth["pairs"]:
        found = [w for w in report["wakers"] if w["place"] == pair["place"] and w["kind"] == pair["kind"]]
        by = [w for w in found if w["waker"] == pair["waker"] and (w["waker_place"] or "") == pair["waker_place"]]
        if len(by) != 1 or not pair["count"] - UNSEEN <= by[0]["count"] <= pair["count"] or len(found) != 1:
            yield f"{pair}: the report has {found}"
        else:
            unseen += pair["count"] - by[0]["count"]
    if unseen > UNSEEN:
        yield f"{unseen} waits were ended by nobody known"


def folded_differences(truth, report, lines):
    """The same, of lines of text and microseconds."""
    for pair in truth["pairs"]:
        here = [text for text, _ in lines if text.startswith(f"wakings;{pair['thread']};") and f";{pair['place']};" in text and
                not text.endswith(UNKNOWN)]
        tail = f"{pair['waker_place']};driver;" if pair["waker_place"] else pair["waker"]
        if not here or any(tail not in text.split(f";[{pair['kind']}];--;", 1)[1] for text in here if f";[{pair['kind']}];" in text):
            yield f"{pair}: the folded lines are {here}"
    waiting = report["totals"]["waiting_ns"] // 1000
    total = sum(int(us) for _, us in lines)
    if abs(total - waiting) > 1:
        yield f"the folded lines add up to {total} us, the waiting time is {waiting} us"
    unknown = sum(int(us) for text, us in lines if text.endswith(UNKNOWN))
    if unknown > total // 50:
        yield f"of {total} us of waiting {unknown} us were ended by nobody known"


def main(truth_path, report_path, folded_path):
    with open(truth_path, encoding="utf-8") as f:
        truth = json.load(f)
    with open(report_path, encoding="utf-8") as f:
        report = json.load(f)
    with open(folded_path, encoding="utf-8") as f:
        lines = [line.rstrip("\n").rsplit(" ", 1) for line in f]
    wrong = list(differences(truth, report)) + list(folded_differences(truth, report, lines))
    for text in wrong:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
