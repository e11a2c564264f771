"""Elements, controllers and PCEs as the processes they are, in a home of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from configs.addresses import OneOf
from configs.build import parts_of
from configs.home import Credentials, Home
from configs.load import dump_config, load_config
from controlplane.auth import bearer_header
from controlplane.client import ControllerClient
from tests.controlplane.forking import Forked, Forks

CREDENTIALS = Credentials("admin", "secret", "token")
PORTS = ("elements", "controller", "controller_b", "pce", "pce_b")
START_S = 540  # the first start compiles the kernels


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Processes:
    """What runs, by name: ``elements``, ``controller``, ``controller_b``, ``pce``, ``pce_b``.

    Args:
        folder: the home is made in it.
        overrides: of the configuration.
        environment: further variables of every process.
        are_forked: from a process that has loaded their programs, for tests that start them very often.
    """

    def __init__(
        self,
        folder: Path,
        overrides: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        are_forked: bool = False,
    ) -> None:
        self.home = Home(folder / "home").create()
        ports = [
            f"services.{name}_port={port}" for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)
        ]
        self.config = load_config("five-node", [*ports, *overrides])
        self.home.config_file.write_text(dump_config(self.config))
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("LIGHTLOOP")
        }
        self._environment |= CREDENTIALS.environment() | (environment or {})
        self._environment |= {
            "LIGHTLOOP_HOME": str(self.home.root),
            "LIGHTLOOP_CONFIG": str(self.home.config_file),
        }
        self.running: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self._forks = Forks(self._environment) if are_forked else None

    @property
    def topology(self) -> Any:
        return parts_of(self.config)[0]

    def start(self, *names: str) -> None:
        for name in names:
            module, _, instance = name.partition("_")
            arguments, file = [instance] if instance else [], self.home.logs / f"{name}.log"
            if self._forks:
                self.running[name] = self._forks.start(module, arguments, file)
                continue
            command = [sys.executable, "-m", f"controlplane.{module}.main", *arguments]
            with file.open("ab") as log:
                self.running[name] = subprocess.Popen(
                    command, env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
                )

    def wait_until_ready(self, *names: str) -> None:
        for name in names:
            self.wait_until_told(name, "ready", "degraded")

    def wait_until_told(self, name: str, *wanted: str) -> dict[str, Any]:
        """What ``/ready`` tells once its status or a reason begins so."""
        deadline = time.monotonic() + START_S
        told: Any = "nothing"
        while time.monotonic() < deadline:
            assert self.running[name].poll() is None, f"{name} ended:\n{self.log(name)[-3000:]}"
            try:
                told = self.get(name, "/ready").json()
                if any(text.startswith(wanted) for text in (told["status"], *told["reasons"])):
                    return dict(told)
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{name} tells {told}:\n{self.log(name)[-3000:]}")

    def get(self, name: str, path: str) -> httpx.Response:
        url = self.config.services.url(name) + path
        return httpx.get(url, headers=bearer_header(CREDENTIALS), timeout=5, trust_env=False)

    def client(self, *names: str, timeout_s: float = 5.0) -> ControllerClient:
        """A client of some controllers, or of all that there are."""
        urls = [self.config.services.url(name) for name in names] or self.config.controller_urls
        return ControllerClient(urls, CREDENTIALS, timeout_s, transport=OneOf(urls))

    def signal(self, name: str, number: signal.Signals) -> None:
        self.running[name].send_signal(number)
        if number == signal.SIGKILL:
            self.running.pop(name).wait(30)

    def log(self, name: str) -> str:
        return (self.home.logs / f"{name}.log").read_text()

    def end(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.running.values():
            process.wait(30)
        if self._forks:
            self._forks.end()


class Keeper:
    """Starts again what dies, as a process manager does, until it is ended."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            for name, process in list(self._processes.running.items()):
                if process.poll() is not None:
                    self._processes.start(name)
