"""The metrics: each a function that fills a Table, all runners interleaved in every round."""

import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from .probe import Failed, Run, busy, status, summary

MILLION = 1_000_000
SLOW = ("foreman", "honcho")  # a quarter of a second for each start, and no instruction of it is of interest


class Bench:
    """What the metrics need: the probe, the runners, how often and how large."""

    def __init__(self, probe, runners, rounds, quick):
        self.probe, self.runners, self.rounds, self.quick = probe, runners, rounds, quick
        self.folder = probe.folder / "run"
        self.folder.mkdir(exist_ok=True)

    def command(self, runner, services=1, words=("receive",), timeout=None):
        return runner.command(self.folder, services, self.probe.path, *words, timeout=timeout)

    def run(self, runner, services=1, words=("receive",), timeout=None, **options):
        command = self.command(runner, services, words, timeout)
        return command and Run(self.probe, command, services, cwd=self.folder, **options)

    def interleave(self, table, measure, *arguments, most=None):
        """Measures all runners in every round, of which there are no more than `most`."""
        for _ in range(min(self.rounds, most or self.rounds)):
            for runner in self.runners:
                table.attempt(runner, lambda runner: measure(runner, *arguments))


class Table:
    """Samples by runner and column."""

    def __init__(self, title, unit, note=""):
        self.title, self.unit, self.note, self.samples, self.failures = title, unit, note, {}, {}

    def add(self, runner, column, value):
        self.samples.setdefault(runner, {}).setdefault(column, []).append(value)

    def attempt(self, runner, measure):
        """Measures, and notes a failure instead of ending everything. Who has failed is not tried again."""
        if runner.name in self.failures:
            return
        try:
            measure(runner)
        except (Failed, OSError, subprocess.SubprocessError) as error:
            self.failures[runner.name] = str(error)
            print(f"compare: {self.title}: {runner.name}: {error}", file=sys.stderr)

    def summaries(self):
        return {runner: {column: summary(values) for column, values in columns.items()}
                for runner, columns in self.samples.items()}


