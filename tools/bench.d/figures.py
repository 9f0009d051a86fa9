# SPDX-License-Identifier: BSD-2-Clause
"""In: conctrace. Out: what is no ratio: the price for others, set-up, loss, size, memory, the speed of the report."""

import contextlib
import json
import os
import signal
import statistics
import threading
import time

from children import Child, Failed, descendants, printed_json, run
from workloads import own_cpus

TIMEOUT_S = 60
START_S = 20
POLL_S = 0.05
START_PINGPONG_S = 0.2
OTHERS_PAIRS = 2  # of windows in each repetition
MILLION = 1000000
# What report --json counts under "loss" that is no event.
NO_EVENTS = ("symbols", "disk_full")


class Row:
    """One figure: a result, the most it may be, and how to print it."""

    def __init__(self, name, title, value, target, unit, digits=1, note=""):
        self.name, self.title, self.value, self.target = name, title, value, target
        self.unit, self.digits, self.note = unit, digits, note

    def as_json(self):
        return {"name": self.name, "title": self.title, "value": self.value, "target": self.target, "unit": self.unit,
                "met": self.value <= self.target, "note": self.note}


class Bench:
    """Where things are, and how often and how much is measured."""

    def __init__(self, programs, tracer, scratch, env, quick, repeat):
        self.programs, self.tracer, self.scratch, self.env = programs, tracer, scratch, env
        self.quick, self.repeat = quick, repeat
        self.raw = {}

    def own(self, name, *args):
        return [os.path.join(self.programs, name), *args]

    def traced(self, argv):
        return self.tracer.argv(self.scratch, argv)

    def run(self, argv, timeout=TIMEOUT_S):
        return run(argv, self.scratch, self.env, timeout).check(os.path.basename(argv[0]))

    @property
    def recording(self):
        return os.path.join(self.scratch, "conctrace.data")

    def report(self):
        return json.loads(self.run([self.tracer.program, "report", "--json", self.recording]).out)


def _wait_for_command(child, comm):
    """conctrace is recording once its command runs."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and child.running():
        for pid in descendants(child.pid):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    if f.read().strip() == comm:
                        return
        time.sleep(0.02)
    raise Failed(f"{comm} did not start under conctrace")


def _switches(pid):
    """When, and how often the threads of a process have left a CPU by then."""
    n, now = 0, time.monotonic_ns()
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="utf-8") as f:
            n += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
    return now, n


def _ns_per_switch(pid, seconds):
    begin, before = _switches(pid)
    time.sleep(seconds)
    end, after = _switches(pid)
    if after == before:
        raise Failed("the ping-pong has ended")
    return (end - begin) / (after - before)


def others(b):
    """
    Tasks that are not traced, while something else is: one process all the time, with and without in turn. (Two processes that do the
    same differ by 2 %, which is half of what this is about.)
    """
    one, _ = own_cpus()
    seconds = 0.1 if b.quick else 0.5
    pingpong = Child(b.own("pipe_pingpong", "--rounds", str(1000 * MILLION), "--cpus", one), b.scratch, b.env)
    pairs = []
    try:
        time.sleep(START_PINGPONG_S)
        alone = _ns_per_switch(pingpong.pid, seconds)
        for _ in range(1 if b.quick else b.repeat * OTHERS_PAIRS):
            child = Child(b.traced(["sleep", str(TIMEOUT_S)]), b.scratch, b.env)
            try:
                _wait_for_command(child, "sleep")
                beside = _ns_per_switch(pingpong.pid, seconds)
                child.stop(signal.SIGTERM, TIMEOUT_S)
            finally:
                if child in Child.live:
                    child.kill()
            before, alone = alone, _ns_per_switch(pingpong.pid, seconds)
            pairs.append(beside - (before + alone) / 2)
    finally:
        pingpong.kill()
    b.raw["others"] = {"more_ns_per_switch": pairs}
    return [Row("others", "a switch of tasks that are not traced, more", statistics.median(pairs), 100, "ns", 0)]


def _until_main(b, wrap):
    start = time.monotonic_ns()
    return printed_json(b.run(wrap(b.own("stamp"))).out)["now_ns"] - start


def setup(b):
    """From the start of conctrace to the first instruction of the command's main; and what the whole run of nothing takes."""
    traced, alone, whole, said = [], [], [], []
    for _ in range(b.repeat):
        alone.append(_until_main(b, lambda argv: argv))
        traced.append(_until_main(b, b.traced))
        whole.append(b.run(b.traced(["/bin/true"])).wall_ns)
        said.append(b.report().get("cost", {}).get("setup_ns"))
    b.raw["setup"] = {"traced_ns": traced, "untraced_ns": alone, "whole_run_of_true_ns": whole, "cost_setup_ns": said}
    return [Row("setup", "from start to the command's main", statistics.median(traced) / 1e6, 250, "ms", 0,
                f"untraced {statistics.median(alone) / 1e6:.1f} ms; "
                f"a whole run of /bin/true {statistics.median(whole) / 1e6:.0f} ms")]


def _intervals(report):
    """Pieces of running, waiting and ready time."""
    t = report["totals"]["transitions"]
    return t["ready_running"] + t["running_waiting"] + t["start_ready"] + t["running_ready"] + t["waiting_ready"]


def _record_switching(b, rounds):
    """A recording of both CPUs doing nothing but switch: its report, and how many intervals it has (three a lost record less)."""
    _, two = own_cpus()
    if not two:
        raise Failed("there is only one CPU")
    b.run(b.traced(b.own("pipe_pingpong", "--rounds", str(rounds), "--cpus", two, "--each")))
    report = b.report()
    intervals = _intervals(report) - 3 * report["loss"].get("cycles", 0)
    if intervals <= 0:
        raise Failed("the recording has no intervals")
    return report, intervals


