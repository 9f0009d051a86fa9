#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares folded stacks with the chains that a program says its threads blocked in.

In: the truth of tests/workloads/chains (JSON; the words are explained in chains.h), and the folded stacks of its run.
Out: every chain that is not there, and every wait that is in none of them, on stderr; status 1 if any. The last line counts.

    stacked.py TRUTH FOLDED [--max-frames N] [--waits-only] [--some PERCENT]
"""

import argparse
import functools
import json
import re
import sys
from collections import defaultdict

# Waits that are not for the sake of the call that the thread makes: starting a program, memory, ending.
# Of a thread's waits, in time, that may be incomplete and say so: tables are made while the first stacks are taken.
TRUNCATED_PERCENT = 1
INCIDENTAL = {"execve", "exit", "exit_group", "mmap", "munmap", "mprotect", "brk", "madvise", "sigaltstack"}
NO_WAIT = {"running", "ready", "unknown"}
# Where a library has no symbols its functions are named by where they are.
NAMELESS = re.compile(r"lib[\w.+-]*\.so[\w.]*\+0x[0-9a-f]+|ld-[\w.-]*\+0x[0-9a-f]+|\[vdso\].*")
# What the loader's _start calls; the program's calls __libc_start_main.
LOADER = re.compile(r"ld-[\w.-]*\+0x[0-9a-f]+|_dl_start(_final)?")
# The frames that a stack begins with, the outermost first; a "?" need not be there.
ROOTS = {
    "@thread": ["clone3|__clone3|clone|__clone", "?start_thread"],
    "@main": ["_start", "?__libc_start_main|__libc_start_main_impl", "?__libc_start_call_main"],
    # Its caller is no caller, and nothing says so: a walk may stop there.
    "@context": ["?[truncated]", "__start_context"],
    "@clone": ["clone|__clone|clone3|__clone3"],
    "@nothing": [],
}


def plain(word):
    return word.lstrip("~?").split("*")[0].split("|")


def own_words(chains):
    """The functions of the program: what is neither the call that blocks nor the library's function behind a gap."""
    own, library = set(), set()
    for chain in chains:
        for at, word in enumerate(chain):
            if word in ("*", "?") or word.startswith("@"):
                continue
            called_by_gap = at > 0 and chain[at - 1] in ("*", "?")
            (library if at == 0 or called_by_gap or word.startswith("~") else own).update(plain(word))
    return own - library


@functools.lru_cache(maxsize=None)
def base_name(frame):
    """A function's own name, of one that is plain, mangled (C++ or Rust), or demangled with its scope and parameters."""
    frame = frame.split("@")[0]
    if re.match(r"_[ZR]", frame):
        names = re.findall(r"(?<=\d)[A-Za-z_]\w*?(?=\d|E|C\d|D\d|$)", frame)
        return frame, tuple(names)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", frame.replace("operator()", "operator"))
    while True:  # template arguments and parameters, from the inside
        fewer = re.sub(r"<[^<>]*>|\([^()]*\)", "", bare)
        if fewer == bare:
            break
        bare = fewer
    return frame, tuple(w for w in re.findall(r"[A-Za-z_]\w*", bare) if w not in ("const", "static"))


def alias(name):
    """The C library has several names for most of its functions."""
    return re.sub(r"^_*(GI_+)?(libc_|new_|IO_new_|IO_)?_*", "", name.split(".")[0])


def is_function(frame, name):
    whole, names = base_name(frame)
    if alias(whole) == alias(name):
        return True
    mangled = re.match(r"_[ZR]", whole)
    return name in names if mangled or not names else names[-1] == name or (len(names) > 1 and name in names[-2:])


class Step:
    """One word of a chain: which frames it stands for, how often it may repeat, and whether it must be there."""

    def __init__(self, word, own, root=False):
        self.own = own
        self.any_foreign = word == "*"
        self.loose = word.startswith("~") or root
        self.root = root
        self.optional = word.startswith("?") or self.any_foreign
        self.repeats = self.any_foreign
        self.names = [] if self.any_foreign else plain(word)

    @functools.lru_cache(maxsize=None)
    def takes(self, frame):
        if any(is_function(frame, n) for n in self.names):
            return True
        if self.root:
            return bool(NAMELESS.fullmatch(frame))
        return (self.any_foreign or self.loose) and not any(is_function(frame, n) for n in self.own)


