"""Offered traffic: what the program is asked, its figures as they come, its end, one at a time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controlplane.auth import Identity
from controlplane.console.load import AskedLoad, Load, LoadRunner, OfferedLoadError, facts, network_facts
from controlplane.console.load_panel import blocking_chart
from controlplane.console.palette import LIGHT
from controlplane.console.permit import NotPermittedError
from controlplane.console.viewmodel import Decision, Snapshot
from controlplane.roles import Role

ANN, BOB = Identity("ann", Role.OPERATOR), Identity("bob", Role.READER)
FIGURES: dict[str, Any] = {
    "offered": 40,
    "requests": 100,
    "carried": 36,
    "blocked": 4,
    "standing": 20,
    "request_blocking": 0.1,
    "ci95": [0.04, 0.23],
    "answer_ms": {"p50": 12.0, "p99": 40.0, "max": 50.0},
    "behind_s": {"most": 0.0, "at_end": 0.0},
    "twin": {
        "source": "twin",
        "request_blocking": 0.075,
        "gate": {"request_blocking": 0.08, "ci95": [0.07, 0.09]},
    },
}
# A stand-in for the command: says what it was asked; SIGINT ends it with one more line, as the real one.
OFFER = """
import json, signal, sys, time
figures = json.loads(sys.argv[1]) | {"asked": sys.argv[2:]}
def end(*_):
    print(json.dumps(figures | {"standing": 0}), flush=True)
    sys.exit(130)
signal.signal(signal.SIGINT, end)
if "from-operation" in sys.argv:
    print(json.dumps({"trace": "abc"}))
    sys.exit(0)
if "--trace" in sys.argv and "missing" in sys.argv:
    sys.exit("lightloop: no trace missing")
print(json.dumps(figures), flush=True)
while True:
    time.sleep(0.01)
"""


def story(told: Callable[[LoadRunner], Awaitable[None]]) -> list[Load]:
    """What the listeners were told."""
    heard: list[Load] = []

    async def run() -> None:
        runner = LoadRunner((sys.executable, "-c", OFFER, json.dumps(FIGURES)))
        runner.subscribe(heard.append)
        await told(runner)
        await runner.close()

    asyncio.run(asyncio.wait_for(run(), 60))
    return heard


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_an_offer_is_followed_and_stopped() -> None:
    async def told(runner: LoadRunner) -> None:
        with pytest.raises(NotPermittedError, match="offering traffic needs the role operator"):
            runner.start(AskedLoad("scenario", 900.0, 100), BOB)
        runner.start(AskedLoad("scenario", 900.0, 100), ANN)
        with pytest.raises(OfferedLoadError, match="started by ann; stop it first"):
            runner.start(AskedLoad("scenario", 1.0, 1), ANN)
        await until(lambda: runner.load.state == "running")
        with pytest.raises(NotPermittedError, match="needs the role operator; bob is reader"):
            runner.stop(BOB)
        runner.stop(ANN)
        await until(lambda: runner.load.state == "ended")

    heard = story(told)
    assert [load.state for load in heard] == ["starting", "running", "stopping", "stopping", "ended"]
    last = heard[-1]
    assert last.figures is not None
    asked = ["--speed", "900", "--requests", "100", "--clear", "--json", "--every-s", "1"]
    assert last.figures["asked"] == ["offer", *asked]
    assert (last.figures["standing"], last.by, last.fault) == (0, "ann", "")


def test_the_last_day_is_made_into_a_trace_first() -> None:
    async def told(runner: LoadRunner) -> None:
        runner.start(AskedLoad("last day", 3600.0, 10), ANN)
        await until(lambda: runner.load.state == "running")

    figures = story(told)[-1].figures
    assert figures is not None
    assert figures["asked"][:3] == ["offer", "--trace", "abc"]


def test_what_the_program_refuses_is_told() -> None:
    async def told(runner: LoadRunner) -> None:
        runner.start(AskedLoad("trace", 900.0, 10, "missing"), ANN)
        await until(lambda: runner.load.state == "ended")

    assert story(told)[-1].fault == "no trace missing"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("scenario", 0.0, 10), "the speed is 0"),
        (("scenario", 1.0, 0), "at least one"),
        (("trace", 1.0, 10), "name a stored trace"),
    ],
)
def test_what_cannot_be_offered_is_refused(asked: Any, words: str) -> None:
    with pytest.raises(OfferedLoadError, match=words):
        AskedLoad(*asked)


def test_the_figures_are_told_with_interval_and_promise() -> None:
    told = dict(facts(FIGURES))
    assert told["Blocked live"] == "10.00% (95 %: 4.00% to 23.00%)"
    assert told["In the twin"] == "7.50%, the same requests"
    assert told["At its gate"] == "8.00% (95 %: 7.00% to 9.00%)"
    assert told["Answers, median"] == "12 ms, 99 %: 40 ms"
    no_twin = {"source": "none", "request_blocking": None, "gate": None}
    nothing = FIGURES | {"carried": 0, "blocked": 0, "twin": no_twin}
    told = dict(facts(nothing | {"answer_ms": dict.fromkeys(("p50", "p99", "max"))}))
    assert [told[name] for name in ("Blocked live", "In the twin", "At its gate", "Answers, median")] == [
        "–"
    ] * 4


def test_the_promise_is_drawn_as_a_line_in_its_band() -> None:
    chart = blocking_chart([(0.0, None, None), (5.0, 0.1, 0.07)], FIGURES["twin"]["gate"], LIGHT)
    drawn = {series["id"]: series["data"] for series in chart["series"]}
    assert drawn["live"] == [[0.0, None], [5.0, pytest.approx(10.0)]]
    assert drawn["gate"] == [[0.0, pytest.approx(8.0)], [5.0, pytest.approx(8.0)]]
    low, width = (drawn[name][0][1] for name in ("gate-low", "gate-band"))
    assert (low, low + width) == (pytest.approx(7.0), pytest.approx(9.0))
    unknown = blocking_chart([(0.0, 0.1, 0.1)], None, LIGHT)["series"]
    assert [series["id"] for series in unknown] == list(drawn)  # ECharts merges, so none may vanish
    assert [series["data"] for series in unknown[2:]] == [[], [], []]


def test_who_decided_since_the_offer_began_is_counted() -> None:
    rows = [("model", 200.0), ("fallback", 190.0), ("model", 180.0), ("model", 90.0)]
    decisions = tuple(
        Decision.from_json({"decision_id": str(n), "decided_by": who, "time_s": time_s})
        for n, (who, time_s) in enumerate(rows)
    )
    told = dict(network_facts(Snapshot(decisions=decisions), 100.0))
    assert told == {"Decided by": "model 2, fallback 1, of the last 3"}
