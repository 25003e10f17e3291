"""The probe: the C program whose processes note times, and the file they note them in."""

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
HEADER = struct.Struct("=4q4i")  # as in probe.c: start, end, reaped, zombies; runner, status, receivers, pad
SLOT = struct.Struct("=4q")  # ready, told, ended, pid
SLOTS = 1024
PATIENCE = 20  # seconds; whoever takes longer has failed


class Failed(Exception):
    """A runner did not do what was asked; the text says what."""


class Probe:
    """The compiled probe in a temporary folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = str(self.folder / "probe")
        compiler = shutil.which("cc")
        if not compiler:
            raise SystemExit("compare: there is no C compiler 'cc'; install one, for example gcc and libc6-dev")
        subprocess.run([compiler, "-O2", "-static", "-o", self.path, str(SOURCE)], check=True)
        self.file = self.folder / "notes"
        self.file.write_bytes(bytes(HEADER.size + SLOTS * SLOT.size))
        with open(self.file, "r+b") as file:
            self.notes = mmap.mmap(file.fileno(), 0)
        self.environment = {**os.environ, "PROBE_FILE": str(self.file)}

    def clear(self):
        self.notes[:] = bytes(len(self.notes))

    def header(self):
        names = ("start", "end", "reaped", "zombies", "runner", "status", "receivers", "pad")
        return dict(zip(names, HEADER.unpack_from(self.notes, 0)))

    def slots(self, count):
        """The notes of the first services: (ready, told, ended, pid) each."""
        return [SLOT.unpack_from(self.notes, HEADER.size + index * SLOT.size) for index in range(count)]

    def runs_as(self, pid):
        """Whether this process is a probe."""
        try:
            return os.readlink(f"/proc/{pid}/exe") == self.path
        except OSError:
            return False

    def run(self, command, **options):
        """Runs the probe itself to its end, and gives what it prints."""
        done = subprocess.run([self.path, *command], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE * 10, **options)
        return done.stdout.decode()


class Run:
    """A runner with services that are probes, watched from its start to its end."""

    def __init__(self, probe, command, services, **options):
        self.probe, self.entries = probe, services
        probe.clear()
        self.watcher = subprocess.Popen([probe.path, "watch", *command], env=probe.environment, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **options)

    def __enter__(self):
        try:
            # A service can be faster than the watcher is to note the runner's PID.
            self.wait_for("every service runs",
                          lambda: self.runner and all(slot[0] for slot in self.probe.slots(self.entries)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """Ends whoever is left, without asking, and nobody who has got the PID of one who is not."""
        runners = family(self.watcher.pid) if self.watcher.poll() is None else []
        services = [slot[3] for slot in self.probe.slots(SLOTS) if slot[3] and not slot[2]]
        for pid in [*runners, *filter(self.probe.runs_as, services)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.watcher.wait()

    @property
    def runner(self):
        return self.probe.header()["runner"]

    def wait_for(self, what, condition):
        bound = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > bound or self.watcher.poll() is not None and not condition():
                raise Failed(f"waited in vain: {what}")
            time.sleep(0.002)

    def tell(self, number=signal.SIGTERM):
        """Sends the runner a signal, and gives the time before."""
        start = time.monotonic_ns()
        os.kill(self.runner, number)
        return start

    def wait_told(self):
        self.wait_for("every service is told", lambda: all(slot[1] for slot in self.probe.slots(self.entries)))

    def end(self):
        """Waits for the runner's end, and gives its time."""
        try:
            self.watcher.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise Failed("it does not end") from error
        return self.probe.header()["end"]


def family(pid):
    """A process's descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, children) for one in (child, *family(child))]


def status(pid):
    """The numbers of /proc/PID/status by name, sizes in KiB."""
    lines = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(value.split()[0]) for name, value in lines if value.split() and value.split()[0].isdigit()}


def busy(pid):
    """How often the process gave up the CPU or was made to, and how many nanoseconds it ran, all threads together."""
    switches = nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        switches += sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return switches, nanoseconds


def summary(values):
    """Median and range of some numbers."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "samples": len(values)}
