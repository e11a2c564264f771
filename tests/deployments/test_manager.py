"""supervisord as the process manager: restarts, last words, no child left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from configs.home import Home
from deployments.health import service_statuses
from deployments.manager import managed_processes, render_configuration, start_manager, stop_everything
from deployments.services import ServiceProcess
from deployments.stack import StartError, wait_until_healthy
from tasks.processes import MAX_SOCKET_PATH, ProcessManager, socket_path

SLEEPER = "import time; time.sleep(600)"
PARENT = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    "start_new_session=True); time.sleep(600)"
)
DYING = "import sys; print('the disk is full'); sys.exit(3)"


def program(name: str, code: str) -> ServiceProcess:
    return ServiceProcess(name, "", (sys.executable, "-c", code), "")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / '100% #of ;it \'s "é"').create()
    yield made
    stop_everything(made)


def start(home: Home, *services: ServiceProcess) -> ProcessManager:
    environment = {**os.environ, "LIGHTLOOP_HOME": str(home.root)}
    manager = start_manager(services, home, environment)
    for service in services:
        manager.start(service.name)
    return manager


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_process_that_dies_is_started_again(home: Home) -> None:
    manager = start(home, program("sleeper", SLEEPER))
    until(lambda: manager.state("sleeper").is_up)
    first = manager.state("sleeper").pid

    psutil.Process(first).kill()

    until(lambda: manager.state("sleeper").pid not in (0, first) and manager.state("sleeper").is_up)


def test_down_ends_children_that_left_their_group(home: Home) -> None:
    manager = start(home, program("parent", PARENT))
    until(lambda: manager.state("parent").is_up and len(managed_processes(home)) == 3)
    pids = [process.pid for process in managed_processes(home)]

    assert stop_everything(home) == ["parent"]

    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not manager.is_running()
    assert stop_everything(home) == []


def test_one_that_fails_for_good_is_told_with_its_last_words(home: Home) -> None:
    dying = program("dying", DYING)
    manager = start(home, dying, program("sleeper", SLEEPER))

    with pytest.raises(StartError, match=r"(?s)dying does not stay up.*the disk is full"):
        wait_until_healthy([dying], manager, home, lambda: None)

    until(lambda: manager.state("dying").has_failed)
    health = {
        s.service.name: s.health for s in service_statuses([dying, program("sleeper", SLEEPER)], manager)
    }
    assert health == {"dying": "failed", "sleeper": "healthy"}


def test_no_secret_is_written_into_the_configuration(home: Home) -> None:
    credentials = home.credentials()

    text = render_configuration([program("sleeper", SLEEPER)], home)

    assert credentials.password not in text
    assert credentials.token not in text


def test_a_long_home_gets_a_short_socket(tmp_path: Path) -> None:
    short, long = tmp_path / "run", tmp_path / ("x" * 90) / "run"

    assert socket_path(Path("/srv/run")) == Path("/srv/run/supervisor.sock")
    assert len(str(socket_path(long))) <= MAX_SOCKET_PATH
    assert socket_path(long) != socket_path(short)
