#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command on a terminal of its own.

In: [--type AFTER TEXT]... [--limit SECONDS] -- COMMAND...: when AFTER has been printed, TEXT is typed (\\x03: Ctrl-C).
Out: what the terminal showed, on stdout; the command's exit status (128 + N for signal N; 124: not ended in time).
"""

import os
import pty
import select
import signal
import sys
import time


def arguments(words):
    keys, limit = [], 30.0
    while words and words[0] != "--":
        if words[0] == "--type":
            keys.append((words[1].encode(), words[2].encode().decode("unicode_escape").encode()))
            words = words[3:]
        else:
            limit = float(words[1])
            words = words[2:]
    return keys, limit, words[1:]


def main():
    keys, limit, command = arguments(sys.argv[1:])
    pid, fd = pty.fork()
    if not pid:
        # As in a login: nothing is ignored (a background job of a script has SIGINT so).
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    end = time.monotonic() + limit
    shown, looked = b"", 0
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:  # EIO: nobody has the terminal any more
            break
        if not data:
            break
        shown += data
        while keys and keys[0][0] in shown[looked:]:
            looked = shown.index(keys[0][0], looked) + len(keys[0][0])
            os.write(fd, keys.pop(0)[1])
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.stdout.buffer.write(shown)
        return 124
    sys.stdout.buffer.write(shown)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
