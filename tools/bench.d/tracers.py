# SPDX-License-Identifier: BSD-2-Clause
"""In: the name of a tool. Out: its command line around a command or beside a process, or why it can't be used here."""

import contextlib
import os
import shutil
import signal
import time

from children import Child, Failed, complaint, run

PROBE_S = 30
# What a tool that attaches eBPF programs holds once they are attached.
ATTACHED = ("bpf_link", "bpf-raw", "bpf_tracing", "perf_event")


class Tracer:
    """A tool that is put before the command."""

    beside = False

    def __init__(self, name, title, program, command, slow=False):
        self.name, self.title, self.program, self.command, self.slow = name, title, program, command, slow

    def argv(self, scratch, argv):
        return self.command(scratch) + argv

    def unusable(self, scratch, env):
        """None, or the reason."""
        if self.program is None:
            return None
        if not shutil.which(self.program):
            return f"{self.program} is not " + ("built: make" if os.path.isabs(self.program) else "installed")
        try:
            ended = run(self.argv(scratch, ["/bin/true"]), scratch, env, PROBE_S)
        except Failed as e:
            return str(e)
        return None if ended.status == 0 else complaint(ended.err) or f"status {ended.status}"


class BesideTracer(Tracer):
    """A tool that looks at the whole system, or at one process, until it is interrupted."""

    beside = True

    def start(self, scratch, env, pid=None):
        child = Child([self.program] + (["-p", str(pid)] if pid else []), scratch, env)
        until = time.monotonic() + PROBE_S
        while time.monotonic() < until:
            if not child.running():
                ended = child.finish(0)
                raise Failed(complaint(ended.err) or f"{self.name}: ended with status {ended.status} at once")
            if self._attached(child.pid):
                time.sleep(0.1)  # the last of several programs
                return child
            time.sleep(0.02)
        child.kill()
        raise Failed(f"{self.name}: not attached after {PROBE_S} s")

    @staticmethod
    def _attached(pid):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if any(word in os.readlink(f"/proc/{pid}/fd/{fd}") for word in ATTACHED):
                        return True
        return False

    def unusable(self, scratch, env):
        if os.geteuid():
            return "needs root"
        if not shutil.which(self.program):
            return f"{os.path.basename(self.program)} is not installed"
        try:
            self.start(scratch, env).stop(signal.SIGINT, PROBE_S)
        except Failed as e:
            return str(e)
        return None


def _conctrace(program, *options):
    def command(scratch):
        return [program, "run", "-q", "-o", os.path.join(scratch, "conctrace.data"), "--folded",
                os.path.join(scratch, "conctrace.folded"), *options, "--"]

    return command


def all_tracers(conctrace):
    """In the order of the columns; the first is none."""
    offcputime = shutil.which("offcputime", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "offcputime"
    return [
        Tracer("untraced", "untraced", None, lambda scratch: []),
        Tracer("conctrace", "conctrace", conctrace, _conctrace(conctrace)),
        Tracer("no-stacks", "conctrace --no-stacks", conctrace, _conctrace(conctrace, "--no-stacks")),
        Tracer("perf-sched", "perf sched record", "perf",
               lambda scratch: ["perf", "sched", "record", "-o", os.path.join(scratch, "perf.data"), "--"]),
        Tracer("perf-trace", "perf trace -s", "perf",
               lambda scratch: ["perf", "trace", "-s", "-o", os.path.join(scratch, "perf.txt"), "--"], slow=True),
        BesideTracer("offcputime", "offcputime", offcputime, None),
        Tracer("strace", "strace -c -f", "strace",
               lambda scratch: ["strace", "-c", "-f", "-o", os.path.join(scratch, "strace.txt")], slow=True),
    ]


@contextlib.contextmanager
def tracefs():
    """perf needs it: mounted where it is not, and unmounted again."""
    place = "/sys/kernel/tracing"
    mounted = False
    with open("/proc/self/mounts", encoding="utf-8") as f:
        there = any(line.split()[2] == "tracefs" for line in f)
    if not there and os.geteuid() == 0 and os.path.isdir(place):
        mounted = os.system(f"mount -t tracefs tracefs {place} 2>/dev/null") == 0
    try:
        yield
    finally:
        if mounted:
            os.system(f"umount {place} 2>/dev/null || umount -l {place}")
