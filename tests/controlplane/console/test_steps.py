"""The six steps: every time is part of one of them, and the lights follow what the controller tells."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.console.set_ups import ShownSetUp
from controlplane.console.steps import NAMES, decision_of, headline, six_steps
from controlplane.console.viewmodel import Decision

SPENT = {"request": 1.0, "path-computation": 20.0, "check": 2.0, "elements": 8.0, "database": 4.0}


def set_up(outcome: str = "carried", step: str | None = None, **more: Any) -> ShownSetUp:
    row = {
        "service_uuid": "s",
        "source": "A",
        "destination": "B",
        "bit_rate_gbps": 100.0,
        "cause": "create",
        "began_s": 1000.0,
        "outcome": outcome,
        "step": step,
        "reason": None,
        "spent_ms": SPENT,
        "total_ms": 35.0,
    }
    return ShownSetUp.from_json(row | more)


def decision(**more: Any) -> Decision:
    row = {
        "decision_id": "d",
        "service_uuid": "s",
        "time_s": 1000.001,
        "outcome": "accepted",
        "decided_by": "model",
    }
    times = {"sync_ms": 1.0, "observe_ms": 2.0, "inference_ms": 9.0, "total_ms": 15.0}
    return Decision.from_json(row | times | more)


def lights(shown: ShownSetUp, made: Decision | None = None) -> dict[str, str]:
    return {step.name: step.light for step in six_steps(shown, made)}


def test_the_six_times_add_up_to_the_whole() -> None:
    took = {step.name: step.took_ms for step in six_steps(set_up(), decision())}
    # the way to the PCE and back, 20 - 15 ms, is the controller's; the PCE's rest is the decision's
    assert took == {
        "Request": 1.0,
        "Controller": 2.0 + 4.0 + 5.0,
        "PCE": 3.0,
        "Inference": 9.0,
        "Decision": 3.0,
        "Elements": 8.0,
    }
    assert sum(ms for ms in took.values() if ms is not None) == pytest.approx(35.0)
    assert set(lights(set_up(), decision()).values()) == {"done"}


def test_without_a_model_there_is_no_inference() -> None:
    steps = {
        step.name: step for step in six_steps(set_up(), decision(inference_ms=None, decided_by="fallback"))
    }
    assert (steps["Inference"].light, steps["Inference"].took_ms) == ("waiting", None)
    assert sum(step.took_ms or 0.0 for step in steps.values()) == pytest.approx(35.0)


@pytest.mark.parametrize(
    ("spent", "active", "done"),
    [
        (["request"], "Request", []),
        (["request", "path-computation"], "PCE", ["Request", "Controller"]),
        (["request", "path-computation", "check"], "Controller", ["Request", "PCE", "Inference", "Decision"]),
        (
            ["request", "path-computation", "check", "elements"],
            "Elements",
            ["Request", "Controller", "PCE", "Inference", "Decision"],
        ),
    ],
)
def test_the_lights_follow_a_set_up_under_way(spent: list[str], active: str, done: list[str]) -> None:
    now = set_up("under-way", spent[-1], spent_ms={name: 1.0 for name in spent})
    shown = lights(now)
    assert [name for name, light in shown.items() if light == "active"] == [active]
    assert [name for name, light in shown.items() if light == "done"] == done
    assert set(shown) == set(NAMES)


def test_a_refusal_ends_at_the_decision_and_no_element_is_touched() -> None:
    spent = {"request": 1.0, "path-computation": 5.0}
    refused = set_up("refused", reason="no spectrum", spent_ms=spent, total_ms=6.0)
    shown = lights(refused, decision(outcome="blocked", decided_by="none", inference_ms=None, total_ms=4.0))
    assert shown == {
        "Request": "done",
        "Controller": "done",
        "PCE": "done",
        "Inference": "waiting",
        "Decision": "refused",
        "Elements": "waiting",
    }
    assert headline(refused) == "A → B · 100 Gb/s · refused after 6.0 ms"


def test_a_failure_is_at_the_step_that_it_came_in() -> None:
    spent = {"request": 1.0, "path-computation": 5.0, "check": 1.0, "elements": 900.0}
    assert lights(set_up("failed", spent_ms=spent))["Elements"] == "failed"


def test_the_decision_is_the_one_for_this_set_up() -> None:
    of_another, of_before = decision(service_uuid="t"), decision(time_s=900.0)
    mine = decision()
    assert decision_of(set_up(), [of_another, mine, of_before]) is mine
    assert decision_of(set_up(), [of_another, of_before]) is None
