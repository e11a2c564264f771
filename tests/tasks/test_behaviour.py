"""What travels with a model, recorded on plants of each kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from tasks.behaviour import observe_behaviour, write_behaviour
from topologies.catalogue import load_topology


def _assert_sound(plant: Plant, load_erlang: float, policy_name: str, folder: Path) -> None:
    traffic = PoissonTraffic(
        load_erlang=load_erlang,
        mean_holding_s=100.0,
        bit_rates_gbps=(100.0, 200.0),
        classes=(LatencyClass("any", 1.0),),
    )
    trace, policy = make_trace(traffic, plant, 400, seed=1), baseline(policy_name)

    behaviour = observe_behaviour(plant, trace, policy, 150, 100)

    assert len(behaviour.features) == len(behaviour.scores) == 150
    recorded = write_behaviour(behaviour, folder)
    stored = np.load(recorded)
    scores = policy.scores(stored["features"], stored["action_mask"] > 0.5, stored["context"])
    assert np.array_equal(scores, stored["scores"])


def test_decisions_are_recorded_where_reach_decides(plant: Plant, tmp_path: Path) -> None:
    _assert_sound(plant, 20.0, "ksp_ff", tmp_path)


def test_decisions_are_recorded_where_quality_of_transmission_decides(tmp_path: Path) -> None:
    # Lightpaths are lit in their format there, and go out again when they depart.
    spec = PlantSpec(
        bands=("L", "C"), channels_per_band=16, k_paths=2, starts_per_path=1, max_candidates=4, margin_db=1.0
    )
    _assert_sound(build_plant(load_topology("five-node"), spec), 20.0, "band_by_band", tmp_path)