class Shape:
    """One chain as a pattern over the frames of a line, the outermost first."""

    def __init__(self, chain, own, max_frames):
        self.chain = chain
        self.needed = chain[0] != "?"
        self.count = 0
        words = [w for w in chain if w != "?"]
        root, words = words[-1], words[:-1]
        # What a language's library has between the thread's start and its function is not told.
        begin = [Step(w, own, True) for w in ROOTS[root]] + ([Step("*", own)] if root == "@thread" else [])
        self.patterns = [begin + self.steps(words, own)]
        self.begin, self.tail = len(begin), Step("*", own)
        for at, word in enumerate(words):
            times = int(re.fullmatch(r".*?(?:\*(\d+))?", word).group(1) or 1)
            if times + 10 > max_frames:
                cut = [f"{plain(word)[0]}*{max_frames - 10}"]
                more = Step(plain(word)[0], own)
                more.optional = more.repeats = True
                self.patterns.append([Step("[truncated]", own), more] + self.steps(words[:at] + cut, own))

    @staticmethod
    def steps(words, own):
        steps = []
        for word in reversed(words):
            name, times = re.fullmatch(r"(.+?)(?:\*(\d+))?", word).groups()
            steps += [Step(name, own)] * int(times or 1)
        return steps + [Step("*", own)]

    def matches(self, frames):
        return any(self.fits(p, frames) for p in self.patterns)

    def leads_to(self, frames):
        """The frames are the chain's outer part, and then a library: the thread blocks on its way."""
        whole = self.patterns[0]
        return any(self.fits(whole[:n] + [self.tail], frames) for n in range(self.begin + 1, min(len(whole), self.begin + 40)))

    @staticmethod
    def fits(steps, frames):
        """All ways at once: the places in `steps` that the frames so far can have led to."""

        def with_skips(places):
            todo, known = list(places), set(places)
            while todo:
                at = todo.pop()
                if at < len(steps) and steps[at].optional and at + 1 not in known:
                    known.add(at + 1)
                    todo.append(at + 1)
            return known

        places = with_skips({0})
        for frame in frames:
            following = set()
            for at in places:
                if at < len(steps) and steps[at].takes(frame):
                    following.add(at + 1)
                    if steps[at].repeats:
                        following.add(at)
            places = with_skips(following)
            if not places:
                return False
        return len(steps) in places


class Line:
    def __init__(self, text):
        text, number = text.rstrip("\n").rsplit(" ", 1)
        self.text, self.us = text, int(number)
        self.process, self.thread, *frames = text.split(";")
        self.kind = frames.pop().strip("[]")
        self.syscall = frames.pop()[:-4] if frames and frames[-1].endswith("_[k]") else None
        while frames and frames[-1].endswith("_[k]"):
            frames.pop()
        self.frames = frames

    def is_loading(self, own):
        """
        Before main: the loader reads the libraries, and waits for the disk where they are not in memory or the disk is slow to answer.
        """
        return (self.frames[:1] == ["_start"] and LOADER.fullmatch(self.frames[1] if len(self.frames) > 1 else "") and
                not any(is_function(frame, name) for frame in self.frames for name in own))

    def is_library_lock(self):
        """
        A lock of the C library's own, whole from the thread's root: its allocator's, of which two threads that end at once may want the same.
        """
        roots = ROOTS["@thread"][0].split("|") + ["_start"]
        return self.frames[-1:] == ["__lll_lock_wait_private"] and self.frames[0] in roots

    def is_wait(self):
        return self.kind not in NO_WAIT and self.kind != "fault" and self.syscall and self.syscall not in INCIDENTAL


