#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: a report (JSON, all threads) and its folded stacks. Out: every law that they break, one a line; status 1 if any."""

import json
import sys

MS = 1_000_000
# The kernel's clock for these numbers stands still from a wake-up to the switch that follows it (rq_clock_skip_update), a few
# microseconds on an idle CPU: its running time begins before the thread has the CPU. Recordings of many switches show it.
SWITCH_SLACK = 12_000
# What the kernel leaves out of a thread's run-queue time: of one that was preempted when it was about to sleep, all of it
# (sched_info_depart looks at its state: 4.0 ms of a thread in an emulated guest were 0); of one that is moved to another CPU's queue, the way
# from one to the other (0.5 ms there, where the CPU that does it can lose its turn). It is ready all that time. Such turns are few: this
# much of all ready time of turns that threads were not woken for (seen: 0.07 %), or two ticks at 250 Hz.
UNCOUNTED_PERCENT = 1
UNCOUNTED_NS = 8 * MS
# A thread's life begins at a tracepoint, its run-queue time when it was queued, a few instructions before: where the CPU can lose
# its turn in between, so many threads may have more of the latter (seen: one in each 30 recordings, 2.7 ms).
LATE_THREADS = 2
# The kernel leaves out of a thread's running what the hypervisor gave to others meanwhile, which is told in ticks.
TICK = 10 * MS
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


class Differences:
    """The threads whose ready time is not the kernel's, as far as there can be a reason for it: if they are few."""

    def __init__(self, turn):
        self.turn = turn
        self.ns = self.possible_ns = 0
        self.uncounted, self.late = [], []

    def explain(self, thread, ready, lines):
        """In: by how much its ready time is more than the kernel's. False: there is no reason for that."""
        unwoken = thread["ready_ns"] - thread["ready"]["woken_ns"]
        ready_only = not any("running_ns" in line for line in lines)
        if ready_only and 0 < ready <= unwoken:
            self.ns += ready
            self.uncounted += lines
        elif ready_only and -self.turn <= ready < 0 and thread["ready"]["new_count"]:
            self.late.append(lines)
        else:
            return False
        return True

    def too_many(self):
        few = self.ns <= max(self.possible_ns * UNCOUNTED_PERCENT // 100, UNCOUNTED_NS)
        late = self.late if len(self.late) > LATE_THREADS else []
        return ([] if few else self.uncounted) + [line for lines in late for line in lines]


def check_kernel(where, thread, broken, room, stolen, differences):
    kernel = thread.get("kernel")
    if not kernel:
        return
    slack = room + MS + SWITCH_SLACK * thread["transitions"]["ready_running"]
    lines = []
    for ours, theirs, percent in (("running_ns", "exec_runtime_ns", 1), ("ready_ns", "run_delay_ns", 2)):
        have, want = thread[ours], kernel.get(theirs, thread[ours])
        excess = have - want
        taken = stolen if ours == "running_ns" and excess > 0 else 0
        if abs(excess) > want * percent // 100 + slack + taken:
            lines.append(f"{where}: {ours} is {have}, the kernel's {theirs} is {want}")
    differences.possible_ns += thread["ready_ns"] - thread["ready"]["woken_ns"]
    if lines and not differences.explain(thread, excess, lines):
        broken += lines


def laws_broken(report, folded, room=0, turn=0):
    """In: the report, the name of the file of its folded stacks, by how many nanoseconds more than usual a thread's times may
    differ from the kernel's, and for how long a CPU may stand still. Out: what is wrong, a line each."""
    broken = []
    differences = Differences(turn)
    totals = report["totals"]
    check_account("totals", totals, broken)
    stolen = report.get("stolen_ns", 0)
    stolen += TICK if stolen else 0
    lifetime = 0
    for process in report["processes"]:
        for thread in process["threads"]:
            where = f"pid {process['pid']} tid {thread['tid']} ({thread['comm']})"
            check_account(where, thread, broken)
            check_kernel(where, thread, broken, room, stolen, differences)
            lifetime += thread["lifetime_ns"]
    broken += differences.too_many()
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
