"""The probe: a C program whose processes record times, and the file in which they record them."""

import mmap
import os
import shutil
import signal
import statistics
import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("probe.c")
HEADER = struct.Struct("=4q4i")  # as in probe.c: start, exited, reaped, zombies; runner, status, receivers, pad
SLOT = struct.Struct("=4q")  # ready, signalled, exited, pid
SLOTS = 1024
TIME_LIMIT = 20  # seconds; a slower runner counts as failed


class Failed(Exception):
    """A runner failed; the text gives the reason."""


class Probe:
    """The compiled probe in a temporary directory."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = str(self.folder / "probe")
        compiler = shutil.which("cc")
        if not compiler:
            raise SystemExit("compare: C compiler 'cc' not found; install one, for example gcc and libc6-dev")
        subprocess.run([compiler, "-O2", "-static", "-o", self.path, str(SOURCE)], check=True)
        self.file = self.folder / "records"
        self.file.write_bytes(bytes(HEADER.size + SLOTS * SLOT.size))
        with open(self.file, "r+b") as file:
            self.records = mmap.mmap(file.fileno(), 0)
        self.environment = {**os.environ, "PROBE_FILE": str(self.file)}

    def clear(self):
        self.records[:] = bytes(len(self.records))

    def header(self):
        names = ("start", "exited", "reaped", "zombies", "runner", "status", "receivers", "pad")
        return dict(zip(names, HEADER.unpack_from(self.records, 0)))

    def slots(self, count):
        """The records of the first services: (ready, signalled, exited, pid) each."""
        return [SLOT.unpack_from(self.records, HEADER.size + index * SLOT.size) for index in range(count)]

    def is_probe(self, pid):
        """Whether the process runs the probe."""
        try:
            return os.readlink(f"/proc/{pid}/exe") == self.path
        except OSError:
            return False

    def run(self, command, **options):
        """Runs the probe until it exits, and returns its output."""
        done = subprocess.run([self.path, *command], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIME_LIMIT * 10, **options)
        return done.stdout.decode()


class Run:
    """A runner whose services are probes, observed from its start to its exit."""

    def __init__(self, probe, command, services, **options):
        self.probe, self.services = probe, services
        probe.clear()
        self.watcher = subprocess.Popen([probe.path, "watch", *command], env=probe.environment, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **options)

    def __enter__(self):
        try:
            # A service can start before the watcher has recorded the runner's PID.
            self.wait_for("every service runs",
                          lambda: self.runner and all(slot[0] for slot in self.probe.slots(self.services)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """Kills the remaining processes. The check of the executable guards against PID reuse."""
        runners = descendants(self.watcher.pid) if self.watcher.poll() is None else []
        services = [slot[3] for slot in self.probe.slots(SLOTS) if slot[3] and not slot[2]]
        for pid in [*runners, *filter(self.probe.is_probe, services)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.watcher.wait()

    @property
    def runner(self):
        return self.probe.header()["runner"]

    def wait_for(self, what, condition):
        deadline = time.monotonic() + TIME_LIMIT
        while not condition():
            if time.monotonic() > deadline or self.watcher.poll() is not None and not condition():
                raise Failed(f"timed out, or the runner exited, waiting until {what}")
            time.sleep(0.002)

    def send_signal(self, number=signal.SIGTERM):
        """Sends the runner a signal, and returns the time just before."""
        start = time.monotonic_ns()
        os.kill(self.runner, number)
        return start

    def wait_until_signalled(self):
        self.wait_for("every service has received SIGTERM", lambda: all(slot[1] for slot in self.probe.slots(self.services)))

    def wait_for_exit(self):
        """Waits until the runner exits, and returns the time of its exit."""
        try:
            self.watcher.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise Failed("the runner does not exit") from error
        return self.probe.header()["exited"]


def descendants(pid):
    """The PIDs of the descendants of a process."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid for child in map(int, children) for pid in (child, *descendants(child))]


def status(pid):
    """The numbers of /proc/PID/status by name, sizes in KiB."""
    lines = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(value.split()[0]) for name, value in lines if value.split() and value.split()[0].isdigit()}


def cpu_usage(pid):
    """The context switches, voluntary or not, and the CPU time in nanoseconds of all threads of a process."""
    switches = nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        switches += sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return switches, nanoseconds


def summary(values):
    """Median and range of the samples."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "samples": len(values)}