def start(bench):
    """How long running a program that ends at once takes, and how much more than without a runner."""
    table = Table("start: a program that ends at once", "µs", "the time without a runner is subtracted")

    def measure(command, slow=False):
        times = 2 if slow else 5 if bench.quick else 20
        lines = bench.probe.run(["repeat", str(times), *command], cwd=bench.folder).split()
        return sorted(map(int, lines))[len(lines) // 2] / 1000

    for _ in range(bench.rounds):
        alone = measure([bench.probe.path, "end"])
        for runner in (runner for runner in bench.runners if runner.ends):
            if command := bench.command(runner, 1, ("end",)):
                table.attempt(runner, lambda runner, command=command: table.add(
                    runner.name, "start", measure(command, runner.name in SLOW) - alone))
    return table


def counts(bench):
    """Instructions and system calls of the same, which do not depend on what else the machine does."""
    table = Table("start, counted: a program that ends at once", "", "instructions of the runner in user space "
                  "(callgrind, not of what it executes); system calls of all processes but the program's own")
    valgrind, strace = shutil.which("valgrind"), shutil.which("strace")

    def calls(command):
        path = bench.folder / "strace"
        subprocess.run([strace, "-f", "-c", "-o", path, *command], cwd=bench.folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        total = [line.split() for line in path.read_text().splitlines() if line.endswith("total")]
        return int(total[0][3])

    def measure(runner):
        command = bench.command(runner, 1, ("end",))
        if not command:
            return
        command[0] = shutil.which(command[0])
        if strace:
            table.add(runner.name, "system calls", calls(command) - calls([bench.probe.path, "end"]))
        if valgrind:
            done = subprocess.run([valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                                  cwd=bench.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=120, check=False)
            if counted := re.findall(r"Collected\s*:\s*(\d+)", done.stderr.decode(errors="replace")):
                table.add(runner.name, "instructions", int(counted[-1]))

    for runner in (runner for runner in bench.runners if runner.ends and runner.name not in SLOW):
        table.attempt(runner, measure)
    return table


def binary(bench):
    """The size of the program file. A script's interpreter and libraries are not counted."""
    table = Table("binary", "KiB", "what is dynamically linked or a script needs more files than this one")
    for runner in bench.runners:
        if runner.program and runner.name != "bare C":
            content = Path(runner.program).read_bytes()
            kind = "script" if content[:2] == b"#!" else "dynamic" if b"/ld-linux" in content[:4096] else "static"
            table.add(runner.name, kind, len(content) / 1024)
    return table


def memory(bench):
    """What the runner itself occupies while its services run: helpers that it starts are not counted."""
    table = Table("memory, idle", "KiB", "of the runner alone, not of the supervisors (s6) it starts")

    def measure(runner):
        for services in (1, 100):
            if run := bench.run(runner, services):
                with run:
                    time.sleep(0.2)
                    now = status(run.runner)
                    table.add(runner.name, f"RSS {services}", now["VmRSS"])
                    table.add(runner.name, f"anon {services}", now["RssAnon"])
                    table.add(runner.name, f"threads {services}", now["Threads"])

    bench.interleave(table, measure, most=3)
    return table


def idle(bench):
    """Who wakes while nothing happens."""
    seconds = 2 if bench.quick else 60
    table = Table(f"idle for {seconds} s with 10 services", "", "wake-ups are context switches, of all its threads")

    def measure(runner, services=10, words=("receive",), options=(), name=None, stop=False):
        command = bench.command(runner, services, words, timeout=3600 if stop else None)
        if not command:
            if services > 1:
                measure(runner, 1)
            return
        command[1:1] = options
        with Run(bench.probe, command, services, cwd=bench.folder) as run:
            if stop:
                run.tell()
                run.wait_told()
            time.sleep(1)
            before = busy(run.runner)
            time.sleep(seconds)
            after = busy(run.runner)
            table.add(name or runner.name, "wake-ups", after[0] - before[0])
            table.add(name or runner.name, "CPU µs", (after[1] - before[1]) / 1000)

    for runner in bench.runners:
        table.attempt(runner, measure)
    untrap = bench.runners[0]
    table.attempt(untrap, lambda runner: measure(runner, 10, ("receive", "stubborn"), (), "untrap, far deadline", True))
    if "--output" in subprocess.run([untrap.program, "--help"], stdout=subprocess.PIPE, check=False).stdout.decode():
        table.attempt(untrap, lambda runner: measure(runner, 10, options=("--output", "prefix"), name="untrap, prefix"))
    return table


def fan_out(bench):
    """From SIGTERM at the runner to SIGTERM at its services."""
    table = Table("fan-out of SIGTERM", "ms", "to the last of so many services; first and median are in the JSON")

    def measure(runner, services):
        run = bench.run(runner, services)
        if not run:
            return
        with run:
            time.sleep(0.1)
            begin = run.tell()
            run.wait_told()
            told = sorted((slot[1] - begin) / MILLION for slot in bench.probe.slots(services))
            run.end()
        table.add(runner.name, f"last of {services}", told[-1])
        table.add(runner.name, f"median of {services}", told[len(told) // 2])
        table.add(runner.name, f"first of {services}", told[0])

    for services in (1, 10) if bench.quick else (1, 10, 100, 500):
        bench.interleave(table, measure, services)
    return table


def end(bench):
    """From the end of the last service to the end of the runner."""
    table = Table("from the last service's end to the runner's", "ms")

    def measure(runner, services):
        if run := bench.run(runner, services):
            with run:
                time.sleep(0.1)  # honcho never ends if it is told just after its start
                run.tell()
                over = run.end()
                ended = [slot[2] for slot in bench.probe.slots(services)]
            table.add(runner.name, f"after {services}", (over - max(ended)) / MILLION)

    for services in (1, 10):
        bench.interleave(table, measure, services)
    return table


def timeout(bench):
    """How late SIGKILL comes for a service that ignores SIGTERM, with a timeout of one second."""
    table = Table("timeout: SIGKILL later than the second that was set", "ms")

    def measure(runner):
        run = bench.run(runner, 1, ("receive", "stubborn"), timeout=1)
        if not run:
            return
        with run:
            time.sleep(0.1)
            pid = os.pidfd_open(bench.probe.slots(1)[0][3])
            run.tell()
            run.wait_told()
            if not select.select([pid], [], [], 20)[0]:
                raise Failed("it does not kill within 20 s")
            killed = time.monotonic_ns()
            os.close(pid)
            table.add(runner.name, "late", (killed - bench.probe.slots(1)[0][1]) / MILLION - 1000)

    for _ in range(bench.rounds):
        for runner in bench.runners:
            if runner.name in ("untrap", "s6-svscan", "supervisord", "foreman"):
                table.attempt(runner, measure)
    return table


def reap(bench):
    """How fast orphans are reaped, as PID 1."""
    total = 2000 if bench.quick else 20000
    table = Table(f"reaping {total} orphans as PID 1", "", "1000 end at once, until the last is reaped; zombies at the "
                  "worst while they come one by one")
    unshare = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    def measure(runner):
        command = bench.command(runner, 1, ("orphans", str(total), "1000"))
        if not command or not runner.ends or runner.name in SLOW:
            return
        bench.probe.clear()
        bench.probe.run(["watch", *unshare, *command], cwd=bench.folder)
        header = bench.probe.header()
        if header["status"] != 0:
            raise Failed(f"status {header['status']}; PID namespaces take root")
        table.add(runner.name, "ms", header["reaped"] / MILLION)
        table.add(runner.name, "zombies", header["zombies"])

    bench.interleave(table, measure, most=5)
    return table


def many(bench):
    """From the runner's start until the last of its services runs."""
    services = 50 if bench.quick else 500
    table = Table(f"start of {services} services, to the last one running", "ms")

    def measure(runner):
        if run := bench.run(runner, services):
            with run:
                slots, begin = bench.probe.slots(services), bench.probe.header()["start"]
                table.add(runner.name, "last", (max(slot[0] for slot in slots) - begin) / MILLION)

    bench.interleave(table, measure)
    return table


def long_run(bench):
    """Whether a million reaped orphans, and ten thousand restarts, leave anything behind in memory."""
    orphans, restarts = (2000, 50) if bench.quick else (1_000_000, 10_000)
    table = Table(f"long run: {orphans} orphans reaped, {restarts} restarts", "KiB", "RSS of untrap")
    untrap = bench.runners[0]

    def sample(command, name, done):
        bench.probe.clear()
        child = subprocess.Popen(command, env=bench.probe.environment, cwd=bench.folder, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = []
        while child.poll() is None and not done():
            seen.append(status(child.pid).get("VmRSS"))
            time.sleep(0.05)
        # Not the very first: what its code reads in from its file at its first signals is no growth.
        seen = [size for size in seen if size][1:] or [0]
        table.add(name, "RSS begin", seen[min(10, len(seen) - 1)])
        table.add(name, "RSS end", seen[-1])
        child.send_signal(signal.SIGTERM)
        child.wait()

    # Each orphan counts twice: once of a burst, once alone.
    command = bench.command(untrap, 1, ("orphans", str(orphans // 2), "500"))
    table.attempt(untrap, lambda _: sample(command, "orphans", lambda: False))
    text = subprocess.run([untrap.program, "--help"], stdout=subprocess.PIPE, check=False).stdout.decode()
    if "restart" in text:
        # The wait before a restart doubles each time: many services are restarted a few times each.
        services = [f"e{number}: {bench.probe.path} count" for number in range(10 if bench.quick else 1250)]
        command = [untrap.program, "--on-exit", "restart", *services]
        table.attempt(untrap, lambda _: sample(
            command, "restarts", lambda: bench.probe.header()["receivers"] >= restarts))
    return table


METRICS = {"start": start, "counts": counts, "binary": binary, "memory": memory, "idle": idle, "fan-out": fan_out,
           "end": end, "timeout": timeout, "reap": reap, "many": many, "long-run": long_run}


def raise_limits():
    """Five hundred services need descriptors in some runners."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
