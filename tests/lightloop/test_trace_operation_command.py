"""``lightloop trace from-operation`` as a user and as a script meet it."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner

import lightloop.commands.trace_operation as trace_command
from envs.trace import read_trace
from envs.window import WindowError, read_window
from lightloop.commands.trace_operation import moment
from lightloop.main import app
from lightloop.output import Refusal
from tasks.operation import OperationError
from tests.tasks.operation.logs import DAY, HAND_CHANGES, HAND_DECISIONS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a decision log, and a controller that tells the changes that belong to it."""
    folder = tmp_path / "home"
    (folder / "decisions").mkdir(parents=True)
    pd.DataFrame(HAND_DECISIONS).to_parquet(folder / "decisions" / "part-00000001-20251129T000000Z.parquet")
    (folder / "config.yaml").write_text("scenario: five-node\nplant: {topology: five-node}\n")
    monkeypatch.setenv("LIGHTLOOP_HOME", str(folder))
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"LIGHTLOOP_{name}", "secret")

    def answer(request: httpx.Request) -> httpx.Response:
        since = int(request.url.params["since"])
        return httpx.Response(
            200, json={"version": 13, "last": 13, "store": "s", "changes": HAND_CHANGES[since:]}
        )

    answer_by(monkeypatch, answer)
    return folder


def answer_by(monkeypatch: pytest.MonkeyPatch, handler: Callable[[httpx.Request], httpx.Response]) -> None:
    """Every controller that is asked answers so."""
    monkeypatch.setattr("configs.addresses.httpx.HTTPTransport", lambda **_: httpx.MockTransport(handler))


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["trace", "from-operation", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_window_and_its_trace_are_stored_and_told(home: Path) -> None:
    span = ("--from", "2025-11-29T00:00:25", "--to", str(DAY + 85.0))
    told = json.loads(run(*span, "--json").stdout)
    window = read_window(told["window"], home / "windows")
    assert read_trace(told["trace"], home / "traces").id == window.trace.id
    counts = ("requests", "carried", "blocked", "failed", "drawn", "comparable", "standing", "happenings")
    assert [told[name] for name in counts] == [2, 0, 1, 1, 2, 0, 2, 9]
    assert (told["refused"], told["began_s"], told["ended_s"]) == (0, DAY + 25.0, DAY + 85.0)
    assert json.loads(run(*span, "--json").stdout) == told
    text = run(*span).stdout
    assert told["window"] in text
    assert "0 carried, 1 blocked, 1 failed" in text


def test_the_last_requests_are_a_window_too() -> None:
    told = json.loads(run("--last", "4", "--to", str(DAY + 100.0), "--json").stdout)
    assert (told["requests"], told["carried"], told["comparable"]) == (4, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --from T, or --last N"),
        (("--from", "-2h", "--last", "3"), "give --from T, or --last N"),
        (("--from", "yesterday"), "--from 'yesterday': an ISO time"),
        (("--from", "-1h", "--to", "-2h"), "not before"),
    ],
)
def test_a_span_that_is_none_is_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        run(*arguments)


def test_an_empty_window_says_where_requests_are(home: Path) -> None:
    with pytest.raises(WindowError, match="choose a span with some of them"):
        run("--from", str(DAY + 200), "--to", str(DAY + 300))
    assert not list((home / "windows").glob("*"))


def test_a_controller_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    answer_by(monkeypatch, away)
    with pytest.raises(OperationError, match="`lightloop status` says what runs"):
        run("--from", "-1h")


def test_examples_in_docstrings_hold() -> None:
    outcome = doctest.testmod(trace_command)
    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize(("text", "ago_s"), [("-90s", 90), ("-30m", 1800), ("-1.5h", 5400), ("-2d", 172_800)])
def test_times_are_counted_back_from_now(text: str, ago_s: float) -> None:
    assert moment(text, 1e9, "--from") == 1e9 - ago_s


def test_help_teaches_with_examples() -> None:
    text = run("--help").stdout
    assert "Examples" in text
    assert "lightloop trace from-operation --last 1000" in text
