"""Zero-shot cases: what they are made of, and that an agent that is KSP-FF gains nothing over KSP-FF."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from benchmarks import zero_shot
from benchmarks.zero_shot import Case, cases, figures, without_longest_fibre
from envs.heuristics import baseline
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


def test_cases_are_networks_that_no_search_has_met_and_the_files_given(tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("node_a,node_b,length_km\nx,y,100\ny,z,200\nz,x,300\n")
    found = {case.name: case for case in cases([file], None)}
    assert list(found) == ["german17", "abilene", "mine", "nsfnet, a fibre cut", "nsfnet, uneven pairs"]
    assert len(found["mine"].topology.fibres) == 3
    weights = found["nsfnet, uneven pairs"].pair_weights
    assert weights is not None
    assert weights.max() > 10 * weights.min() > 0


def test_ksp_ff_in_the_place_of_an_agent_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Five nodes have fewer than 20 paths a pair: the agent's plant lists what the heuristic's with 50 does.
    monkeypatch.setattr(zero_shot, "cases", lambda files, demands: [Case("five", load_topology("five-node"))])

    (row,) = figures(baseline("ksp_ff"), [], None, 20_000, lambda name: None)

    assert row["best_mscl"]["request_blocking"] <= row["best_ksp_ff"]["ci95"][1]  # type: ignore[index]
    low, high = row["gain_over_ksp_ff_ci95"]  # type: ignore[misc]
    assert low <= 1e-12
    assert abs(low + high) / 2 < 0.15 * zero_shot.TARGET_BLOCKING
    blocking = row["agent"]["request_blocking"]  # type: ignore[index]
    assert np.log(blocking / zero_shot.TARGET_BLOCKING) == pytest.approx(0.0, abs=0.35)
