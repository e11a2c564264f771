"""Processes that are forked from one that has loaded their programs: a restart costs no imports.

For tests that kill them all the time. Run as a program it is the process that forks: it reads what to start
from its input, a JSON object in each line, and answers each with the process id. Not here: what is started,
and how (``processes.py``).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAMS = ("elements", "controller", "pce")


class Forked:
    """A process as ``subprocess.Popen`` has it, as far as it is asked here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def poll(self) -> int | None:
        """None while it runs; how it ended nobody knows."""
        return 0 if select.select([self._descriptor], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended."""
        if not select.select([self._descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return 0

    def send_signal(self, number: int) -> None:
        """As ``Popen.send_signal``: nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that forks.

    Args:
        environment: of each process.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        pipe: Any = subprocess.PIPE
        command = [sys.executable, str(Path(__file__))]
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def start(self, program: str, arguments: Sequence[str], log: Path) -> Forked:
        """Start a program that writes to a log."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([program, list(arguments), str(log)]) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def end(self) -> None:
        """Let it go; what it has started runs on."""
        self._process.communicate()


def _serve() -> None:
    """Fork what is asked for until nobody asks any more."""
    mains = {program: importlib.import_module(f"controlplane.{program}.main") for program in PROGRAMS}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone at once
    for line in sys.stdin:
        program, arguments, log = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = [program, *arguments]
        mains[program].main()
        os._exit(0)


if __name__ == "__main__":
    _serve()
