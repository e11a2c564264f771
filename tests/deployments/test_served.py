"""Upkeep mends only where nobody is at work; it stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from configs.home import Home
from configs.load import load_config
from deployments import served
from deployments.served import MendingError, mend, up_lock
from tasks.differences import Differences
from tasks.locks import only_one

CONFIG = load_config("five-node")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path).create()


def see(monkeypatch: pytest.MonkeyPatch, seen: Differences) -> None:
    monkeypatch.setattr(served, "served_differences", lambda config, home: seen)


def forbid_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: object, **named: object) -> None:
        raise AssertionError("nothing was to be started")

    monkeypatch.setattr(subprocess, "run", run)


def test_nothing_is_started_where_all_agrees_or_somebody_is_at_work(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_processes(monkeypatch)
    see(monkeypatch, Differences(()))
    assert mend(CONFIG, home) == ""
    see(
        monkeypatch, Differences(("no model is in service",), owner="provision 3 (process 1, since 00:00:00)")
    )
    assert mend(CONFIG, home) == ""
    see(monkeypatch, Differences(("no model is in service",)))
    with only_one(up_lock(home), "lightloop up", 0):
        assert mend(CONFIG, home) == ""


def test_where_it_cannot_be_mended_the_last_line_says_why(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(monkeypatch, Differences(("no model is in service",)))
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nthe PCE does not answer\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **named: failed)

    with pytest.raises(MendingError, match="no model is in service: not mended: the PCE does not answer"):
        mend(CONFIG, home)


def test_the_upkeep_process_loads_no_client_of_mlflow_or_prefect() -> None:
    heavy = "[m for m in ('mlflow', 'prefect', 'torch') if m in sys.modules]"
    code = f"import sys, deployments.upkeep; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
