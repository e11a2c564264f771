"""Zero-shot cases: what they are made of, and that an agent that is KSP-FF gains nothing over KSP-FF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest

from benchmarks import zero_shot
from benchmarks.zero_shot import Case, cases, figures, without_longest_fibre
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.simulation import simulate
from topologies.catalogue import load_topology


def test_the_fibre_that_is_cut_is_the_longest_whose_loss_leaves_the_network_whole() -> None:
    whole = load_topology("nsfnet")
    cut = without_longest_fibre(whole)
    graph = whole.graph()
    spare = []
    for fibre in whole.fibres:
        rest = graph.copy()
        rest.remove_edge(fibre.node_a, fibre.node_b)
        if nx.is_connected(rest):
            spare.append(fibre.length_km)
    (gone,) = set(whole.fibres) - set(cut.fibres)
    assert gone.length_km == max(spare)
    assert nx.is_connected(cut.graph())


def test_cases_are_networks_that_no_search_has_met_and_the_files_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("node,0,x,0,0\nnode,1,y,0,1\nnode,2,z,1,1\nlink,0,1,100\nlink,1,2,200\nlink,2,0,300\n")
    found = {case.name: case for case in cases([file], None)}
    assert list(found) == ["german17", "abilene", "mine", "nsfnet, a fibre cut", "nsfnet, uneven pairs"]
    assert len(found["mine"].topology.fibres) == 3
    weights = found["nsfnet, uneven pairs"].pair_weights
    assert weights is not None
    assert weights.max() > 10 * weights.min() > 0


def test_ksp_ff_in_the_place_of_an_agent_is_measured_as_ksp_ff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero_shot, "cases", lambda files, demands: [Case("five", load_topology("five-node"))])

    (row,) = figures(baseline("ksp_ff"), [], None, 20_000, lambda name: None)

    # Five nodes have fewer than 20 paths a pair: the agent's plant lists what the heuristic's with 50 does.
    traffic = replace(zero_shot.BASE.traffic, load_erlang=row["load_erlang"])
    plant = build_plant(load_topology("five-node"), replace(zero_shot.BASE.plant, k_paths=50))
    alone = simulate(plant, traffic, "ksp_ff", 20_000, seed=2).request_blocking
    assert row["agent"]["request_blocking"] == pytest.approx(alone.mean, rel=1e-9)  # type: ignore[index]
    assert alone.mean == pytest.approx(zero_shot.TARGET_BLOCKING, rel=0.5)
    # Nobody gains on the best of six that has the same among them.
    low, high = row["gain_over_ksp_ff_ci95"]  # type: ignore[misc]
    best = row["best_ksp_ff"]["request_blocking"]  # type: ignore[index]
    assert (low + high) / 2 == pytest.approx(best - alone.mean, abs=1e-9)
    assert best <= alone.mean