def report_speed(b):
    """With a little more than a million intervals: two pairs, two switches a round, two or three intervals a switch."""
    _, intervals = _record_switching(b, 3000 if b.quick else 120000)
    usages = []
    for _ in range(b.repeat):
        path = os.path.join(b.scratch, "usage.json")
        b.run(b.own("measure", path, b.tracer.program, "report", b.recording))
        with open(path, encoding="utf-8") as f:
            usages.append(json.load(f))
    b.raw["report"] = usages
    # A quick run has fewer intervals, and shorter recordings are not judged by the figures of long ones.
    note = f"{intervals:,} intervals" + ("" if intervals >= MILLION else ", fewer than the million of the target")
    return [Row("report-time", "report", statistics.median(u["wall_ns"] for u in usages) / 1e9, 1, "s", 2, note),
            Row("report-memory", "report, memory", statistics.median(u["max_rss_bytes"] for u in usages) / 1e6, 300, "MB")]


def recording(b):
    """What is lost and how large it gets while both CPUs do nothing but switch."""
    losses, sizes = [], []
    for _ in range(b.repeat):
        report, intervals = _record_switching(b, 3000 if b.quick else 400000)
        losses.append({cause: n for cause, n in report["loss"].items() if n})
        sizes.append({"bytes": os.path.getsize(b.recording), "intervals": intervals})
    lost = [sum(n for cause, n in loss.items() if cause not in NO_EVENTS) for loss in losses]
    b.raw["recording"] = {"loss": losses, "sizes": sizes}
    worst = losses[lost.index(max(lost))]
    return [Row("loss", "lost, both CPUs switching, most of any run", max(lost), 0, "events", 0,
                ", ".join(f"{n:,} {cause}" for cause, n in worst.items())),
            Row("size", "on disk, an interval", statistics.median(s["bytes"] / s["intervals"] for s in sizes), 24, "bytes", 1,
                f"{sizes[-1]['bytes'] / 1e6:.1f} MB for {sizes[-1]['intervals']:,} intervals")]


def _recorder_peak(b, program, argv):
    """The largest resident set of conctrace's own processes while their command runs, summed."""
    child = Child(b.traced(argv), b.scratch, b.env)
    ours, peaks, ended = os.path.realpath(program), {}, threading.Event()

    def look():
        seen = False
        while not ended.is_set():
            now, working = {}, False
            for pid in descendants(child.pid):
                with contextlib.suppress(OSError):
                    if os.path.realpath(f"/proc/{pid}/exe") == ours:
                        now[pid] = _high_water(pid)
                    else:
                        working = True
                        peaks.pop(pid, None)  # it was conctrace's until its exec
            seen |= working
            if seen and not working:
                return  # the command has ended: what follows is the report
            for pid, peak in now.items():
                peaks[pid] = max(peaks.get(pid, 0), peak)
            ended.wait(POLL_S)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        child.finish(TIMEOUT_S).check("conctrace")
    finally:
        ended.set()
        watcher.join()
    if not peaks:
        raise Failed("conctrace was not seen running")
    return sum(peaks.values())


def _high_water(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def memory(b):
    """A short recording and one that is four times as long: bounded means that they take the same."""
    one, _ = own_cpus()
    short = 20000 if b.quick else 500000
    peaks = [_recorder_peak(b, b.tracer.program, b.own("pipe_pingpong", "--rounds", str(short * times), "--cpus", one))
             for times in (1, 4)]
    b.raw["memory"] = {"rounds": [short, 4 * short], "peak_bytes": peaks}
    return [Row("memory", "memory of the recorder", peaks[1] / 1e6, 64, "MB", 1,
                f"{peaks[0] / 1e6:.1f} MB for a quarter of that recording")]


def _ns_in_probe(b, frames, places, *options):
    """Of one switch of threads that block with that many frames, at one place or at several in turn."""
    one, _ = own_cpus()
    deep = b.own("deep", "--rounds", "2000" if b.quick else "40000", "--frames", str(frames), "--places", str(places), "--cpu", one)
    command = b.tracer.command(b.scratch)
    b.run(command[:-1] + list(options) + command[-1:] + deep)  # which ends in "--"
    return b.report()["cost"]["ns_per_switch"]


def stacks(b):
    """What a whole user stack costs in the probe, and a waker's: with it, less without. Too few switches a second for any to be left out."""
    rows = []
    for name, title, frames, places, target in (("stack-12", "a stack of 12 frames, in the probe", 12, 2, 800),
                                                ("stack-36", "a stack of 36 frames, in the probe", 36, 2, 1600),
                                                ("stack-again", "a stack that is the same again, in the probe", 12, 1, 200)):
        pairs = [_ns_in_probe(b, frames, places) - _ns_in_probe(b, frames, places, "--no-stacks") for _ in range(b.repeat)]
        b.raw[name] = {"more_ns_per_switch": pairs}
        rows.append(Row(name, title, statistics.median(pairs), target, "ns", 0))
    # One waking a switch.
    pairs = [_ns_in_probe(b, 12, 2, "--wakers") - _ns_in_probe(b, 12, 2) for _ in range(b.repeat)]
    b.raw["waker"] = {"more_ns_per_switch": pairs}
    rows.append(Row("waker", "--wakers: a waker with a stack of 12 frames, in the probe", statistics.median(pairs), 800, "ns", 0))
    return rows


FIGURES = {"others": others, "stacks": stacks, "setup": setup, "recording": recording, "report": report_speed, "memory": memory}
