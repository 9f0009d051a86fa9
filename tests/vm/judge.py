#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""In: the checks, and what a guest left of them (smoke). Out: what is wrong, a line each; status 1 if anything is.

judge.py CHECKS RESULTS RELEASE MACHINE [--failed FILE] [--summary FILE]

The failed checks' lines go to FILE, as CHECKS for another try. The summary has "checks N", "impossible NAME: REASON", and
"program NAME INSTRUCTIONS" (what the verifier went through).
"""

import argparse
import json
import os
import subprocess
import sys

BATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bats")
sys.path.insert(0, BATS)
# pylint: disable=wrong-import-position
import lawful  # noqa: E402
import truthful  # noqa: E402
import woken  # noqa: E402

MS = 1_000_000
CANNOT = 77  # a known-truth program: this machine cannot do it
USER = 1000  # of smoke
# Two CPUs that both compute take turns in the emulator, for tens of milliseconds, and meanwhile the kernel does not bring its
# account of what runs there up to date. It shows where threads are followed that do not leave the CPU, and where a CPU loses its
# turn between two instructions that usually follow each other (lawful.py).
TURN = 80 * MS
# These findings of doctor may say that a kernel can't do it: what needs them is then impossible.
OPTIONAL = {"wakers"}
PROGRAMS = {"on_switch", "on_sample", "on_newtask", "on_wakeup_new", "on_exec", "seed_threads", "close_threads"}
VERIFIER_LIMIT = 500_000  # half of what it allows, as in tools/check-verifier


class Check:
    """One line of CHECKS, and the files that the guest left."""

    def __init__(self, line, folder):
        self.line = line
        self.name, self.status, self.how, self.commands = line.split(None, 3)
        self.base = os.path.join(folder, self.name)
        self.wrong = []
        self.impossible = []
        self.report = None

    def say(self, text):
        self.wrong.append(text)

    def text(self, suffix):
        try:
            with open(f"{self.base}.{suffix}", encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def folded(self):
        """Each line's frames and microseconds."""
        for line in self.text("folded").splitlines():
            stack, _, value = line.rpartition(" ")
            yield stack.split(";"), int(value)


def commands_with_truth(check):
    """Each command of a group with its status and the lines that it printed."""
    said, done = [], []
    for line in check.text("truth").splitlines():
        if line.startswith("status "):
            _, status, command = line.split(None, 2)
            done.append((command, int(status), said))
            said = []
        else:
            said.append(line)
    wanted = [command.strip() for command in check.commands.split(";")]
    if [command for command, _, _ in done] != wanted:
        check.say(f"not all commands came to their end: {[command for command, _, _ in done]}")
    return done


def judge_command(check, command, status, said):
    """What one known-truth program says of itself against the report."""
    if status == CANNOT and command.startswith("?"):
        check.impossible.append(command[1:])
        return
    if status != int(check.status if check.how in ("run", "all") else 0):
        check.say(f"{command}: status {status}")
        return
    if command == "id -u":
        if said != [str(USER)]:
            check.say(f"the command's user is {said}, not {USER}")
        return
    try:
        truth = json.loads(said[0])
    except (IndexError, ValueError):
        check.say(f"{command}: printed no truth")
        return
    for line in truthful.differences(truth, check.report):
        check.say(f"{command}: {line}")


