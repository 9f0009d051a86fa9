# SPDX-License-Identifier: BSD-2-Clause
"""In: a tool. Out: nanoseconds an operation of each benchmark under it, by the clock of the benchmark program itself."""

import os
import signal

import servers
from children import Child, Failed, printed_json, run

# So many times fewer operations for the tools that are very slow, on what does nothing but switch.
SLOW = 100


class Benchmark:
    def __init__(self, name, title, unit, size, quick, argv, slow=1, targets=None, timeout=60):
        self.name, self.title, self.unit, self.size, self.quick = name, title, unit, size, quick
        self.argv, self.slow, self.targets, self.timeout = argv, slow, targets or {}, timeout

    def operations(self, tracer, quick):
        n = self.quick if quick else self.size
        return max(1, n // self.slow) if tracer.slow else n

    def measure(self, tracer, quick, scratch, env):
        """{ns_per_operation, operations, elapsed_ns, wall_ns}, and what else is known."""
        argv = self.argv(self.operations(tracer, quick))
        watcher = tracer.start(scratch, env) if tracer.beside else None
        try:
            ended = run(argv if watcher else tracer.argv(scratch, argv), scratch, env, self.timeout).check(self.name)
            if watcher:
                watcher.stop(signal.SIGINT, self.timeout)
        finally:
            if watcher in Child.live:
                watcher.kill()
        return self.result(printed_json(ended.out), ended.wall_ns)

    @staticmethod
    def result(printed, wall_ns):
        """From our own programs, and from conctrace-workload, whose operation is a job."""
        elapsed = printed.get("elapsed_ns", printed.get("wall_ns"))
        operations = printed.get("operations", printed.get("jobs_done"))
        if not elapsed or not operations:
            raise Failed("the program printed no time, or did nothing")
        return {"ns_per_operation": elapsed / operations, "operations": operations, "elapsed_ns": elapsed,
                "switches": printed.get("switches"), "wall_ns": wall_ns}


class ServerBenchmark(Benchmark):
    def __init__(self, server):
        super().__init__("server", server.title if server else "server", "request", server.operations if server else 0,
                         max(1, server.operations // 100) if server else 0, None, 20)
        self.server = server

    def measure(self, tracer, quick, scratch, env):
        if not self.server:
            raise Failed("neither redis-server and redis-benchmark nor nginx and wrk are installed: apt-get install redis")
        requests = self.operations(tracer, quick)
        result = servers.serve(self.server, tracer, requests, scratch, env)
        result["ns_per_operation"] = 1e9 / result["requests_per_s"]
        return result


def own_cpus():
    """The last CPU, for one; the first and the last, for two."""
    cpus = sorted(os.sched_getaffinity(0))
    return str(cpus[-1]), f"{cpus[0]},{cpus[-1]}" if len(cpus) > 1 else None


def all_benchmarks(programs, workload):
    """`programs` is the folder of our own benchmark programs, `workload` is conctrace-workload."""
    one, two = own_cpus()
    threads = str(len(os.sched_getaffinity(0)))

    def own(name):
        return os.path.join(programs, name)

    def pingpong(program, cpus):
        def argv(n):
            if not cpus:
                raise Failed("there is only one CPU")
            return [own(program), "--rounds", str(n), "--cpus", cpus]

        return argv

    def jobs(*options):
        return lambda n: [workload, "--json", "--form", "threaded", "--jobs", str(n), *options]

    switching = {"conctrace": 1.35, "no-stacks": 1.15}
    working = {"conctrace": 1.01}
    return [
        Benchmark("pipe1", "pipe ping-pong, one CPU", "round trip", 400000, 4000, pingpong("pipe_pingpong", one), SLOW,
                  switching),
        Benchmark("pipe2", "pipe ping-pong, two CPUs", "round trip", 20000, 500, pingpong("pipe_pingpong", two), 4),
        Benchmark("futex1", "futex ping-pong, one CPU", "round trip", 400000, 4000, pingpong("futex_pingpong", one), SLOW),
        Benchmark("spawn", "short processes, fork + exec", "process", 200, 20, lambda n: [own("spawn"), str(n)], 2),
        Benchmark("compute", f"computing, fixed work, {threads} threads", "loop", 400000000, 4000000,
                  lambda n: [own("compute"), str(n), threads], 1, working),
        Benchmark("cpu", "conctrace-workload cpu, threaded", "job", 16, 2,
                  jobs("--task", "cpu", "--workers", threads), 1, working),
        Benchmark("io", "conctrace-workload io, threaded", "job", 80, 4,
                  jobs("--task", "io", "--workers", "4", "--delay-ms", "10"), 1, working),
        ServerBenchmark(servers.find_server()),
    ]
