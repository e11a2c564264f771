"""The process manager, spoken to over its socket: start, stop, state and log of one program.

Used by ``tasks.provision`` for the model slots and by ``deployments`` for everything else. Not here: what the
programs are and how supervisord itself is started (``deployments/``).
"""

from __future__ import annotations

import hashlib
import http.client
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

MAX_SOCKET_PATH = 100  # sun_path holds 107 bytes; supervisord binds a temporary name of a few bytes more
NOT_RUNNING_FAULT = 70
ALREADY_STARTED_FAULT = 60


class ProcessError(ValueError):
    """A program could not be started or stopped; says which, why, and ends with its last log lines."""


@dataclass(frozen=True)
class ProcessState:
    """One program as the process manager sees it."""

    name: str
    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN
    pid: int  # 0 when not running
    uptime_s: float
    detail: str

    @property
    def is_up(self) -> bool:
        """The program runs (its own health is another question)."""
        return self.state == "RUNNING"

    @property
    def has_failed(self) -> bool:
        """It was tried several times and will not be tried again."""
        return self.state in ("FATAL", "UNKNOWN")


def socket_path(run_folder: Path) -> Path:
    """Where the manager of a home listens: there, or in the temporary folder where that name is too long."""
    natural = run_folder / "supervisor.sock"
    if len(str(natural).encode()) <= MAX_SOCKET_PATH:
        return natural
    digest = hashlib.sha256(str(run_folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"lightloop-{digest}.sock"


class ProcessManager:
    """The running supervisord of one home.

    Every call opens its own connection, so an object may live long and be used by several threads.
    """

    def __init__(self, run_folder: Path) -> None:
        self.socket = socket_path(run_folder)

    def is_running(self) -> bool:
        """Whether a manager answers on the socket."""
        try:
            with self._connected() as supervisor:
                return bool(supervisor.getState()["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException):
            return False

    def states(self) -> dict[str, ProcessState]:
        """Every program by name."""
        with self._connected() as supervisor:
            return {info["name"]: _state(info) for info in supervisor.getAllProcessInfo()}

    def state(self, name: str) -> ProcessState:
        """One program."""
        with self._connected() as supervisor:
            return _state(supervisor.getProcessInfo(name))

    def start(self, name: str) -> None:
        """Begin to start a program; nothing happens when it runs already.

        Raises:
            ProcessError: the manager cannot run it at all (no such program, no such file).
        """
        with self._connected() as supervisor:
            try:
                supervisor.startProcess(name, False)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != ALREADY_STARTED_FAULT:
                    raise ProcessError(f"{name} cannot be started: {fault.faultString}") from None

    def stop(self, name: str, timeout_s: float = 30.0) -> None:
        """Stop a program with its children; returns when it has gone.

        Raises:
            ProcessError: it has not gone within ``timeout_s``.
        """
        with self._connected() as supervisor:
            try:
                supervisor.stopProcess(name, False)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != NOT_RUNNING_FAULT:
                    raise ProcessError(f"{name} cannot be stopped: {fault.faultString}") from None
        deadline = time.monotonic() + timeout_s
        while self.state(name).state in ("RUNNING", "STARTING", "STOPPING"):
            if time.monotonic() > deadline:
                raise ProcessError(f"{name} has not stopped within {timeout_s:g} s")
            time.sleep(0.05)

    def restart(self, name: str) -> None:
        """Stop, then begin to start."""
        self.stop(name)
        self.start(name)

    def log_tail(self, name: str, num_bytes: int = 3000) -> str:
        """The last lines a program has written, whole lines only."""
        # From the file: a colour sequence in a log is no XML, and the manager would answer with it in XML.
        with self._connected() as supervisor:
            file = Path(str(supervisor.getProcessInfo(name)["stdout_logfile"]))
        try:
            with file.open("rb") as stream:
                stream.seek(max(0, file.stat().st_size - num_bytes))
                text = stream.read().decode(errors="replace")
        except OSError:
            return ""
        lines = text.splitlines()
        return "\n".join(lines[1:] if len(text) >= num_bytes else lines)

    def shut_down(self) -> None:
        """Stop every program and the manager itself; returns when the socket has gone quiet."""
        with self._connected() as supervisor:
            supervisor.shutdown()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            yield proxy.supervisor
        finally:
            transport.close()


def _state(info: dict[str, Any]) -> ProcessState:
    running = info["statename"] == "RUNNING"
    uptime_s = float(info["now"]) - float(info["start"]) if running else 0.0
    return ProcessState(
        name=str(info["name"]),
        state=str(info["statename"]),
        pid=int(info["pid"]),
        uptime_s=uptime_s,
        detail=str(info["spawnerr"] or info["description"]),
    )
