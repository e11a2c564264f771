"""Whatever the scores, the choice is allowed; whatever blocks a request, the reason says which rule."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from controlplane.pce.decide import WrongScoresError, choose, still_feasible, why_blocked
from envs.candidates import observe
from envs.errors import SpectrumError
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.spec import PlantSpec
from topologies.model import Fibre, Node, Topology

MASK = np.array([False, True, True, False, True])


def test_the_first_maximum_is_chosen_and_the_second_best_told():
    choice = choose(MASK, np.array([-1e9, 0.5, 2.0, -1e9, 2.0]))
    assert (choice.index, choice.score, choice.second_score) == (2, 2.0, 2.0)
    assert choose(np.array([True, False]), np.array([1.0, -1e9])).second_score is None


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros(4), r"shape \(4,\)"),
        (np.zeros((1, 5)), r"shape \(1, 5\)"),
        (np.array(["a"] * 5), "type"),
        (np.array([None] * 5), "type"),
        (np.array([0, 1, math.nan, 0, 0]), "score 2 is nan"),
        (np.array([0, 1, 1, 0, math.inf]), "score 4 is inf"),
        (np.array([5.0, 1, 1, 0, 0]), "action 0, which is masked"),
    ],
)
def test_scores_that_cannot_be_followed_are_refused(scores, message):
    with pytest.raises(WrongScoresError, match=message):
        choose(MASK, scores)


@given(
    mask=hnp.arrays(bool, 8).filter(np.any),
    scores=hnp.arrays(np.float64, st.integers(7, 9), elements=st.floats(allow_nan=True, allow_infinity=True)),
)
def test_no_scores_ever_lead_to_a_masked_choice(mask, scores):
    try:
        choice = choose(mask, scores)
    except WrongScoresError:
        return
    assert mask[choice.index]
    assert all(choice.score >= score for score in scores[mask])


def disturb(network: Network, rng: np.random.Generator, held: list) -> None:
    """One thing that may happen to a network: a lightpath more or less, a cut, a repair."""
    plant = network.plant
    kind = rng.choice(["add", "add", "add", "remove", "fail", "repair"])
    fibre = plant.topology.fibres[rng.integers(len(plant.topology.fibres))]
    ends = [plant.topology.node_index(name) for name in (fibre.node_a, fibre.node_b)]
    if kind == "add":
        path = int(rng.integers(len(plant.arrays.path_hops)))
        block = (plant.path_table.nodes(path), int(rng.integers(0, 28)), int(rng.integers(2, 5)))
        try:
            network.provision(*block)
        except SpectrumError:
            return
        held.append(block)
    elif kind == "remove" and held:
        network.release(*held.pop(rng.integers(len(held))))
    elif kind == "fail" and not held:  # a cut on an empty network, so that nothing stays lit on it
        network.fail_link(*ends)
    elif kind == "repair" and all(not set(ends) <= set(nodes) for nodes, _, _ in held):
        network.repair_link(*ends)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_what_is_still_feasible_is_listed_free_and_within_the_bound(plant, seed):
    rng = np.random.default_rng(seed)
    network, held = Network(plant), []
    for _ in range(rng.integers(0, 12)):
        disturb(network, rng, held)
    source, destination = (int(node) for node in rng.choice(4, 2, replace=False))
    bound_ms = float(rng.choice([math.inf, 1.0001, 1.05]) * plant.least_latency_ms(source, destination))
    request = Request(source, destination, float(rng.choice([25, 100, 200])), bound_ms)
    _, before = observe(plant, network, request)
    assert all(still_feasible(plant, network, request, candidate) for candidate in before)
    for _ in range(rng.integers(0, 4)):
        disturb(network, rng, held)
    _, now = observe(plant, network, request)
    listed = {(c.nodes, c.first_slot, c.num_slots, c.modulation_format) for c in now}
    for candidate in before:
        same = (candidate.nodes, candidate.first_slot, candidate.num_slots, candidate.modulation_format)
        feasible = still_feasible(plant, network, request, candidate)
        assert feasible == (same in listed)
        if feasible:
            assert network.is_free(candidate.nodes, candidate.first_slot, candidate.num_slots)
            assert candidate.latency_ms <= bound_ms
            assert not still_feasible(plant, network, replace(request, max_latency_ms=1e-3), candidate)
            assert not still_feasible(plant, network, request, replace(candidate, modulation_format="other"))
            network.provision(candidate.nodes, candidate.first_slot, candidate.num_slots)
            assert not still_feasible(plant, network, request, candidate)
            network.release(candidate.nodes, candidate.first_slot, candidate.num_slots)


@pytest.fixture(scope="module")
def line() -> Plant:
    """A - B - C, 500 km each: A to C takes 1000 km, 8QAM."""
    nodes = tuple(Node(name, 0.0, float(index)) for index, name in enumerate("ABC"))
    topology = Topology("line", "made for a test", nodes, (Fibre("A", "B", 500.0), Fibre("B", "C", 500.0)))
    return build_plant(topology, PlantSpec(num_slots=10, guard_slots=1, k_paths=2))


def test_a_bound_below_the_least_latency_names_the_least_latency(line):
    blocked = why_blocked(line, Request(0, 2, 100.0, max_latency_ms=4.0), ())
    assert blocked.by == "latency"
    named = float(re.search(r"least possible latency is ([\d.]+) ms", blocked.reason).group(1))
    # 1000 km at 4.9 us/km, three nodes, two transponders: 4.9203 ms
    assert named == pytest.approx(4.92, abs=0.02)
    assert why_blocked(line, Request(0, 2, 100.0, max_latency_ms=named), ()).by != "latency"


def test_a_rate_that_no_link_holds_is_out_of_reach(line):
    # 8QAM carries 37.5 Gb/s a slot: 400 Gb/s takes 11 slots and a guard slot, a link has 10.
    blocked = why_blocked(line, Request(0, 2, 400.0), ())
    assert blocked.by == "reach"
    assert "12 slots" in blocked.reason
    assert "has 10" in blocked.reason


def test_a_failed_link_on_every_path_is_named(line):
    blocked = why_blocked(line, Request(0, 2, 100.0), {frozenset(("B", "C"))})
    assert blocked.by == "failure"
    assert "B-C" in blocked.reason
    assert why_blocked(line, Request(0, 1, 100.0), {frozenset(("B", "C"))}).by == "spectrum"


def test_otherwise_it_is_spectrum_or_the_clients_own_constraints(line):
    blocked = why_blocked(line, Request(0, 2, 100.0, max_latency_ms=6.0), ())
    assert blocked.by == "spectrum"
    assert "4 adjacent slots" in blocked.reason
    assert "within 6 ms" in blocked.reason
    bound = why_blocked(line, Request(0, 2, 100.0), (), "include-node B")
    assert (bound.by, "(include-node B)" in bound.reason) == ("constraint", True)
