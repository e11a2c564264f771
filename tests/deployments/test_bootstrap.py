"""How the first champion is found. The rest of it is part of the story."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.load import load_config
from deployments.bootstrap import QUICK_REQUESTS, first_champion, quick_lengths
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from tasks.trace import held_out_traces
from topologies.catalogue import load_topology


@pytest.mark.parametrize("scenario", ["latency-rsa", "qot-rmbsa", "energy-rmsa"])
def test_the_first_champion_is_chosen_in_a_network_as_full_as_the_evaluations(scenario: str) -> None:
    section = load_config(scenario).evaluation
    requests, warmup = quick_lengths(section.requests_per_trace, section.warmup_requests)
    assert warmup == section.warmup_requests
    assert requests - warmup == QUICK_REQUESTS


def test_short_traces_are_used_whole() -> None:
    assert quick_lengths(6000, 1000) == (6000, 1000)
    assert quick_lengths(100, 3000) == (100, 50)


@pytest.mark.parametrize("scenario", ["latency-rsa", "qot-rmbsa", "energy-rmsa"])
def test_who_decides_without_a_model_is_among_those_that_the_gate_measures(scenario: str) -> None:
    config = load_config(scenario)
    assert config.online.fallback_policy in config.evaluation.baselines


@pytest.mark.parametrize(
    ("shortlist", "objective", "kind"),
    [(4, "blocking", "generalist"), (0, "blocking", "baseline"), (4, "energy", "baseline")],
)
def test_the_generalist_begins_where_it_sees_what_candidates_leave_and_blocking_counts(
    tmp_path: Path, shortlist: int, objective: str, kind: str
) -> None:
    spec = PlantSpec(k_paths=5, shortlist=shortlist, power_model="default" if objective == "energy" else "")
    plant = build_plant(load_topology("nsfnet"), spec)
    traces = held_out_traces(plant, PoissonTraffic(250.0), 2, 6000, 5, tmp_path / "traces")

    found, policy, of_kind = first_champion(
        plant, traces, ["ksp_ff", "ff_ksp"], 2000, tmp_path / "results", objective
    )

    assert of_kind == kind
    assert found.policy == policy.name
    assert policy.name == "generalist" if kind == "generalist" else policy.name in ("ksp_ff", "ff_ksp")