def check_thread(truth, lines, own, options, say):
    name = truth["thread"]
    shapes = [Shape(c, own, options.max_frames) for c in truth["chains"]]
    others = [Shape(truth["between"], own, options.max_frames)] if "between" in truth else []
    if truth["computes"]:
        check_computing(name, lines, own, say)
        return 0, 0, 0
    waits = [line for line in lines if line.is_wait() and not line.is_loading(own)]
    strangers, calls = [], set()
    for line in waits:
        found = [s for s in shapes + others if s.matches(line.frames)]
        for shape in found:
            shape.count += 1
        if not found:
            if not line.is_library_lock():
                strangers.append(line)
        elif any(s in shapes for s in found):
            calls.add(line.syscall)
    # In another call than those that the chains are about (a lock of the kernel, a library's lock, on the way there) only the
    # outer part can be told.
    cut = [line for line in strangers if line.frames[0] == "[truncated]"]
    if sum(line.us for line in cut) * 100 <= sum(line.us for line in waits) * TRUNCATED_PERCENT:
        strangers = [line for line in strangers if line not in cut]
    if sum(line.us for line in strangers) * 100 <= sum(line.us for line in waits) * options.may_differ:
        strangers = []
    for line in strangers:
        if line.syscall in calls or not any(s.leads_to(line.frames) for s in shapes + others):
            say(f"{name}: {line.us} us in none of its chains: {line.text}")
    for shape in shapes:
        if shape.needed and not shape.count and not options.some:
            say(f"{name}: not there: {' < '.join(shape.chain)}")
    return len(shapes), sum(s.count > 0 for s in shapes), len(waits)


def check_computing(name, lines, own, say):
    """
    Samples are taken anywhere: what is asked is that each begins at the thread's root and its main function. Not of those in a page
    fault, which may be of the stack itself (after a fork): it can't be read then.
    """
    begin = [Step(w, own, True) for w in ROOTS["@thread"]]
    anything = Step("*", set())
    patterns = [begin + [Step(f"{name}_main", own), anything], begin]
    running = [line for line in lines if line.kind == "running" and line.frames != ["[no stack]"] and "page_fault_[k]" not in line.text]
    partial = [line for line in running if not any(Shape.fits(p, line.frames) for p in patterns)]
    total, cut = sum(line.us for line in running), sum(line.us for line in partial)
    if not total or cut > 0.01 * total:
        say(f"{name}: of {total} us in samples {cut} us do not begin at the root")
        for line in partial:
            say(f"{name}: {line.text} {line.us}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("truth")
    parser.add_argument("folded")
    parser.add_argument("--max-frames", type=int, default=256)
    parser.add_argument("--waits-only", action="store_true", help="no samples were taken")
    parser.add_argument("--some", type=int, metavar="PERCENT", help="not all chains need to be there, so many do")
    parser.add_argument("--may-differ", type=int, default=0, metavar="PERCENT", help="so much of a thread's waiting may be in none of its chains")
    parser.add_argument("--but", metavar="THREAD", help="not this one")
    options = parser.parse_args()
    with open(options.truth, encoding="utf-8") as f:
        truth = json.load(f)
    by_thread = defaultdict(list)
    with open(options.folded, encoding="utf-8") as f:
        for text in f:
            line = Line(text)
            by_thread[line.thread].append(line)
    own = own_words([c for t in truth["threads"] for c in t["chains"] + ([t["between"]] if "between" in t else [])])
    wrong = []
    chains = seen = waits = 0
    for thread in truth["threads"]:
        if (thread["computes"] and options.waits_only) or thread["thread"] == options.but:
            continue
        n, s, w = check_thread(thread, by_thread[thread["thread"]], own, options, wrong.append)
        chains, seen, waits = chains + n, seen + s, waits + w
    for text in wrong:
        print(text if len(text) < 1500 else text[:700] + " ... " + text[-700:], file=sys.stderr)
    print(f"{truth['program']}: {seen} of {chains} chains seen in {waits} different waits, {len(wrong)} differences")
    sys.exit(1 if wrong or not seen or seen * 100 < chains * (options.some or 0) else 0)


if __name__ == "__main__":
    main()
