"""The steps that flow, MLproject, first champion and command share; here without a flow around them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.artefact import save_policy
from configs.home import Home
from configs.load import load_config
from envs.heuristics import baseline
from flows.policies import beside_best_baseline, held_out, origin_of, packaged, registered, training_trace
from flows.settings import Settings, settings_of
from tasks.evaluate import contender_named
from tasks.model_card import Cards

SMALL = (
    "evaluation.num_traces=2",
    "evaluation.requests_per_trace=800",
    "evaluation.warmup_requests=200",
    "evaluation.baselines=[ff_ksp, random, ksp_ff]",
    "traffic.requests_per_trace=900",
)


class FakeRegistry:
    """What of MLflow's registry these steps use; keeps what it is given."""

    model_name = "lightloop-five-node"

    def log_model(self, run_id: str, folder: Path, recorded: Path, reference: Path, metadata: Any) -> str:
        assert recorded.exists()
        assert reference.exists()
        self.metadata = metadata
        return f"models:/m-{run_id}"

    def register(self, uri: str, run_id: str, policy: str, tags: dict[str, str], cards: Cards) -> Any:
        self.cards = cards
        return uri, run_id, policy, tags


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_of(load_config("five-node", SMALL), Home(tmp_path).create(), running=None)
    return replace(made, registry=FakeRegistry())  # type: ignore[arg-type]


def test_a_policy_meets_the_best_baseline_on_the_traces_that_a_flow_would_use(settings: Settings) -> None:
    compared = beside_best_baseline(settings, contender_named("ksp_ff"))

    assert compared.traces == tuple(replace(item, was_there=False) for item in held_out(settings))
    assert compared.found.policy == "ksp_ff"
    assert compared.best.policy in ("ksp_ff", "ff_ksp")
    assert sum(compared.best.request_blocking) <= sum(compared.found.request_blocking)


def test_what_is_packaged_is_registered_with_its_origin(settings: Settings, tmp_path: Path) -> None:
    training = training_trace(settings)
    folder = save_policy(baseline("ff_ksp"), tmp_path / "agent" / "policy")

    model = packaged(settings, "run", training, folder)
    origin = origin_of(settings, model, "by a test", "to see", training.id)
    uri, run_id, policy, tags = registered(settings, model, {"kind": "agent"}, origin, [])

    registry: Any = settings.registry
    assert (uri, run_id, policy) == ("models:/m-run", "run", "ff_ksp")
    assert tags == settings.model_tags | {"kind": "agent"}
    assert registry.metadata == settings.model_tags
    assert all(word in registry.cards.version for word in ("by a test", "to see", training.id))
