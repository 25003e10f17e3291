#!/usr/bin/env python3
"""Measures the output of untrap and of other programs, interleaved in one run.

The reader discards the lines. Measured are MB/s and lines/s for lines of 100 bytes from 1 and from 4 producers, CPU
seconds of the program itself per GB, and the latency of a single line. The script prints the medians.

usage: benches/output.py [--rounds N] [--megabytes N] [NAME=COMMAND]...

The script measures the release build of this repository, cat and sed, and foreman and honcho if they are in PATH.
NAME=COMMAND adds another untrap ("old=/path/to/untrap --output prefix").
"""

import argparse
import math
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINE = b"x" * 99 + b"\n"
BLOCK = LINE * 640

# Both producers run until they are killed, so that the CPU time of the program can be read before it exits.
BULK = f"{sys.executable} {__file__} produce"
SINGLE = f"{sys.executable} {__file__} tick"


def produce(size):
    """Writes lines as fast as the pipe accepts them."""
    for _ in range(size // len(BLOCK)):
        block = memoryview(BLOCK)
        while block:
            block = block[os.write(1, block):]
    signal.pause()


def tick(count):
    """Writes lines with the current time, with pauses between them."""
    time.sleep(0.3)
    for _ in range(count):
        os.write(1, b"%d\n" % time.monotonic_ns())
        time.sleep(0.002)
    signal.pause()


def untrap(command):
    return lambda producers, _: [*shlex.split(command), *(f"p{index}: {line}" for index, line in enumerate(producers))]


def shell_filter(program):
    def command(producers, _):
        return ["sh", "-c", f"{{ {' & '.join(producers)} & wait; }} | exec {program}"]
    return command


def procfile(program):
    def command(producers, directory):
        path = Path(directory, "Procfile")
        path.write_text("".join(f"p{index}: exec {line}\n" for index, line in enumerate(producers)))
        return [program, "start", "-f", str(path)]
    return command


def programs(others):
    build = ["cargo", "build", "--release", "--quiet", "--message-format=json"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    own = max(ROOT.glob("target/**/release/untrap"), key=lambda path: path.stat().st_mtime)
    found = {"cat": shell_filter("cat"), "sed": shell_filter("sed 's/^/p | /'")}
    found["untrap prefix"] = untrap(f"{own} -q --output prefix")
    found["untrap prefix, time"] = untrap(f"{own} -q --output prefix --timestamps")
    found["untrap json"] = untrap(f"{own} -q --output json")
    found |= {name: untrap(command) for name, _, command in (other.partition("=") for other in others)}
    found |= {name: procfile(name) for name in ("foreman", "honcho") if shutil.which(name)}
    return found


def is_slow(name):
    return name in ("foreman", "honcho")


def processes(leader):
    """The processes of a session: PID, name and CPU seconds."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text().rpartition(") ")
        except OSError:
            continue
        fields = rest.split()
        if int(fields[3]) == leader:
            yield int(head.split()[0]), head.partition("(")[2], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Run:
    """A program and its producers in a new session, and the pipe from the program."""

    def __init__(self, command, producers):
        self.directory = tempfile.TemporaryDirectory()
        command = command(producers, self.directory.name)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.output = self.process.stdout.fileno()

    def cpu(self, names):
        return sum(seconds for _, name, seconds in processes(self.process.pid) if name in names)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid, *_ in list(processes(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.stdout.close()
        self.process.wait()
        self.directory.cleanup()


def throughput(command, producers, megabytes):
    size = megabytes * 1_000_000 // producers // len(BLOCK) * len(BLOCK)
    expected = size // len(LINE) * producers
    with Run(command, [f"{BULK} {size}"] * producers) as run:
        # Count bytes, because counting lines would be slower than the measured programs. All lines have the same length. The
        # few messages of foreman and honcho are counted too.
        first = b""
        while (text := first.find(LINE[:-1])) < 0 or (end := first.find(b"\n", text)) < 0:
            first += os.read(run.output, 65536)
        start = time.perf_counter()
        length = end - first.rfind(b"\n", 0, text)
        # sed holds the last lines in its buffer, so wait for 99 % only.
        left = (expected * length - len(first)) * 0.99
        buffer = bytearray(1 << 20)
        while left > 0:
            read = os.readv(run.output, [buffer])
            assert read, "the program exited early: lines are lost"
            left -= read
        seconds = time.perf_counter() - start
        cpu = run.cpu({"cat", "sed", "untrap", "foreman", "ruby", "honcho"})
        return {"MB/s": size * producers / seconds / 1e6, "CPU s/GB": cpu / (size * producers) * 1e9}


def latency(command, count):
    with Run(command, [f"{SINGLE} {count}"]) as run:
        times, rest = [], b""
        while len(times) < count:
            chunk = os.read(run.output, 65536)
            now = time.monotonic_ns()
            assert chunk, "the program exited early: lines are lost"
            *whole, rest = (rest + chunk).split(b"\n")
            words = (line.replace(b'"', b" ").replace(b"}", b" ").split() for line in whole)
            times += [now - int(line[-1]) for line in words if line and line[-1].isdigit() and len(line[-1]) > 8]
        times.sort()
        return {"median µs": times[len(times) // 2] / 1e3, "p99 µs": times[len(times) * 99 // 100] / 1e3}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", help="measure only programs whose name contains one of these words, separated by commas")
    parser.add_argument("others", nargs="*", metavar="NAME=COMMAND")
    options = parser.parse_args()
    results = {}
    chosen = programs(options.others)
    if options.only:
        chosen = {name: command for name, command in chosen.items() if any(word in name for word in options.only.split(","))}
    for _ in range(options.rounds):
        for name, command in chosen.items():
            megabytes = 10 if is_slow(name) else options.megabytes
            measured = {f"1 {key}": value for key, value in throughput(command, 1, megabytes).items()}
            measured |= {f"4 {key}": value for key, value in throughput(command, 4, megabytes).items()}
            # No latency for sed: it buffers its output, and unbuffered it reads byte by byte.
            measured |= latency(command, 1000) if name != "sed" else dict.fromkeys(("median µs", "p99 µs"), math.nan)
            for key, value in measured.items():
                results.setdefault(name, {}).setdefault(key, []).append(value)
    medians = {name: {key: statistics.median(values) for key, values in keys.items()} for name, keys in results.items()}
    print(f"{'':20}  1 producer: MB/s  lines/s  CPU s/GB   4 producers: MB/s  lines/s  CPU s/GB   latency: median µs  p99 µs")
    for name, m in medians.items():
        print(
            f"{name:20} {m['1 MB/s']:17.0f} {m['1 MB/s'] * 1e4:8.2g} {m['1 CPU s/GB']:9.2f} {m['4 MB/s']:19.0f} "
            f"{m['4 MB/s'] * 1e4:8.2g} {m['4 CPU s/GB']:9.2f} {m['median µs']:19.0f} {m['p99 µs']:7.0f}"
        )
    for base in ("cat", "sed", "foreman", "honcho"):
        if base in medians:
            b = medians[base]
            for name in (name for name in medians if name.startswith("untrap")):
                m = medians[name]
                print(
                    f"{name} to {base}: rate {m['1 MB/s'] / b['1 MB/s']:.2f} (4: {m['4 MB/s'] / b['4 MB/s']:.2f}), "
                    f"median {m['median µs'] / b['median µs']:.2f}, p99 {m['p99 µs'] / b['p99 µs']:.2f}"
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["produce"]:
        produce(int(sys.argv[2]))
    elif sys.argv[1:2] == ["tick"]:
        tick(int(sys.argv[2]))
    else:
        main()
