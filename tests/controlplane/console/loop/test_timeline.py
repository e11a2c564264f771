"""What stands on the time axis, and where each mark leads."""

from __future__ import annotations

import math
from typing import Any

import pytest

from controlplane.console.loop.document import LoopDocument
from controlplane.console.loop.events import events_of
from controlplane.console.loop.timeline import timeline
from controlplane.console.palette import DARK, LIGHT


def series(options: dict[str, Any]) -> dict[str, list[Any]]:
    return {item["id"]: item["data"] for item in options["series"]}


def test_the_story_is_told_in_order_of_time(document: LoopDocument) -> None:
    events = events_of(document)
    assert [event.time_s for event in events] == sorted(event.time_s for event in events)
    lanes = [(event.lane, event.title) for event in events]
    told = [
        ("service", "Version 1 in service"),
        ("drift", "Drift seen"),
        ("training", "Training began"),
        ("service", "Version 2 in service"),
        ("gate", "Version 2: promoted"),
        ("service", "Rolled back to version 1"),
    ]
    places = [lanes.index(item) for item in told]
    assert places == sorted(places)


def test_every_mark_leads_to_its_run_or_version(document: LoopDocument) -> None:
    links = {event.title: [link.url for link in event.links] for event in events_of(document)}
    training, alarm = document.runs[0], next(look for look in document.looks if look.drifted)
    experiment = f"http://mlflow.test/#/experiments/{document.links.experiment_id}"
    flow_run = f"http://prefect.test/runs/flow-run/{training.flow_run_id}"
    run = f"{experiment}/runs/{training.run_id}?workflowType=machine_learning"
    version = f"http://mlflow.test/#/models/{document.model_name}/versions"
    assert links["Training began"] == [flow_run, run, f"{version}/2"]
    assert links["Version 2 in service"] == [f"{version}/2", flow_run]
    assert links["Rolled back to version 1"] == [
        f"{version}/1",
        "http://prefect.test/runs/flow-run/roll-back-run",
    ]
    assert links["Drift seen"][-1].startswith(f"{experiment}/runs/")
    assert links["Drift seen"][-1].partition("?")[0].endswith("/artifacts/drift/report.html")
    drawn = series(timeline(document, events_of(document), LIGHT, now_s=2e9))
    assert alarm.run_id in drawn["evidence"][0]["url"]
    marks = [mark for name, data in drawn.items() if name.startswith("marks-") for mark in data]
    assert len(marks) == len(events_of(document))
    assert all(mark["url"].startswith("http") for mark in marks)


def test_a_switch_stands_there_while_it_runs_and_where_it_failed(document: LoopDocument) -> None:
    known = {"flow": "provision", "flow_run_id": "f-1", "run_id": "", "version": "1"}
    under_way = document.runs[0].model_copy(
        update=known | {"name": "provision 1", "state_type": "RUNNING", "ended_s": None}
    )
    ended = {"state": "Failed", "state_type": "FAILED", "ended_s": 2e9, "verdict": "no free slot"}
    for update, title, said in (
        ({}, "A switch is under way", "provision 1 has begun"),
        (ended, "Switch: failed", "provision 1: no free slot"),
    ):
        runs = (*document.runs, under_way.model_copy(update=update))
        (mark,) = [
            each for each in events_of(document.model_copy(update={"runs": runs})) if "f-1" in each.key
        ]
        assert (mark.lane, mark.title, mark.said) == ("service", title, said)
        assert mark.links[0].url == "http://prefect.test/runs/flow-run/f-1"


def test_lived_promised_and_measured_share_the_axis(document: LoopDocument) -> None:
    drawn = series(timeline(document, events_of(document), LIGHT, now_s=document.served[-1].from_s + 60))
    # the band's two series add up to the upper end of Wilson's interval
    low, more = drawn["live-low"], drawn["live-band"]
    highs = [item.high for item in document.live]
    drawn_highs = [a[1] + b[1] for a, b in zip(low, more, strict=True) if a[1] is not None]
    assert drawn_highs == pytest.approx([100 * high for high in highs])
    levels = [item["value"][1] for item in drawn["promised"] if item["value"][1] is not None]
    promised = [item.promised_request_blocking for item in document.served]
    assert levels == [100 * level for level in promised if level is not None for _ in range(2)]
    score = document.versions[1].score
    assert score is not None
    assert score.low is not None
    assert score.high is not None
    ends = [bar["coords"] for bar in drawn["measured-bars"]]
    made = 1000 * document.versions[1].made_s
    assert [[made, 100 * score.low], [made, 100 * score.high]] in ends
    bars = [bar["name"] for bar in drawn["spans"]]
    assert bars[:3] == ["version 1", "version 2", "version 1"]
    replays = sum(len(look.regret.replayed) for look in document.looks if look.regret)
    assert len(drawn["replayed"]) == replays > 0


def test_one_request_that_was_blocked_alone_flattens_nothing(document: LoopDocument) -> None:
    def scale(told: LoopDocument) -> float:
        return float(timeline(told, (), LIGHT, now_s=2e9)["yAxis"][0]["max"])

    known = document.live[-1]
    alone = known.model_copy(
        update={"requests": 1, "blocked": 1, "value": 1.0, "from_s": known.to_s, "to_s": known.to_s + 60.0}
    )
    told = document.model_copy(update={"live": (*document.live, alone)})
    assert scale(told) == scale(document) < 100
    last = series(timeline(told, (), LIGHT, now_s=2e9))["live"][-1]
    assert (last["value"][1], last["symbol"]) == (scale(document), "triangle")
    assert "100.00 % blocked" in last["tooltip"]["formatter"]


def test_an_empty_loop_draws_the_same_series(document: LoopDocument, nothing: LoopDocument) -> None:
    full = timeline(document, events_of(document), DARK, now_s=2e9)
    empty = timeline(nothing, events_of(nothing), DARK, now_s=2e9)
    assert [item["id"] for item in full["series"]] == [item["id"] for item in empty["series"]]
    assert not any(data for data in series(empty).values())
    axis = empty["xAxis"][0]
    assert math.isfinite(axis["min"])
    assert axis["min"] < axis["max"]
