"""What README and docs tell a person to type works."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lightloop.main import app
from tests.documents import NOT_RUN, ON_THE_INSTALLATION, QUICKER, Written, written

ALONE = [item for item in written() if item.begins(QUICKER) and not item.begins(NOT_RUN)]


def test_every_command_is_run_or_says_why_not() -> None:
    found = list(written())
    told = [item for item in found if not any(map(item.begins, (QUICKER, ON_THE_INSTALLATION, NOT_RUN)))]

    assert len(found) > 30
    assert told == []


@pytest.mark.parametrize("item", ALONE, ids=lambda item: f"{item.page}: {item.line}")
def test_the_command_runs_as_written(item: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = item.begins(QUICKER)
    assert start is not None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    words = [*shlex.split(item.command)[1:], *shlex.split(QUICKER[start])]

    done = CliRunner().invoke(app, words, catch_exceptions=False)

    assert done.exit_code == 0, done.stderr[-2000:]
    assert done.stdout
