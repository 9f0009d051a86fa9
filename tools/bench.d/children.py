# SPDX-License-Identifier: BSD-2-Clause
"""In: a command. Out: how it ended, what it printed, how long it took. Every child has an end: none outlives its time."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time
from dataclasses import dataclass

COMPLAINT = re.compile(r"error|denied|permi|fail|cannot|can't|not (found|supported|allowed|available)", re.I)
GRACE_S = 5  # between the request to end and the end


class Failed(Exception):
    """Something could not be measured, and why."""


@dataclass
class Ended:
    status: int
    wall_ns: int
    out: str
    err: str

    def check(self, what):
        if self.status != 0:
            raise Failed(f"{what}: status {self.status}: {complaint(self.err) or 'it said nothing'}")
        return self


def complaint(text):
    """The line that says what is wrong: the first that sounds so, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if COMPLAINT.search(line)] or lines[-1:]
    return found[0][:200] if found else ""


def printed_json(text):
    """The last line that is a JSON object: what the benchmark program printed."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                return json.loads(line)
    raise Failed("the program printed no result")


def _stat(pid):
    """(parent, start time) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def descendants(root):
    """{pid: start time} of a process and all below it."""
    known = {int(name): _stat(name) for name in os.listdir("/proc") if name.isdigit()}
    below, new = {}, [root]
    while new:
        parent = new.pop()
        stat = known.get(parent)
        if stat and parent not in below:
            below[parent] = stat[1]
            new += [pid for pid, s in known.items() if s and s[0] == parent]
    return below


class Child:
    """A process that was started here. Its output goes to files, so that a full pipe never holds it up."""

    live = []

    def __init__(self, argv, scratch, env):
        base = os.path.join(scratch, f"child-{time.monotonic_ns()}")
        self.argv, self.paths = argv, (base + ".out", base + ".err")
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.start_ns = time.monotonic_ns()
            try:
                self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env,
                                                start_new_session=True)
            except OSError as e:
                raise Failed(f"{argv[0]}: {e.strerror}") from e
        Child.live.append(self)

    @property
    def pid(self):
        return self.process.pid

    def _wait(self, seconds):
        """True when it has ended. A zombie is left until its time is known: then it is reaped."""
        if self.process.returncode is not None:
            return True
        fd = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if not poll.poll(max(0, seconds * 1000)):
                return False
        finally:
            os.close(fd)
        self.end_ns = time.monotonic_ns()
        self.process.wait()
        return True

    def running(self):
        return not self._wait(0)

    def _texts(self):
        texts = []
        for path in self.paths:
            with open(path, encoding="utf-8", errors="replace") as f:
                texts.append(f.read())
            os.unlink(path)
        return texts

    def finish(self, timeout):
        """Waits for its end; after the timeout it is ended, and that is an error."""
        if not self._wait(timeout):
            self.kill()
            raise Failed(f"{os.path.basename(self.argv[0])}: not done after {timeout} s")
        if self in Child.live:
            Child.live.remove(self)
        out, err = self._texts()
        return Ended(self.process.returncode, self.end_ns - self.start_ns, out, err)

    def stop(self, sig, timeout):
        """Asks it to end, and waits for that."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(sig)
        return self.finish(timeout)

    def kill(self):
        """Ends it and what it started, each by its own number, and only if the number is still theirs."""
        tree = descendants(self.pid)
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        gone = self._wait(GRACE_S)
        for pid, start in tree.items():
            stat = _stat(pid)
            if stat and stat[1] == start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if not gone:
            self._wait(GRACE_S)
        if self in Child.live:
            Child.live.remove(self)
        for path in self.paths:
            with contextlib.suppress(OSError):
                os.unlink(path)


def run(argv, scratch, env, timeout):
    return Child(argv, scratch, env).finish(timeout)


def kill_all():
    for child in list(Child.live):
        child.kill()
