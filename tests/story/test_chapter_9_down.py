"""The last chapter: all agrees, everything stops, nothing is left, and no process has logged an exception."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest

from deployments.manager import managed_processes
from deployments.services import SLOTS
from tests.story.stack import Stack

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]
FAULT = re.compile(r"Traceback|\b(ERROR|CRITICAL)\b|^\S*(Error|Exception)\b:")
# Prefect calls a task of a flow that is cancelled crashed, and says so as an error; the story cancels some.
EXPECTED = (re.compile(r"ERROR +\| Task run .*aborted by a termination signal"),)


def test_what_clients_were_told_stands_after_cuts_and_kills(stack: Stack) -> None:
    # Not a full disk or a slow database: whoever meets these logs an error, as is right.
    kinds = "cut,repair,kill,hang"
    done = stack.json("chaos", "--seconds", "20", "--clients", "4", "--faults", kinds)

    assert done["operations"] > 0
    assert done["faults"] > 0
    assert (done["violations"], done["unanswered"]) == (0, 0), done["details"]


def test_all_that_is_stored_of_the_network_agrees_after_all_that_happened(stack: Stack) -> None:
    assert stack.json("audit") == {"violations": []}


def test_down_leaves_no_process(stack: Stack) -> None:
    assert managed_processes(stack.home)
    pids = [state.pid for state in stack.manager.states().values() if state.pid]

    done = stack.lightloop("down")

    assert done.returncode == 0, done.stderr
    assert managed_processes(stack.home) == []
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_no_process_has_logged_an_exception(stack: Stack) -> None:
    logs = [file for file in stack.home.logs.iterdir() if ".log" in file.name]
    started = {name for name in stack.json("status")["services"] if name not in SLOTS}
    assert {file.name.split(".")[0] for file in logs} >= started

    found = [fault for file in logs for fault in faults(file)]

    assert not found, "\n".join(found[:10])


def faults(file: Path) -> list[str]:
    """Each line of a log that tells of a fault, with what follows it: a traceback says its reason last."""
    lines = file.read_text(errors="replace").splitlines()
    return [
        "\n".join((f"{file.name}:", *lines[at : at + 40]))
        for at, line in enumerate(lines)
        if FAULT.search(line) and not any(known.search(line) for known in EXPECTED)
    ]
