"""From the first live requests of a new champion to the one before it back in service."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from jinja2 import Template

from agents.artefact import save_policy
from configs.home import Home
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import ScoringPolicy, linear_policy
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Window, write_window
from flows import probation, rollback
from tasks import events
from tasks import probation as verdicts
from tasks.champion import champion_of, promote
from tasks.package import package
from tasks.promotions import read_promotions
from tasks.provision import stage
from tasks.registry import ModelVersion, Registry
from tasks.serving_target import owning_slots
from tasks.takeover import take_over
from tasks.trace import provide_trace
from tests.live_network import live_through
from tests.tasks.slots import Serving
from tests.tasks.test_takeover import put

ROOT = Path(__file__).parents[2]
WASTEFUL = linear_policy("wasteful", hops=100.0, spend=100.0, path_rank=100.0)


@pytest.fixture(scope="module")
def window(plant: Plant, traffic: PoissonTraffic) -> Window:
    trace = make_trace(traffic, plant, 700, seed=4)
    return live_through(plant, trace, baseline("ksp_ff"), before=100).window


class Installation:
    """Settings over a real registry; requests, fidelity and events are those of the test."""

    def __init__(
        self, plant: Plant, registry: Registry, window: Window, folder: Path, patched: pytest.MonkeyPatch
    ) -> None:
        self.home = Home(folder)
        gate = SimpleNamespace(probation_requests=600)
        traffic = SimpleNamespace(mean_holding_time_s=100.0)
        drift = SimpleNamespace(clock_speed=1.0)
        self.config = SimpleNamespace(gate=gate, scenario="five-node", traffic=traffic, drift=drift)
        self.plant, self.registry = plant, registry
        self.num_lived = 0
        self.twin_is_faithful = True
        self.events: list[dict[str, Any]] = []
        place = write_window(window, folder / "windows")

        def first(
            record: Any, operation: Any, topology: Any, mean_s: float, began_s: float, num_requests: int
        ) -> Any:
            lived = SimpleNamespace(id=window.id, folder=place)
            return lived if self.num_lived >= num_requests else None

        patched.setattr(probation, "operation_of", lambda *_: None)
        patched.setattr(probation, "first_requests", first)
        patched.setattr(
            probation,
            "measure_fidelity_task",
            lambda *_: SimpleNamespace(passed=self.twin_is_faithful, reason="3 slots differ"),
        )
        patched.setattr(probation, "judge_probation_task", verdicts.judge_stored)
        patched.setattr(probation, "announce_broken_task", verdicts.announce_broken)
        patched.setattr(events, "emit_event", lambda **event: self.events.append(event))


@pytest.fixture
def installation(
    plant: Plant, registry: Registry, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    return Installation(plant, registry, window, tmp_path, monkeypatch)


def registered(
    policy: ScoringPolicy, registry: Registry, plant: Plant, traffic: PoissonTraffic, folder: Path
) -> ModelVersion:
    training = provide_trace(plant, traffic, 700, 1, folder / "traces")
    with registry.run(policy.name, {"scenario": "test"}) as run_id:
        registry.log_traces(run_id, [training.id], folder / "traces", "training")
        artefact = save_policy(policy, folder / "policy")
        model = package(registry, run_id, plant, training, artefact, 100, {"topology": "five-node"})
        return registry.register(model.uri, run_id, model.policy, {"kind": "agent"})


def parameters_from(event: dict[str, Any]) -> dict[str, str]:
    """What the trigger in prefect.yaml makes of an event."""
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (trigger,) = next(item for item in declared if item["name"] == "rollback")["triggers"]
    assert trigger["expect"] == [event["event"]]
    told = SimpleNamespace(payload=event["payload"])
    return {name: Template(text).render(event=told) for name, text in trigger["parameters"].items()}


@pytest.mark.timeout(600)
def test_a_planted_bad_champion_goes_back_by_itself_with_the_reason(
    installation: Installation,
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    plant: Plant,
    traffic: PoissonTraffic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where, pce = target
    good, bad = versions[1], registered(WASTEFUL, registry, plant, traffic, tmp_path / "bad")
    put(where, registry, good, tmp_path)
    put(where, registry, bad, tmp_path)
    assert pce.endpoint["model_version"] == bad.version

    installation.num_lived = 599
    assert probation.watch_new_champion(installation, None) is None  # one look only, when all are there
    installation.num_lived = 600
    verdict = probation.watch_new_champion(installation, None)
    assert verdict is not None
    assert (verdict.outcome, verdict.version) == ("broken", bad.version)
    assert probation.watch_new_champion(installation, None) is None  # judged once
    (event,) = installation.events

    monkeypatch.setattr(rollback, "load_settings", lambda: installation)
    monkeypatch.setattr(rollback, "own_slots", lambda *_: owning(where))
    monkeypatch.setattr(rollback, "stage_task", stage)
    monkeypatch.setattr(rollback, "take_over_task", take_over)
    given = parameters_from(event)
    rollback.rollback.fn(**given)
    assert champion_of(registry) == good
    assert pce.endpoint["model_version"] == good.version
    last = read_promotions(registry.promotion_log, registry.model_name)[-1]
    assert (last.action, last.version) == ("rollback", good.version)
    assert last.reason == f"probation: {verdict.reason}"

    assert "no more" in rollback.rollback.fn(**given)  # the same event twice goes back once
    assert champion_of(registry) == good
    assert probation.watch_new_champion(installation, None) is None  # who came back is not on probation


def owning(where: Any) -> Any:
    import contextlib

    @contextlib.contextmanager
    def block() -> Any:
        with owning_slots(where, "test", timeout_s=0):
            yield where

    return block()


def test_an_equal_champion_stays_and_a_twin_that_differs_judges_nobody(
    installation: Installation, registry: Registry, versions: list[ModelVersion]
) -> None:
    installation.num_lived = 600
    for number, (faithful, outcome) in enumerate(((True, "kept"), (False, "not judged"))):
        promote(registry, versions[number], "test")
        installation.twin_is_faithful = faithful
        installation.home.probation.unlink(missing_ok=True)
        before = champion_of(registry)
        verdict = probation.watch_new_champion(installation, None)
        assert verdict is not None
        assert verdict.outcome == outcome
        assert champion_of(registry) == before
    assert "3 slots differ" in verdict.reason
    assert installation.events == []


def test_no_probation_is_asked_for_with_0_requests(
    installation: Installation, versions: list[ModelVersion]
) -> None:
    installation.config.gate.probation_requests, installation.num_lived = 0, 600
    assert probation.watch_new_champion(installation, None) is None
