# SPDX-License-Identifier: BSD-2-Clause
"""Out: what the numbers depend on: the machine, the kernel, its settings, the versions of the tools."""

import os
import platform
import re
import subprocess
import time


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return None


def _first_line(*argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else None


def _cpu_model():
    found = re.search(r"^(?:model name|CPU part)\s*:\s*(.*)$", _read("/proc/cpuinfo") or "", re.M)
    return found.group(1) if found else platform.machine()


def facts(conctrace, offcputime):
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo") or "", re.M)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory.group(1)) * 1024 if memory else None,
        "virtual": "hypervisor" in (_read("/proc/cpuinfo") or ""),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_average": list(os.getloadavg()),
        "bpf_jit_enable": _read("/proc/sys/net/core/bpf_jit_enable"),
        "bpf_stats_enabled": _read("/proc/sys/kernel/bpf_stats_enabled"),
        "versions": {
            "conctrace": _first_line(conctrace, "--version"),
            "perf": _first_line("perf", "--version"),
            "strace": _first_line("strace", "--version"),
            "offcputime": _first_line(offcputime, "--version"),
            "redis": _first_line("redis-server", "--version"),
            "nginx": _first_line("nginx", "-v"),
        },
    }
