"""Who should decide while the model cannot: requests refused after another policy has filled the network.

A network starts empty, one policy serves so many requests, and each baseline serves the next ones from a copy
of it, all the same requests. Services end as in the scenario's traffic.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.traffic import PoissonTraffic, make_trace
from envs.walk import Walk


def refused(
    plant: Plant,
    traffic: PoissonTraffic,
    filler: ScoringPolicy,
    policies: Sequence[ScoringPolicy],
    served: int,
    requests: int,
    runs: int,
) -> np.ndarray:
    """(runs, policies) how many of ``requests`` are refused after ``filler`` has served ``served``."""
    found = np.zeros((runs, len(policies)), np.int64)
    for run in range(runs):
        trace = make_trace(traffic, plant, served + requests, seed=run + 1)
        before = Walk(plant, trace)
        for row in range(served):
            before.serve(row, filler)
        for column, policy in enumerate(policies):
            after = Walk(plant, trace, before.standing)
            found[run, column] = sum(not after.serve(row, policy) for row in range(served, served + requests))
    return found


def main() -> None:
    """Print a table, a column for each number of requests served before."""
    from agents.artefact import load_policy, plant_of
    from configs.build import plant_of as configured_plant
    from configs.build import traffic_of
    from configs.load import load_config
    from envs.evaluation import interval
    from envs.heuristics import BASELINE_NAMES, baseline

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="qot-rmbsa")
    parser.add_argument("--filled-by", required=True, help="a baseline or the folder of a policy")
    parser.add_argument("--served", type=int, nargs="+", default=[0, 50, 150, 300, 1000, 6000])
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()

    config = load_config(asked.scenario)
    plant, traffic = configured_plant(config), traffic_of(config)
    if asked.filled_by in BASELINE_NAMES:
        filler: ScoringPolicy = baseline(asked.filled_by)
    else:  # a PCE's fallback is shown the network with the forecast of the policy in service, too
        filler, plant = load_policy(Path(asked.filled_by)), plant_of(asked.filled_by, plant)
    names = config.evaluation.baselines
    policies = [*(baseline(name) for name in names), filler]
    cells = []
    for served in asked.served:
        found = refused(plant, traffic, filler, policies, served, asked.requests, asked.runs)
        shares = (interval(100.0 * column / asked.requests) for column in found.T)
        cells.append([f"{share.mean:.1f} ± {(share.high - share.low) / 2:.1f}" for share in shares])
    print("| | " + " | ".join(f"{served:,}" for served in asked.served) + " |")
    print("|---" * (len(cells) + 1) + "|")
    for name, *row in zip((*names, f"{filler.name}, which filled it"), *cells, strict=True):
        print(f"| `{name}` | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
