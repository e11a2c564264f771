"""Prints features and context by name, of a few requests on three plants: see ``test_features.py``.

A program of its own, so that it can run on a copy of ``envs`` that has other columns.
"""

from __future__ import annotations

import json

import numpy as np

from envs.features import CONTEXT_NAMES, FEATURE_NAMES
from envs.lockstep import lockstep_on_requests
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace, requests_of
from topologies.catalogue import load_topology


def told(plant: Plant, num_requests: int) -> list[dict[str, float]]:
    """Features of every listed candidate and the context, by name, request after request."""
    traffic = PoissonTraffic(
        load_erlang=400.0, mean_holding_s=10.0, bit_rates_gbps=(25.0, 100.0, 400.0), told_share=1.0
    )
    run = lockstep_on_requests(plant, requests_of([make_trace(traffic, plant, num_requests, seed=1)], plant))
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards, rows = np.zeros(1, np.float32), []
    run.observe_into(features, mask, context)
    for t in range(num_requests):
        listed = int(run.candidates.listed[0])
        for c in range(listed):
            rows.append(dict(zip(FEATURE_NAMES, features[0, c].tolist(), strict=True)))
        rows.append(dict(zip(CONTEXT_NAMES, context[0].tolist(), strict=True)))
        action = np.array([t % listed if listed else -1])
        run.step_into(action, features, mask, context, rewards, more=t + 1 < num_requests)
    return rows


if __name__ == "__main__":
    topology = load_topology("five-node")
    common = {"num_slots": 64, "k_paths": 3, "shortlist": 2, "shortlist_paths": 2, "max_candidates": 8}
    plants = [
        PlantSpec(**common, departures_known=True),
        PlantSpec(**common, power_model="default"),
        PlantSpec(**common | {"shortlist": 0}, bands=("C",), channels_per_band=16),
    ]
    print(json.dumps([told(build_plant(topology, spec), 150) for spec in plants]))
