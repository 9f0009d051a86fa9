#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: a report (JSON, all threads) and its folded stacks. Out: every law that they break, one a line; status 1 if any."""

import json
import sys

MS = 1_000_000
# The kernel's clock for these numbers stands still from a wake-up to the switch that follows it (rq_clock_skip_update), a few
# microseconds on an idle CPU: its running time begins before the thread has the CPU. Recordings of many switches show it.
SWITCH_SLACK = 12_000
# More threads running than there are CPUs: never, by now; the golden recordings were made before.
TOGETHER_SLACK = 5_000


def sums(part):
    ready = part["ready"]
    return sum(ready[k] for k in ready if k.endswith("_ns")), sum(w["ns"] for w in part["waits"].values())


def check_account(where, part, broken):
    ready, waiting = sums(part)
    unknown = part.get("unknown_ns", 0)
    if ready != part["ready_ns"]:
        broken.append(f"{where}: the reasons sum up to {ready}, ready is {part['ready_ns']}")
    if "waiting_ns" in part and waiting != part["waiting_ns"]:
        broken.append(f"{where}: the kinds sum up to {waiting}, waiting is {part['waiting_ns']}")
    total = part["running_ns"] + ready + waiting + unknown
    if total != part["lifetime_ns"]:
        broken.append(f"{where}: running + ready + waiting + unknown = {total}, lifetime is {part['lifetime_ns']}")


def check_kernel(where, thread, broken, room):
    kernel = thread.get("kernel")
    if not kernel:
        return
    for ours, theirs, percent in (("running_ns", "exec_runtime_ns", 1), ("ready_ns", "run_delay_ns", 2)):
        if theirs not in kernel:
            continue
        have, want = thread[ours], kernel[theirs]
        slack = room + SWITCH_SLACK * thread["transitions"]["ready_running"]
        if abs(have - want) > want * percent // 100 + MS + slack:
            broken.append(f"{where}: {ours} is {have}, the kernel's {theirs} is {want}")


def laws_broken(report, folded, room=0):
    """In: the report, the name of the file of its folded stacks, and by how many nanoseconds more than usual a thread's times may
    differ from the kernel's. Out: what is wrong, a line each."""
    broken = []
    totals = report["totals"]
    check_account("totals", totals, broken)
    lifetime = 0
    for process in report["processes"]:
        for thread in process["threads"]:
            where = f"pid {process['pid']} tid {thread['tid']} ({thread['comm']})"
            check_account(where, thread, broken)
            check_kernel(where, thread, broken, room)
            lifetime += thread["lifetime_ns"]
    if lifetime != totals["lifetime_ns"]:
        broken.append(f"the threads' lifetimes sum up to {lifetime}, the total is {totals['lifetime_ns']}")
    wall = sum(report["wall"].values())
    if wall != report["wall_ns"]:
        broken.append(f"the shares of the wall clock sum up to {wall}, it is {report['wall_ns']}")

    together = sum(report["concurrency"]["histogram_ns"][report["cpus"] + 1 :])
    if together > TOGETHER_SLACK:
        broken.append(f"for {together} ns more threads ran than there are CPUs, {report['cpus']}")

    lines = microseconds = 0
    with open(folded, encoding="utf-8") as f:
        for line in f:
            stack, _, value = line.rstrip("\n").rpartition(" ")
            if not stack or not value.isdigit():
                broken.append(f"not a folded line: {line!r}")
                break
            lines += 1
            microseconds += int(value)
    if abs(microseconds - totals["lifetime_ns"] // 1000) > lines + 1:
        broken.append(f"the folded lines sum up to {microseconds} us, the thread time is {totals['lifetime_ns'] // 1000} us")
    return broken


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        broken = laws_broken(json.load(f), sys.argv[2])
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
