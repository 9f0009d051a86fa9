#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares a report with what the program itself says.

In: the one line of truth that a known-truth program printed, and the report (JSON) of its run.
Out: every difference, one a line on stderr; status 1 if there is any.
"""

import json
import sys

MS = 1_000_000
# What blocks in these depends on the machine: the program cannot say how often, only how often at least.
UNCONTROLLED = {"disk": None, "kernel_lock": {"mmap_lock"}, "syscall": {"membarrier"}}


class Comparison:
    def __init__(self, truth, report):
        self.truth = truth
        self.report = report
        self.broken = []
        self.threads = [dict(t, pid=p["pid"]) for p in report["processes"] for t in p["threads"]]

    def say(self, text):
        self.broken.append(text)

    def equal(self, what, have, want):
        if have != want:
            self.say(f"{what} is {have}, not {want}")

    def between(self, what, have, low, high):
        if not low <= have <= high:
            self.say(f"{what} is {have}, not {low} to {high}")

    def near(self, what, have, want, percent=5, slack=MS):
        room = want * percent // 100 + slack
        self.between(what, have, want - room, want + room)

    def thread(self, tid, pid=None):
        found = [t for t in self.threads if t["tid"] == tid and pid in (None, t["pid"])]
        if len(found) == 1:
            return found[0]
        self.say(f"the report has {len(found)} threads with tid {tid}, not one")
        return None

    def wait(self, thread, kind):
        return thread["waits"].get(kind) or {"ns": 0, "count": 0, "max_ns": 0, "retries": 0}


def check_series(c):
    """A series of waits of one thread: kind, count, length."""
    truth = c.truth
    kind, form = truth["kind"], truth["form"]
    thread = c.thread(truth["tid"])
    if not thread:
        return
    wait = c.wait(thread, kind)
    if kind in UNCONTROLLED and (UNCONTROLLED[kind] is None or form in UNCONTROLLED[kind]):
        c.between(f"{kind}.count", wait["count"], truth["waits"], truth["switches"] + 3)
    else:
        c.equal(f"{kind}.count", wait["count"], truth["waits"])
    c.equal(f"{kind}.retries", wait["retries"], truth["retries"])
    # A program that cannot measure its CPU and ready time (compat32) has 0.5 ms a wait for them.
    apart = truth["cpu_ns"] + truth["ready_ns"]
    # The clocks are read one after the other: some microseconds a call, which count where there are hundreds of them.
    slack = MS + truth["waits"] * (5_000 if apart else MS // 2)
    c.near(f"{kind}.ns", wait["ns"], truth["wait_ns"] - apart, 5, slack)
    if truth["longest_ns"]:
        # What of the longest call was CPU and ready time is known of all calls together only, and a call of these
        # may sleep more than once.
        low = 0 if truth["switches"] > truth["waits"] else truth["longest_ns"] - apart
        c.between(f"{kind}.max_ns", wait["max_ns"], low * 95 // 100 - MS, truth["longest_ns"] * 105 // 100 + MS)


def check_preempt(c):
    """One more that computes than there are CPUs: nobody waits, what does not run was preempted."""
    ready = lifetime = preempted = 0
    for truth in c.truth["threads"]:
        thread = c.thread(truth["tid"])
        if not thread:
            continue
        where = f"tid {truth['tid']}"
        waiting = sum(w["ns"] for w in thread["waits"].values())
        c.near(f"{where}: running_ns", thread["running_ns"], truth["cpu_ns"], 2, 2 * MS)
        # Once it has measured it may be preempted again: what is left of its life may be ready time.
        room = truth["ready_ns"] * 2 // 100 + 2 * MS
        c.between(f"{where}: ready_ns", thread["ready_ns"], truth["ready_ns"] - room,
                  max(truth["ready_ns"], thread["lifetime_ns"] - truth["cpu_ns"]) + room)
        c.between(f"{where}: waiting", waiting, 0, thread["lifetime_ns"] * 2 // 100 + 2 * MS)
        # It ran on a little after it had counted.
        c.between(f"{where}: running_ready", thread["transitions"]["running_ready"], truth["involuntary"],
                  truth["involuntary"] + 5)
        ready += thread["ready_ns"]
        preempted += thread["ready"]["preempted_ns"]
        lifetime += thread["lifetime_ns"]
    n = len(c.truth["threads"])
    c.between("the ready time of all", ready, lifetime // n // 2, lifetime)
    c.between("ready because preempted", preempted, ready * 80 // 100, ready)


def check_handover(c):
    """Many switches from one traced thread to the next: what the kernel counts as running is all there."""
    for truth in c.truth["threads"]:
        thread = c.thread(truth["tid"])
        if thread:
            low = truth["cpu_ns"] * 996 // 1000
            c.between(f"tid {truth['tid']}: running_ns", thread["running_ns"], low, truth["cpu_ns"] * 1004 // 1000 + MS)


def check_migrate(c):
    """From CPU to CPU: each switch is there, and each piece of running."""
    for truth in c.truth["threads"]:
        thread = c.thread(truth["tid"])
        if not thread:
            continue
        where, counts = f"tid {truth['tid']}", thread["transitions"]
        c.near(f"{where}: running_ns", thread["running_ns"], truth["cpu_ns"], 2, 2 * MS)
        # Once it has counted it may be preempted again, or wait for a lock on its way out.
        for name, least in (("running_waiting", truth["voluntary"]), ("running_ready", truth["involuntary"])):
            c.between(f"{where}: {name}", counts[name], least, least + 5)
        c.between(f"{where}: switches", counts["ready_running"], truth["moves"], 10**12)


def check_yield(c):
    """Two on one CPU that give it to each other: ready by yield, and no wait."""
    ready = {"yielded_ns": 0, "preempted_ns": 0, "yielded_count": 0, "preempted_count": 0}
    switches = 0
    for truth in c.truth["threads"]:
        thread = c.thread(truth["tid"])
        if not thread:
            continue
        where = f"tid {truth['tid']}"
        switches += truth["involuntary"]
        c.between(f"{where}: running_ready", thread["transitions"]["running_ready"], truth["involuntary"],
                  truth["involuntary"] + 5)
        c.between(f"{where}: running_waiting", thread["transitions"]["running_waiting"], truth["voluntary"],
                  truth["voluntary"] + 5)
        # Preempted on the way out of sched_yield counts as one more.
        c.between(f"{where}: yields", thread["ready"]["yielded_count"], 0, truth["calls"] * 101 // 100)
        for reason in ready:
            ready[reason] += thread["ready"][reason]
    # Not every call is a switch; the program goes on until enough are, and counts them itself.
    c.between("switches of the program", switches, c.truth["yields"], 2 * sum(t["calls"] for t in c.truth["threads"]))
    c.between("switches by yield", ready["yielded_count"], min(c.truth["yields"], switches - ready["preempted_count"]), switches)
    # Whoever else gets the CPU, one of the two has just yielded: at least half, but for the start.
    given = ready["yielded_ns"] + ready["preempted_ns"]
    c.between("ready because yielded", ready["yielded_ns"], given * 40 // 100, given)


def check_counts(c):
    """So many processes, so many threads, all of them seen from start to end."""
    truth = c.truth
    c.equal("processes", len(c.report["processes"]), truth["processes"])
    c.equal("threads", len(c.threads), truth["threads"])
    if "pids" in truth:
        c.equal("pids", sorted(p["pid"] for p in c.report["processes"]), sorted(truth["pids"]))
    else:
        c.equal("the first pid", c.report["processes"][0]["pid"], truth["pid"])
    alive = [p["pid"] for p in c.report["processes"] if p["exit"] is None]
    c.equal("processes without an end", alive, [])
    ended = sum(t["transitions"]["running_terminated"] for t in c.threads)
    c.equal("running_terminated of all threads", ended, truth["threads"])
    if truth.get("execs"):
        comms = [p["comm"] for p in c.report["processes"]]
        c.equal("processes called true", comms.count("true"), truth["execs"])
    if truth.get("form") == "vfork":
        child = c.wait(c.thread(truth["pid"]), "child")
        c.between("child.count of the parent", child["count"], truth["execs"], 2 * truth["execs"])


def check_exitblocked(c):
    """Threads end while another is blocked: that one's wait lasts until it is ended or woken."""
    truth = c.truth
    c.equal("processes", len(c.report["processes"]), 1)
    c.equal("threads", len(c.threads), truth["threads"])
    c.thread(truth["ended_tid"])
    blocked = c.thread(truth["blocked_tid"])
    if not blocked:
        return
    wait = c.wait(blocked, "local")
    c.equal("local.count of the blocked thread", wait["count"], 1)
    c.between("local.ns of the blocked thread", wait["ns"], truth["wait_ns"] * 95 // 100 - MS, blocked["lifetime_ns"])
    c.between("its other time", blocked["lifetime_ns"] - wait["ns"], 0, blocked["lifetime_ns"] // 2)
    for thread in c.threads:
        c.equal(f"tid {thread['tid']}: running_terminated", thread["transitions"]["running_terminated"], 1)


def check_execthread(c):
    """A thread that is not the first calls exec: all others end, it goes on as the process's only one."""
    truth = c.truth
    c.equal("pids", [p["pid"] for p in c.report["processes"]], [truth["pid"]])
    c.equal("threads", len(c.threads), 3)
    joiner = [t for t in c.threads if c.wait(t, "join")["count"]]
    reader = [t for t in c.threads if c.wait(t, "local")["count"]]
    caller = [t for t in c.threads if t not in joiner and t not in reader]
    if not (len(joiner) == len(reader) == len(caller) == 1):
        c.say(f"threads that joined: {len(joiner)}, that read: {len(reader)}, others: {len(caller)}; not one of each")
        return
    c.equal("the reader's tid", reader[0]["tid"], truth["reader_tid"])
    c.equal("the tid of the caller, after", caller[0]["tid"], truth["tid"])
    sleep = c.wait(caller[0], "sleep")
    c.near("sleep.max_ns of the caller, after", sleep["max_ns"], truth["sleep_ns"])
    c.between("sleep.ns of the caller", sleep["ns"], sleep["max_ns"], caller[0]["lifetime_ns"])
    for thread in (joiner[0], reader[0]):
        if thread["lifetime_ns"] >= caller[0]["lifetime_ns"] and thread is reader[0]:
            c.say("the reader lives longer than the thread that ended it")
    c.equal("ends", sum(t["transitions"]["running_terminated"] for t in c.threads), 3)


def check_iowq(c):
    """The kernel's workers are threads of the process, with their own waits, and none of them unknown."""
    truth = c.truth
    c.equal("processes", len(c.report["processes"]), 1)
    for tid in truth["kernel_workers"]:
        worker = c.thread(tid, truth["pid"])
        if worker and not worker["comm"].startswith("iou-"):
            c.say(f"tid {tid}: its name is {worker['comm']}, not iou-...")
    if not truth["kernel_workers"]:
        c.say("no kernel worker was seen by the program")
    c.between("threads", len(c.threads), 1 + len(truth["kernel_workers"]), 64)


def check_selfkill(c):
    """A process that kills itself: its blocked threads' waits are closed, each as what it was."""
    truth = c.truth
    c.equal("exit", c.report["exit"], {"signal": 9})
    c.equal("threads", len(c.threads), truth["threads"])
    for kind in ("mutex", "condition", "local"):
        thread = c.thread(truth[f"{kind}_tid"])
        if not thread:
            continue
        wait = c.wait(thread, kind)
        c.equal(f"{kind}.count", wait["count"], 1)
        c.between(f"{kind}.ns", wait["ns"], truth["wait_ns"] * 95 // 100 - MS, thread["lifetime_ns"])


def check_all(c):
    """Nothing was lost, nothing is unexplained."""
    report = c.report
    c.equal("schema", report["schema"], "conctrace-report/1")
    for cause, n in report["loss"].items():
        c.equal(f"loss.{cause}", n, 0)
    c.equal("coverage", report["coverage"], 1)
    c.equal("totals.unknown_ns", report["totals"]["unknown_ns"], 0)
    for thread in c.threads:
        wait = c.wait(thread, "unknown")
        if wait["count"]:
            c.say(f"tid {thread['tid']} ({thread['comm']}): {wait['count']} unknown waits, {wait['ns']} ns")


CHECKS = {
    "preempt": check_preempt,
    "yield": check_yield,
    "handover": check_handover,
    "migrate": check_migrate,
    "threads": check_counts,
    "processes": check_counts,
    "forktree": check_counts,
    "exitblocked": check_exitblocked,
    "execthread": check_execthread,
    "iowq": check_iowq,
    "selfkill": check_selfkill,
}


def differences(truth, report):
    """In: what a program says of itself, and the report. Out: what is not the same, a line each."""
    comparison = Comparison(truth, report)
    check_all(comparison)
    if "waits" in truth:
        check_series(comparison)
    else:
        CHECKS[truth["kind"]](comparison)
    return comparison.broken


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        truth = json.loads(f.readline())
    with open(sys.argv[2], encoding="utf-8") as f:
        broken = differences(truth, json.load(f))
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
