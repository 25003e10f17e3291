"""The runners to compare, and their command lines for a given number of services."""

import os
import shutil
import subprocess
from pathlib import Path

TRAP_SCRIPT = "trap 'kill -TERM $pids' TERM INT\n{starts}while :; do wait; [ $? -gt 128 ] || break; done\n"


class Runner:
    """A runner. `one` and `several` build its command line for one or several services; None if it cannot run them."""

    def __init__(self, name, program, one=None, several=None, exits=True, adopts=True, version=("--version",)):
        self.name, self.program, self.one, self.several = name, shutil.which(program), one, several
        self.exits = exits  # whether the runner exits after its last service
        self.adopts = adopts  # whether the runner reaps orphans as PID 1
        self.version_arguments = version

    def command(self, folder, services, *words, timeout=None):
        """The command line that runs `words` as N services, or None."""
        if not self.program:
            return None
        if services == 1 and self.one and timeout is None:
            return self.one(self.program, words)
        return self.several and self.several(self.program, Path(folder), services, words, timeout)

    def version(self):
        if not self.program or not self.version_arguments:
            return None
        done = subprocess.run([self.program, *self.version_arguments], stdin=subprocess.DEVNULL, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        return lines[0].strip() if lines else None


def before(*options):
    """A command line with one program after the options of the runner."""
    return lambda program, words: [program, *options, *words]


def procfile(folder, words):
    path = folder / "Procfile"
    path.write_text(f"p: {' '.join(words)}\n")
    return str(path)


def untrap(program, folder, services, words, timeout, *options):
    limit = [] if timeout is None else ["--timeout", f"{timeout}s"]
    return [program, *options, *limit, "-f", procfile(folder, words), f"p={services}"]


def foreman(program, folder, services, words, timeout):
    limit = [] if timeout is None else ["-t", str(timeout)]
    return [program, "start", "-f", procfile(folder, words), *limit, "-m", f"p={services}"]


def honcho(program, folder, services, words, timeout):
    return None if timeout else [program, "-f", procfile(folder, words), "start", "-c", f"p={services}"]


def trap_script(program, folder, services, words, timeout):
    path = folder / "entrypoint.sh"
    start = f"{' '.join(words)} &\npids=\"$pids $!\"\n"
    path.write_text(TRAP_SCRIPT.format(starts=start * services))
    return None if timeout else [program, str(path)]


def service(folder, words, timeout=None):
    """A service directory of s6 or runit."""
    folder.mkdir(parents=True)
    (folder / "run").write_text(f"#!/bin/sh\nexec {' '.join(words)}\n")
    (folder / "run").chmod(0o755)
    if timeout is not None:
        (folder / "timeout-kill").write_text(f"{timeout * 1000}\n")


def s6(program, folder, services, words, timeout):
    scan = folder / "scan"
    shutil.rmtree(scan, ignore_errors=True)
    for index in range(services):
        service(scan / f"p{index}", words, timeout)
    return [program, "-c", "1000", str(scan)]


def runsv(program, folder, services, words, timeout):
    if services > 1 or timeout:
        return None
    shutil.rmtree(folder / "service", ignore_errors=True)
    service(folder / "service", words)
    return [program, str(folder / "service")]


def supervisord(program, folder, services, words, timeout):
    path = folder / "supervisord.conf"
    path.write_text(
        f"[supervisord]\nnodaemon=true\nuser={os.environ.get('USER', 'root')}\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
        f"pidfile={folder}/supervisord.pid\n[program:p]\ncommand={' '.join(words)}\nnumprocs={services}\n"
        "process_name=%(program_name)s_%(process_num)03d\nautorestart=false\nstartsecs=0\n"
        f"stdout_logfile=NONE\nstderr_logfile=NONE\nstopwaitsecs={timeout or 10}\n")
    return [program, "-n", "-c", str(path)]


def all_runners(untrap_path, probe):
    """All runners: untrap first; bare C, the minimal runner, last."""
    return [
        Runner("untrap", untrap_path, before("--"), untrap),
        Runner("tini", "tini", before("-s", "--")),
        Runner("tini-static", "tini-static", before("-s", "--")),
        Runner("dumb-init", "dumb-init", before("--")),
        Runner("catatonit", "catatonit", before("--")),
        Runner("dash trap", "dash", None, trap_script, version=()),
        Runner("bash trap", "bash", None, trap_script),
        Runner("s6-svscan", "s6-svscan", None, s6, exits=False, version=()),
        Runner("runsv", "runsv", None, runsv, exits=False, version=()),
        Runner("supervisord", "supervisord", None, supervisord, exits=False),
        Runner("foreman", "foreman", None, foreman),
        Runner("honcho", "honcho", None, honcho),
        Runner("bare C", probe, None, lambda program, _, services, words, timeout:
               None if timeout else [program, "bare", str(services), *words], exits=False, version=()),
    ]
