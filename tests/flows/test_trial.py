"""From a challenger in its slot to the verdict of live requests: a real PCE, real HTTP model servers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from agents.artefact import save_policy
from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.pce.app import PceSettings, build_app
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import ComputeRequest
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import ScoringPolicy
from flows import continuous_training, trial
from flows.outcome import PROMOTED, REFUSED
from tasks import trial_watch
from tasks.enlisted import settle_trial
from tasks.limits import GateLimits
from tasks.locks import BusyError, holder_of, only_one
from tasks.provision import Staged
from tasks.registry import ModelVersion
from tasks.serving_target import ServingTarget, Slot, owning_slots
from tests.controlplane.pce.conftest import FakeController, FakeModel, ServerThread

CREDENTIALS = Credentials("admin", "secret", "token")
URI = "models:/m-challenger"
VERSION = ModelVersion("lightloop-five-node", "8", "least_fragmentation", "run", {})
CHAMPION, EVALUATED = baseline("ksp_ff"), baseline("least_fragmentation")
NUM_REQUESTS = 30


def scores_of(policy: ScoringPolicy) -> Callable[[list, list, list], list[float]]:
    def scores(features: list, mask: list, context: list) -> list[float]:
        inputs = (np.array([features], np.float32), np.array([mask]) > 0.5, np.array([context], np.float32))
        return [float(value) for value in policy.scores(*inputs)[0]]

    return scores


class Told:
    """A progress log that looks who holds the slots whenever something is said."""

    def __init__(self, target: ServingTarget) -> None:
        self._target = target
        self.said: list[str] = []
        self.holders: list[str] = []
        self.events: list[str] = []

    def step(self, text: str) -> None:
        self.said.append(text)
        holder = holder_of(self._target.lock_file)
        self.holders.append(holder.what if holder else "")

    def write(self, event: str, **fields: Any) -> None:
        self.events.append(event)


class Installation:
    """A champion in service, a challenger in the other slot, and a client that asks for paths."""

    def __init__(self, plant: Plant, champion: FakeModel, challenger: FakeModel, folder: Path) -> None:
        self.plant, self.challenger, self.folder = plant, challenger, folder
        self.slots = tuple(
            Slot(name, "127.0.0.1", fake.port)
            for name, fake in (("model-a", champion), ("model-b", challenger))
        )
        self.policy_folder = save_policy(EVALUATED, folder / "policy")
        self.tags: dict[str, str] = {}
        self.pce = httpx.Client()

    def settings(self, **limits: Any) -> Any:
        given = {"shadow_requests": NUM_REQUESTS, "canary_tolerance": 0.5, **limits}
        return SimpleNamespace(
            config=SimpleNamespace(gate=GateLimits(confidence=0.95, latency_budget_ms=50.0, **given)),
            home=SimpleNamespace(decisions=self.folder / "decisions"),
            plant=self.plant,
            registry=SimpleNamespace(set_version_tags=lambda version, tags: self.tags.update(tags)),
        )

    def target(self) -> ServingTarget:
        return ServingTarget(
            self.slots, self.folder / "run", self.folder / "serving", (str(self.pce.base_url),), "token"
        )

    def tried(self, **limits: Any) -> tuple[str, Told]:
        """What the trial says, and what was told on the way."""
        target = self.target()
        told = Told(target)
        staged = Staged(self.slots[1], URI, None, 1, 0.0, 1.0, 1.0)
        with owning_slots(target, "flow run brave-lynx", timeout_s=0):
            settings = self.settings(**limits)
            broken = trial.refused_on_trial(settings, target, staged, VERSION, self.policy_folder, told)  # type: ignore[arg-type]
        return broken, told

    @contextmanager
    def offering(self) -> Iterator[None]:
        """One request after the other, each for a new service."""
        ended, naming = threading.Event(), Naming(self.plant.topology)
        names = self.plant.topology.node_names

        def ask() -> None:
            while not ended.is_set():
                purpose = Purpose(str(uuid4()), "create", "any")
                body = build_compute_input(ComputeRequest(names[0], names[2], 100.0), naming, purpose)
                answer = self.pce.post(COMPUTE_OPERATION, json=body, headers={"X-Decision-Id": str(uuid4())})
                assert answer.status_code == 200, answer.text

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@pytest.fixture
def installation(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    champion, challenger, controller = FakeModel(), FakeModel(), FakeController()
    champion.scores, challenger.scores = scores_of(CHAMPION), scores_of(EVALUATED)
    challenger.model_uri = URI
    monkeypatch.setattr(trial, "watch_trial_task", trial_watch.watch_trial)
    monkeypatch.setattr(trial, "settle_trial_task", settle_trial)
    monkeypatch.setattr(trial_watch, "LOOK_AGAIN_S", 0.02)
    made = Installation(plant, champion, challenger, tmp_path)
    settings = PceSettings(
        [controller.url],
        tmp_path / "decisions",
        tmp_path / "serving" / "endpoint.json",
        decision_deadline_ms=5000.0,
    )
    server = ServerThread(build_app(plant, settings, CREDENTIALS), lifespan="on")
    made.pce = httpx.Client(base_url=server.url, headers=bearer_header(CREDENTIALS), timeout=30)
    body = {"url": champion.url, "model_name": "m", "model_version": "7", "policy": "ksp_ff"}
    assert made.pce.put("/endpoint", json=body).is_success
    yield made
    made.pce.close()
    server.stop()
    for fake in (champion, challenger, controller):
        (fake.die if isinstance(fake, FakeModel) else fake.stop)(wait=False)


def test_a_sound_challenger_passes_as_shadow_and_as_canary_while_it_is_said_who_holds_the_slots(
    installation: Installation,
) -> None:
    rollbacks: list[str] = []
    step = Told.step

    def look(told: Told, text: str) -> None:
        step(told, text)
        try:
            with only_one(installation.target().lock_file, "rollback", 0.0, subject="the model slots"):
                raise AssertionError
        except BusyError as error:
            rollbacks.append(str(error))

    with installation.offering(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(Told, "step", look)
        broken, told = installation.tried(canary_share=0.5)
    assert broken == ""
    assert installation.tags == {"trial": "passes all 7 rules"}
    assert told.events == ["trial"]
    starts = [text for text in told.said if "stands beside" in text]
    assert [text.split()[-1] for text in starts] == ["shadow", "canary"]
    at_work = [text for text in told.holders if "on trial" in text]
    assert all(text.startswith("flow run brave-lynx, whose version 8 is on trial until ") for text in at_work)
    assert "cancelling it frees the slots" in at_work[-1]
    assert told.holders[-1] == "flow run brave-lynx"  # the trial is over, the switch is not
    assert any(
        "in the hands of flow run brave-lynx, whose version 8 is on trial" in said for said in rollbacks
    )
    status = installation.pce.get("/status").json()
    # Still there: the switch that follows, or the emptying of its slot, ends it.
    assert status["challenger"]["canary_decisions"] > 0
    assert status["model_version"] == "7"


def fails(fake: FakeModel) -> None:
    fake.answer = "fails"


def another_choice(fake: FakeModel) -> None:
    def scores(features: list, mask: list, context: list) -> list[float]:
        right = int(np.argmax(scores_of(EVALUATED)(features, mask, context)))
        return [float(bool(allowed) and index != right) for index, allowed in enumerate(mask)]

    fake.scores = scores


def not_finite(fake: FakeModel) -> None:
    fake.answer = "nan"


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (
            another_choice,
            r"no wrong answer as a shadow: \d+ of \d+ answers; decision .*: candidate \d+, where",
        ),
        (not_finite, r"no wrong answer as a shadow: \d+ of \d+ answers; decision .*: no scores"),
        (fails, r"in time as a shadow: \d+ of \d+ answers late or missing, at most 1\.00%"),
    ],
)
def test_a_challenger_that_live_requests_find_out_is_refused_by_the_rules_name(
    installation: Installation, spoil: Callable[[FakeModel], None], rule: str
) -> None:
    spoil(installation.challenger)
    with installation.offering():
        broken, told = installation.tried(canary_share=0.5)
    assert re.match(rule, broken), broken
    assert not any("as a canary" in text for text in told.said)  # it decided nothing
    assert installation.tags["trial"] == f"does not pass: {broken}"
    assert installation.tags["gate"] == "failed"  # it may not go into service by hand either


def test_a_trial_that_gets_no_requests_or_whose_challenger_the_pce_dropped_is_refused(
    installation: Installation,
) -> None:
    broken, _ = installation.tried(trial_timeout_s=0.05)
    assert broken == "enough live requests as a shadow: 0 of 30; the time given is 0 s"

    def taken(told: Told, text: str) -> None:
        installation.pce.delete("/challenger")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Told, "step", taken)
        broken, _ = installation.tried()
    assert broken == ("stays beside the champion as a shadow: the PCE asks it no more: version 8: taken away")


def test_without_a_trial_configured_nobody_is_put_beside_the_champion(installation: Installation) -> None:
    broken, told = installation.tried(shadow_requests=0)
    assert (broken, told.said) == ("", [])
    assert installation.pce.get("/status").json()["challenger"] is None


@pytest.mark.parametrize(("broken", "ended"), [("", PROMOTED), ("in time as a shadow: 9 of 9", REFUSED)])
def test_what_a_trial_refuses_is_not_switched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, ended: str
) -> None:
    done: list[str] = []
    report = SimpleNamespace(passed=True, verdict="passes", evaluation={"policies": []})

    @contextmanager
    def nothing(*given: Any, **named: Any) -> Iterator[Any]:
        yield "run"

    def tell(name: str, answer: Any = None) -> Callable[..., Any]:
        return lambda *given, **named: done.append(name) or answer

    registry = SimpleNamespace(run=nothing, model_name="m", version=lambda number: VERSION)
    gate = GateLimits(confidence=0.95, latency_budget_ms=50.0, shadow_requests=9)
    settings = SimpleNamespace(
        config=SimpleNamespace(gate=SimpleNamespace(**vars(gate), require_approval=False, longest_trial_s=9)),
        home=SimpleNamespace(training=tmp_path),
        registry=registry,
        is_in_service=True,
        recipe="",
        model_tags={},
        run_name=lambda reason: "name",
    )
    settings.reseeded = lambda *given: settings
    challenge = SimpleNamespace(
        settings=settings,
        progress=SimpleNamespace(step=print),
        made=SimpleNamespace(policy_folder=tmp_path, version="8"),
    )
    staged = SimpleNamespace(slot=SimpleNamespace(url="http://b"))
    for name, value in {
        "load_settings": lambda *given: settings,
        "_make": lambda *given: challenge,
        "_evaluated": lambda *given: None,
        "own_slots": nothing,
        "_judged": lambda *given: (staged, report),
        "refused_on_trial": tell("trial", broken),
        "unstage_task": tell("emptied"),
        "take_over_task": tell("switched"),
        "publish_version_task": tell("published"),
    }.items():
        monkeypatch.setattr(continuous_training, name, value)
    state = continuous_training.continuous_training.fn()
    assert state.name == ended
    if broken:
        assert done == ["trial", "emptied"]
        assert state.message == f"the champion stays: version 8 on trial: {broken}"
    else:
        assert done == ["trial", "switched", "published"]
