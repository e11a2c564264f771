"""What loads a model gives way to what answers, and what answers afterwards was never slowed down."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tasks import background
from tasks.background import AUTOGROUP, STEPS_DOWN, in_background, lower_priority

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a priority of a thread is Linux's")


def priority() -> tuple[int, int]:
    """Of the calling thread, as the kernel tells it in /proc: field 19, and field 41 the scheduling class."""
    with open(f"/proc/self/task/{threading.get_native_id()}/stat") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return int(fields[16]), int(fields[38])


@LINUX
def test_the_work_is_done_lower_and_the_caller_stays_as_it_was() -> None:
    before = priority()
    assert in_background(priority) == (min(19, before[0] + STEPS_DOWN), os.SCHED_BATCH)
    assert priority() == before
    assert in_thread(priority) == before  # what serves is started by the caller


@LINUX
def test_an_ordinary_user_may_do_it_too() -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests run as one")
    program = (
        "import os\n"
        "from tests.tasks.test_background import in_background, priority, STEPS_DOWN\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "here = priority(); there = in_background(priority)\n"
        "assert there[0] == min(19, here[0] + STEPS_DOWN) and priority() == here, (here, there)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise ValueError("no such model")

    with pytest.raises(ValueError, match="no such model"):
        in_background(fail)


def test_where_the_system_refuses_the_work_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(background.os, "setpriority", refuse)
    assert in_background(lambda: 7) == 7
    assert "going on at normal priority" in caplog.text
    caplog.clear()
    monkeypatch.setattr(background.sys, "platform", "darwin")
    assert not lower_priority()
    assert "darwin" in caplog.text


def group() -> str:
    """What the kernel says of the priority of this session; empty where it has no groups."""
    return AUTOGROUP.read_text().rpartition(" nice ")[2].strip() if AUTOGROUP.exists() else ""


@LINUX
@pytest.mark.parametrize("leads", [True, False])
@pytest.mark.parametrize("call", ["give_way()", "in_thread(give_way)"])
def test_a_process_gives_way_with_its_session_and_leaves_those_of_others(leads: bool, call: str) -> None:
    program = (
        "import threading\n"
        "from tasks.background import give_way\n"
        "from tests.tasks.test_background import group, in_thread, priority\n"
        f"{call}\n"
        "assert in_thread(priority) == priority()\n"
        "print(priority()[0], group())"
    )
    before = priority()[0], group()
    done = subprocess.run(
        [sys.executable, "-c", program], start_new_session=leads, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lowered = str(STEPS_DOWN) if leads and AUTOGROUP.exists() else before[1]
    assert done.stdout.split() == f"{min(19, before[0] + STEPS_DOWN)} {lowered}".split()
    assert (priority()[0], group()) == before


def in_thread(function: object) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(function()))  # type: ignore[operator]
    thread.start()
    thread.join()
    return found[0]
