# SPDX-License-Identifier: BSD-2-Clause
"""In: a tool. Out: requests a second of a real server that runs under it; what makes the requests is not traced."""

import contextlib
import os
import re
import shutil
import signal
import socket
import time

from children import Child, Failed, run

START_S = 20
LOAD_S = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=2)


class Redis:
    title, programs = "redis-server, redis-benchmark", ("redis-server", "redis-benchmark")
    operations = 200000

    def argv(self, port, scratch):
        return [shutil.which("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--daemonize", "no", "--dir", scratch, "--logfile", os.path.join(scratch, "redis.log")]

    def ready(self, port):
        with _connect(port) as s:
            s.sendall(b"PING\r\n")
            return s.recv(16).startswith(b"+PONG")

    def load(self, port, requests, scratch, env):
        argv = ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-t", "get", "-c", "20", "-n", str(requests), "--csv"]
        ended = run(argv, scratch, env, LOAD_S).check("redis-benchmark")
        found = re.search(r'^"GET[^"]*","([0-9.]+)"', ended.out, re.M)
        if not found:
            raise Failed("redis-benchmark: its output is not understood")
        return float(found.group(1))

    def shut_down(self, port, _scratch):
        with contextlib.suppress(OSError), _connect(port) as s:
            s.sendall(b"SHUTDOWN NOSAVE\r\n")
            s.recv(16)


class Nginx:
    title, programs = "nginx, wrk", ("nginx", "wrk")
    operations = 4  # seconds: wrk counts what it gets done

    def argv(self, port, scratch):
        conf = os.path.join(scratch, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;\n"
                    "events {}\n"
                    f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; return 200 'ok'; }} }}\n")
        return [shutil.which("nginx"), "-p", scratch, "-c", conf]

    def ready(self, port):
        with _connect(port) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return s.recv(16).startswith(b"HTTP/1")

    def load(self, port, requests, scratch, env):
        argv = ["wrk", "-t1", "-c20", f"-d{max(1, requests)}s", f"http://127.0.0.1:{port}/"]
        ended = run(argv, scratch, env, LOAD_S).check("wrk")
        found = re.search(r"^Requests/sec:\s*([0-9.]+)", ended.out, re.M)
        if not found:
            raise Failed("wrk: its output is not understood")
        return float(found.group(1))

    def shut_down(self, _port, scratch):
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(scratch, "nginx.pid"), encoding="utf-8") as f:
                os.kill(int(f.read()), signal.SIGQUIT)


def find_server():
    """The first that is installed with its load generator, or None."""
    for server in (Redis(), Nginx()):
        if all(shutil.which(p) for p in server.programs):
            return server
    return None


def _wait_ready(server, child, port):
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if not child.running():
            child.finish(0).check("the server")
            raise Failed("the server ended at once")
        with contextlib.suppress(OSError):
            if server.ready(port):
                return
        time.sleep(0.05)
    raise Failed(f"the server does not answer after {START_S} s")


def serve(server, tracer, requests, scratch, env):
    """{requests_per_s, wall_ns}: the server from its start to its end, under the tool."""
    port = free_port()
    child = Child(tracer.argv(scratch, server.argv(port, scratch)) if not tracer.beside else server.argv(port, scratch),
                  scratch, env)
    watcher = None
    try:
        _wait_ready(server, child, port)
        if tracer.beside:
            watcher = tracer.start(scratch, env, child.pid)
        server.load(port, max(1, requests // 10), scratch, env)
        rate = server.load(port, requests, scratch, env)
        if watcher:
            watcher.stop(signal.SIGINT, LOAD_S)
        server.shut_down(port, scratch)
        return {"requests_per_s": rate, "wall_ns": child.finish(LOAD_S).check("the server").wall_ns}
    finally:
        for c in (watcher, child):
            if c in Child.live:
                c.kill()
