"""A challenger in the registry before, during and after its gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.challenger import PackagedModel
from tasks.champion import align_aliases, champion_of, predecessor_of, promote
from tasks.enlisted import demand_passed, enlist, settle
from tasks.gate import judge
from tasks.kept_runs import delete_version, expired_versions
from tasks.model_card import NO_CARDS
from tasks.registry import ModelVersion, Registry, RegistryError
from tests.tasks.test_gate import BETTER, CHAMPION, HEURISTIC, LIMITS, Evaluation

LATER_S = 4e9
EVALUATION = Evaluation(BETTER, CHAMPION, (HEURISTIC,), ("t1",))
FAILED = judge(EVALUATION, 99.0, LIMITS)
PASSED = judge(EVALUATION, 2.0, LIMITS)


def packaged(registry: Registry, version: ModelVersion) -> PackagedModel:
    """The model behind a version, as if it had just been made."""
    query, here = f"source_run_id = '{version.run_id}'", Path()
    (model,) = registry.client.search_logged_models([registry.experiment_id], query)
    return PackagedModel(version.run_id, version.policy, here, f"models:/{model.model_id}", here)


def numbers(registry: Registry) -> set[str]:
    return {item.name for item in expired_versions(registry, LATER_S)}


def test_from_made_to_refused_to_promoted(registry: Registry, versions: list[ModelVersion]) -> None:
    first, champion = versions
    refused = enlist(registry, packaged(registry, first), {"kind": "agent"}, NO_CARDS)
    assert registry.version("@challenger") == refused
    assert refused.tags["gate"] == "pending"
    with pytest.raises(RegistryError, match="it has not been judged yet"):
        demand_passed(refused)
    assert numbers(registry) == set()  # an alias holds it

    refused = settle(registry, refused.version, FAILED, "its page")
    assert refused.tags["gate"] == "failed"
    assert registry.client.get_model_version("model", refused.version).description == "its page"
    with pytest.raises(RegistryError, match="answers in time: p99"):
        demand_passed(refused)
    assert champion_of(registry) == champion
    assert registry.version("@challenger").version == refused.version

    better = enlist(registry, packaged(registry, first), {"kind": "agent"}, NO_CARDS)
    assert registry.version("@challenger") == better
    assert numbers(registry) == {refused.version}
    assert expired_versions(registry, 0.0) == []
    better = settle(registry, better.version, PASSED, "its page")
    demand_passed(better)
    demand_passed(champion)  # of before there were gates
    promote(registry, better, "passed")

    assert registry.aliased("challenger") == ""
    assert registry.version("@champion").version == better.version
    assert registry.version("@previous") == champion == predecessor_of(registry)
    assert align_aliases(registry) == []
    with pytest.raises(RegistryError, match="no version @challenger; a training makes one"):
        registry.version("@challenger")
    delete_version(registry, refused.version)
    assert numbers(registry) == set()
