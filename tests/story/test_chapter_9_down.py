"""The last chapter: everything is stopped, and nothing is left behind."""

from __future__ import annotations

import psutil
import pytest

from deployments.manager import managed_processes
from tests.story.stack import Stack

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


def test_down_leaves_no_process(stack: Stack) -> None:
    assert managed_processes(stack.home)
    pids = [state.pid for state in stack.manager.states().values() if state.pid]

    done = stack.lightloop("down")

    assert done.returncode == 0, done.stderr
    assert managed_processes(stack.home) == []
    assert not any(psutil.pid_exists(pid) for pid in pids)
