"""The metrics. Each is a function that fills a Table and interleaves all runners in every round."""

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

from .probe import Failed, Run, cpu_usage, status, summary

MILLION = 1_000_000
SLOW = ("foreman", "honcho")  # each start takes a quarter of a second; counting its instructions is pointless


class Bench:
    """The parameters of the metrics: the probe, the runners, the number of rounds, and whether the counts are small."""

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
        """Measures all runners in every round, for at most `most` rounds."""
        for _ in range(min(self.rounds, most or self.rounds)):
            for runner in self.runners:
                table.attempt(runner, lambda runner: measure(runner, *arguments))


class Table:
    """The samples of one metric, by runner and column."""

    def __init__(self, title, unit, note=""):
        self.title, self.unit, self.note, self.samples, self.failures = title, unit, note, {}, {}

    def add(self, runner, column, value):
        self.samples.setdefault(runner, {}).setdefault(column, []).append(value)

    def attempt(self, runner, measure):
        """Measures a runner. A failure is recorded, and a runner that has failed is skipped from then on."""
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
    """The time of a run of a program that exits at once, minus the time without a runner."""
    table = Table("start: a program that exits at once", "µs", "the time without a runner is subtracted")

    def measure(command, slow=False):
        times = 2 if slow else 5 if bench.quick else 20
        lines = bench.probe.run(["repeat", str(times), *command], cwd=bench.folder).split()
        return sorted(map(int, lines))[len(lines) // 2] / 1000

    for _ in range(bench.rounds):
        alone = measure([bench.probe.path, "exit"])
        for runner in (runner for runner in bench.runners if runner.exits):
            if command := bench.command(runner, 1, ("exit",)):
                table.attempt(runner, lambda runner, command=command: table.add(
                    runner.name, "start", measure(command, runner.name in SLOW) - alone))
    return table


def counts(bench):
    """Instructions and system calls of the same run, which do not depend on the load of the machine."""
    table = Table("start, counted: a program that exits at once", "", "instructions of the runner in user space "
                  "(callgrind; executed programs excluded); system calls of all processes, the program's own excluded")
    valgrind, strace = shutil.which("valgrind"), shutil.which("strace")

    def calls(command):
        path = bench.folder / "strace"
        subprocess.run([strace, "-f", "-c", "-o", path, *command], cwd=bench.folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        total = [line.split() for line in path.read_text().splitlines() if line.endswith("total")]
        return int(total[0][3])

    def measure(runner):
        command = bench.command(runner, 1, ("exit",))
        if not command:
            return
        command[0] = shutil.which(command[0])
        if strace:
            table.add(runner.name, "system calls", calls(command) - calls([bench.probe.path, "exit"]))
        if valgrind:
            done = subprocess.run([valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                                  cwd=bench.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=120, check=False)
            if counted := re.findall(r"Collected\s*:\s*(\d+)", done.stderr.decode(errors="replace")):
                table.add(runner.name, "instructions", int(counted[-1]))

    for runner in (runner for runner in bench.runners if runner.exits and runner.name not in SLOW):
        table.attempt(runner, measure)
    return table


def binary(bench):
    """The size of the program's file, without libraries and the interpreter of a script."""
    table = Table("binary", "KiB", "a dynamically linked program or a script needs further files")
    for runner in bench.runners:
        if runner.program and runner.name != "bare C":
            content = Path(runner.program).read_bytes()
            kind = "script" if content[:2] == b"#!" else "dynamic" if b"/ld-linux" in content[:4096] else "static"
            table.add(runner.name, kind, len(content) / 1024)
    return table


def memory(bench):
    """The memory of the runner while its services run, without helpers that it starts."""
    table = Table("memory, idle", "KiB", "of the runner alone, without the supervisors (s6) that it starts")

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
    """Wake-ups and CPU time of the runner while its services do nothing."""
    seconds = 2 if bench.quick else 60
    table = Table(f"idle for {seconds} s with 10 services", "", "wake-ups are context switches of all threads of the runner")

    def measure(runner, services=10, words=("receive",), options=(), name=None, stop=False):
        command = bench.command(runner, services, words, timeout=3600 if stop else None)
        if not command:
            if services > 1:
                measure(runner, 1)
            return
        command[1:1] = options
        with Run(bench.probe, command, services, cwd=bench.folder) as run:
            if stop:
                run.send_signal()
                run.wait_until_signalled()
            time.sleep(1)
            before = cpu_usage(run.runner)
            time.sleep(seconds)
            after = cpu_usage(run.runner)
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
    """The time from SIGTERM to the runner until its services receive SIGTERM."""
    table = Table("fan-out of SIGTERM", "ms", "to the last of N services; first and median are in the JSON file")

    def measure(runner, services):
        run = bench.run(runner, services)
        if not run:
            return
        with run:
            time.sleep(0.1)
            begin = run.send_signal()
            run.wait_until_signalled()
            signalled = sorted((slot[1] - begin) / MILLION for slot in bench.probe.slots(services))
            run.wait_for_exit()
        table.add(runner.name, f"last of {services}", signalled[-1])
        table.add(runner.name, f"median of {services}", signalled[len(signalled) // 2])
        table.add(runner.name, f"first of {services}", signalled[0])

    for services in (1, 10) if bench.quick else (1, 10, 100, 500):
        bench.interleave(table, measure, services)
    return table


def exit_delay(bench):
    """The time from the exit of the last service to the exit of the runner."""
    table = Table("from the last service's exit to the runner's", "ms")

    def measure(runner, services):
        if run := bench.run(runner, services):
            with run:
                time.sleep(0.1)  # honcho hangs if it receives SIGTERM just after its start
                run.send_signal()
                exited = run.wait_for_exit()
                service_exits = [slot[2] for slot in bench.probe.slots(services)]
            table.add(runner.name, f"after {services}", (exited - max(service_exits)) / MILLION)

    for services in (1, 10):
        bench.interleave(table, measure, services)
    return table


def timeout(bench):
    """The delay of SIGKILL after a stop timeout of one second, for a service that ignores SIGTERM."""
    table = Table("timeout: delay of SIGKILL after a timeout of 1 s", "ms")

    def measure(runner):
        run = bench.run(runner, 1, ("receive", "stubborn"), timeout=1)
        if not run:
            return
        with run:
            time.sleep(0.1)
            pid = os.pidfd_open(bench.probe.slots(1)[0][3])
            run.send_signal()
            run.wait_until_signalled()
            if not select.select([pid], [], [], 20)[0]:
                raise Failed("the runner did not kill the service within 20 s")
            killed = time.monotonic_ns()
            os.close(pid)
            table.add(runner.name, "late", (killed - bench.probe.slots(1)[0][1]) / MILLION - 1000)

    for _ in range(bench.rounds):
        for runner in bench.runners:
            if runner.name in ("untrap", "s6-svscan", "supervisord", "foreman"):
                table.attempt(runner, measure)
    return table


def reap(bench):
    """The time to reap orphans as PID 1, and the largest number of zombies."""
    total = 2000 if bench.quick else 20000
    table = Table(f"reaping {total} orphans as PID 1", "", "ms: 1000 exit at once, until the last is reaped; zombies: "
                  "the largest number while orphans exit one by one")
    unshare = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    def measure(runner):
        command = bench.command(runner, 1, ("orphans", str(total), "1000"))
        if not command or not runner.exits or runner.name in SLOW:
            return
        bench.probe.clear()
        bench.probe.run(["watch", *unshare, *command], cwd=bench.folder)
        header = bench.probe.header()
        if header["status"] != 0:
            raise Failed(f"status {header['status']}; PID namespaces need root")
        table.add(runner.name, "ms", header["reaped"] / MILLION)
        table.add(runner.name, "zombies", header["zombies"])

    bench.interleave(table, measure, most=5)
    return table


def many(bench):
    """The time from the start of the runner until the last of its services runs."""
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
    """The memory of untrap before and after it reaps a million orphans, and before and after ten thousand restarts."""
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
        # Skip the first sample: pages of the program's file that the first signals map are no growth.
        seen = [size for size in seen if size][1:] or [0]
        table.add(name, "RSS begin", seen[min(10, len(seen) - 1)])
        table.add(name, "RSS end", seen[-1])
        child.send_signal(signal.SIGTERM)
        child.wait()

    # The probe creates this number of orphans twice: in bursts, then one by one.
    command = bench.command(untrap, 1, ("orphans", str(orphans // 2), "500"))
    table.attempt(untrap, lambda _: sample(command, "orphans", lambda: False))
    text = subprocess.run([untrap.program, "--help"], stdout=subprocess.PIPE, check=False).stdout.decode()
    if "restart" in text:
        # The backoff doubles with each restart, so restart many services a few times each.
        services = [f"e{number}: {bench.probe.path} count" for number in range(10 if bench.quick else 1250)]
        command = [untrap.program, "--on-exit", "restart", *services]
        table.attempt(untrap, lambda _: sample(
            command, "restarts", lambda: bench.probe.header()["receivers"] >= restarts))
    return table


METRICS = {"start": start, "counts": counts, "binary": binary, "memory": memory, "idle": idle, "fan-out": fan_out,
           "exit": exit_delay, "timeout": timeout, "reap": reap, "many": many, "long-run": long_run}


def raise_limits():
    """Raises RLIMIT_NOFILE, because some runners need several descriptors per service."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
