"""Headless Chromium, and the online side as real processes on free ports in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import benchmarks.chromium
from configs.home import Home
from configs.load import dump_config, load_config
from configs.schema import Config
from controlplane.client import ControllerClient
from controlplane.roles import Role
from controlplane.users import UserFile
from deployments.ports import free_ports

PARTS = ("elements", "controller", "pce", "console")
START_S = 540.0  # the first start compiles the kernels, maybe beside other work
FLAGS = ("--window-size=1440,900",)
PASSWORD = "a long password"  # of every user that a test adds


@dataclass
class OnlineSide:
    """Elements, controller, PCE and console, each a process."""

    config: Config
    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, part: str, program: Sequence[str] = ()) -> None:
        """A part, or a program that stands for it."""
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(
                [sys.executable, *(program or ("-m", f"controlplane.{part}.main"))],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, part: str) -> None:
        url = f"{self.config.services.url(part)}/health"
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.processes[part].poll() is not None:
                break
            try:
                if httpx.get(url, timeout=2.0, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        log = (self.folder / f"{part}.log").read_text()[-4000:]
        raise AssertionError(f"{part} did not answer {url} within {START_S:g} s; its log ends:\n{log}")

    def kill(self, part: str) -> None:
        self.processes[part].send_signal(signal.SIGKILL)
        self.processes.pop(part).wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    @property
    def url(self) -> str:
        return self.config.services.url("console")

    @property
    def login_url(self) -> str:
        """The console's address with user and password in it: the browser asks nobody then."""
        known = Home(self.folder / "home").credentials()
        return self.url.replace("://", f"://{known.user}:{known.password}@")

    def client(self) -> ControllerClient:
        return ControllerClient(
            self.config.services.url("controller"), Home(self.folder / "home").credentials()
        )


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineSide]:
    folder = tmp_path_factory.mktemp("online")
    ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
    config = load_config("latency-rsa", [f"services.{part}_port={port}" for part, port in ports.items()])
    home = Home(folder / "home").create()
    home.config_file.write_text(dump_config(config))
    environment = os.environ | home.credentials().environment()
    environment |= {"LIGHTLOOP_HOME": str(home.root), "LIGHTLOOP_CONFIG": str(home.config_file)}
    environment |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    side = OnlineSide(config, folder, environment)
    try:
        for part in PARTS:
            side.start(part)
        for part in PARTS:
            side.wait_for(part)
        yield side
    finally:
        side.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        with benchmarks.chromium.chromium(FLAGS) as browser:
            yield browser
    except benchmarks.chromium.ChromiumError as error:
        pytest.skip(str(error))


@contextmanager
def browser_of(side: OnlineSide, role: Role) -> Iterator[Any]:
    """A browser of its own in which a user of that role has logged in."""
    home, name = Home(side.folder / "home"), f"a-{role}"
    users = UserFile(home.users, home.credentials().user)
    if name not in [user.name for user in users.users()]:
        users.add(name, role, PASSWORD)
    with benchmarks.chromium.chromium(FLAGS) as browser:
        browser.get(side.url.replace("://", f"://{name}:{quote(PASSWORD)}@"))
        yield browser