def judge_stacks(check):
    """Every call chain that the program says it blocked in is there, from the thread's root on, and no wait is in any other."""
    status = int(check.text("status"))
    if status:
        return
    done = subprocess.run([sys.executable, os.path.join(BATS, "stacked.py"), check.base + ".truth", check.base + ".folded"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        for line in done.stderr.splitlines()[-40:] + done.stdout.splitlines():
            check.say(line[:600])


def judge_attach(check):
    """A second of a program's life: its threads have been as they are since before."""
    try:
        pid = json.loads(check.text("truth"))["pid"]
    except ValueError:
        check.say("the program did not live on")
        return
    processes = check.report["processes"]
    if [p["pid"] for p in processes] != [pid]:
        check.say(f"the processes are {[p['pid'] for p in processes]}, not {pid}")
        return
    if not 900 * MS <= check.report["wall_ns"] <= 1500 * MS:
        check.say(f"the wall clock is {check.report['wall_ns']} ns, not a second")
    if check.report["totals"]["unknown_ns"]:
        check.say(f"unknown is {check.report['totals']['unknown_ns']} ns, not 0")
    (judge_attached_waiter if "wait_local" in check.commands else judge_attached_spinners)(check, pid, processes[0]["threads"])


def judge_attached_waiter(check, pid, threads):
    waiter = [t for t in threads if t["tid"] == pid][0]
    wait = waiter["waits"].get("local", {"count": 0, "ns": 0})
    if wait["count"] != 1 or wait["ns"] < waiter["lifetime_ns"] * 95 // 100 or not waiter["lifetime_ns"]:
        check.say(f"the waiter's waits are {waiter['waits']} in {waiter['lifetime_ns']} ns, not one of kind local")


def judge_attached_spinners(check, pid, threads):
    """Three that compute on two CPUs, and one that joins them."""
    running = 0
    for t in threads:
        busy = t["running_ns"] + t["ready_ns"]
        running += t["running_ns"]
        if t["tid"] == pid:
            if t["waits"].get("join", {"count": 0})["count"] != 1:
                check.say(f"the first thread's waits are {t['waits']}, not one of kind join")
        elif busy < t["lifetime_ns"] * 98 // 100 or not t["running_ns"] or not t["ready_ns"]:
            check.say(f"tid {t['tid']}: running {t['running_ns']}, ready {t['ready_ns']} of {t['lifetime_ns']} ns")
    wall = check.report["wall_ns"]
    if len(threads) != 4 or not wall * 120 // 100 <= running <= wall * 2:
        check.say(f"{len(threads)} threads ran for {running} ns on 2 CPUs in {wall} ns")
    spinning = sum(us for frames, us in check.folded() if frames[-1] == "[running]" and frames[3:4] == ["start_thread"] and
                   frames[4:5] == ["spin"]) * 1000
    if spinning < running * 95 // 100:
        check.say(f"[running] under start_thread and spin is {spinning} of {running} ns")


def judge_wakers(check):
    """Every wait is ended by whom the program says, from where it says."""
    try:
        truth = json.loads(check.text("truth"))
    except ValueError:
        check.say("the program printed no truth")
        return
    for line in woken.differences(truth, check.report):
        check.say(line)


def judge(check, release, machine, lacks):
    if check.how in lacks:
        check.impossible.append(f"{check.commands}: {lacks[check.how]}")
        return
    if check.text("status").strip() != check.status:
        if check.how in ("run", "all") and check.commands.startswith("?") and check.text("status").strip() == str(CANNOT):
            check.impossible.append(check.commands[1:])
            return
        check.say(f"status {check.text('status').strip() or 'unknown'}, not {check.status}")
    try:
        check.report = json.loads(check.text("json"))
    except ValueError:
        check.say("there is no report")
        return
    report = check.report
    for key, want in (("complete", True), ("kernel", release), ("machine", machine), ("cpus", 2), ("coverage", 1)):
        if report[key] != want:
            check.say(f"{key} is {report[key]}, not {want}")
    for cause, n in report["loss"].items():
        if n:
            check.say(f"{n} lost: {cause}")
    for line in lawful.laws_broken(report, f"{check.base}.folded", TURN if check.how == "attach" else 0, TURN):
        check.say(line)
    if check.how == "attach":
        judge_attach(check)
    elif check.how == "stacks":
        judge_stacks(check)
    elif check.how == "wakers":
        judge_wakers(check)
    elif check.how in ("run", "all"):
        judge_command(check, check.commands, int(check.text("status")), check.text("truth").splitlines())
    else:
        for command, status, said in commands_with_truth(check):
            judge_command(check, command, status, said)
    if check.how == "user" and check.text("owner").strip() != str(USER):
        check.say(f"the report belongs to user {check.text('owner').strip()}, not {USER}")


def judge_doctor(folder, release):
    """What is wrong, the programs, and which of OPTIONAL there is not, with the reason."""
    try:
        with open(os.path.join(folder, "doctor.json"), encoding="utf-8") as f:
            doctor = json.load(f)
    except (OSError, ValueError):
        return ["conctrace doctor says nothing"], {}, {}
    lacks = {f["name"]: f["text"] for f in doctor["findings"] if f["state"] == "less" and f["name"] in OPTIONAL}
    wrong = [f"{f['name']}: {f['text']}" for f in doctor["findings"] if f["state"] != "ok" and f["name"] not in lacks]
    if not doctor["works"]:
        wrong.append("conctrace doctor says that it will not work")
    programs = {p["name"]: p["verified_instructions"] for p in doctor["programs"]}
    if not PROGRAMS <= set(programs):
        wrong.append(f"the programs that were loaded are {sorted(programs)}")
    says = tuple(int(n) for n in release.split("-")[0].split(".")[:2]) >= (5, 16)
    for name, instructions in programs.items():
        if not (0 < instructions < VERIFIER_LIMIT if says else instructions == 0):
            wrong.append(f"{name}: {instructions} instructions verified")
    return wrong, programs, lacks


def main():
    parser = argparse.ArgumentParser()
    for name in ("checks", "results", "release", "machine"):
        parser.add_argument(name)
    parser.add_argument("--failed")
    parser.add_argument("--summary")
    args = parser.parse_args()

    with open(args.checks, encoding="utf-8") as f:
        checks = [Check(line.strip(), args.results) for line in f if line.strip() and not line.startswith("#")]
    broken, programs, lacks = judge_doctor(args.results, args.release)
    for line in broken:
        print(f"doctor: {line}")
    for check in checks:
        judge(check, args.release, args.machine, lacks)
        for line in check.wrong:
            print(f"{check.name}: {line}")
        if check.wrong:
            for line in check.text("err").splitlines()[:10]:
                print(f"{check.name}: stderr: {line[:400]}")
    failed = [check for check in checks if check.wrong]
    if args.failed:
        with open(args.failed, "w", encoding="utf-8") as f:
            f.writelines(check.line + "\n" for check in failed)
    if args.summary:
        with open(args.summary, "w", encoding="utf-8") as f:
            f.write(f"checks {len(checks)}\n")
            f.writelines(f"impossible {command}\n" for check in checks for command in check.impossible)
            f.writelines(f"program {name} {n}\n" for name, n in programs.items())
    return 1 if broken or failed or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
