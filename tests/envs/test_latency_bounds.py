"""No decision of any policy, trained, random or hostile, ever sets up a lightpath over its latency bound.

Latencies are summed here from the links of the topology, not read from the plant's tables; bounds are those
of the requests. Blocking by a bound online, with its reason: ``tests/controlplane/pce``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.policy import NetworkPolicy
from envs.candidates import observe
from envs.defragmentation import defragmenting_rule
from envs.features import FEATURE_NAMES, NUM_CONTEXT, NUM_FEATURES
from envs.first_fit import FF_KSP, KSP_FF, first_fit_rule
from envs.heuristics import BASELINE_NAMES, baseline
from envs.lockstep import lockstep_on_requests, offered_load
from envs.mscl import KSP_MSCL, MSCL_KSP, capacity_loss_rule
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, ScoringPolicy, choose
from envs.request import Request
from envs.reward import ONLY_BLOCKING
from envs.search import linear_rule
from envs.serving import serve
from envs.spec import PlantSpec
from envs.state import new_states
from envs.statistics import new_statistics
from envs.traffic import LatencyClass, PoissonTraffic, Requests, make_trace, requests_of
from tests.envs.test_kernels import settings_of_twin
from tests.sizes import examples
from topologies.catalogue import load_topology

TIGHT = (
    LatencyClass("tight", 2.0, 0.1, 1.1),
    LatencyClass("loose", 1.0, 12.0, 1.4),
    LatencyClass("free", 1.0),
)
DETOUR = FEATURE_NAMES.index("detour")


class Hostile:
    """Scores as no policy should: prefers what is masked, or gives nothing that can be compared."""

    def __init__(self, name: str) -> None:
        self.name = name

    def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
        """(N, M) float32."""
        if self.name == "nan":
            return np.full(action_mask.shape, np.nan, np.float32)
        if self.name == "masked":
            return np.where(action_mask, -np.inf, np.inf).astype(np.float32)
        return np.where(action_mask, np.nan, features[..., DETOUR]).astype(np.float32)


def random_network(seed: int) -> NetworkPolicy:
    """A network with random weights."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return NetworkPolicy(
        f"network-{seed}",
        skip=draw(NUM_FEATURES),
        first_features=draw(NUM_FEATURES, 8),
        first_context=draw(NUM_CONTEXT, 8),
        hidden_weights=(draw(8, 8),),
        biases=(draw(8), draw(8)),
        output=draw(8),
    )


def network_trained_to_be_slow(plant: Plant, requests: Requests) -> NetworkPolicy:
    """A network fitted to score a candidate by its detour: of what it may take, it wants the slowest."""
    run = lockstep_on_requests(plant, requests, 0, int(requests.service_class.max()) + 1)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    seen = []
    for t in range(min(60, requests.arrival_s.shape[1] - 1)):
        seen.append(features[mask].copy())
        run.step_into(np.array([t % 2]), features, mask, context, rewards)
    start = random_network(1)
    rows = np.concatenate(seen)
    hidden = np.maximum(rows @ start.first_features + start.biases[0], 0)
    hidden = np.maximum(hidden @ start.hidden_weights[0] + start.biases[1], 0)
    inputs = np.concatenate([rows, hidden], axis=1)
    fitted = np.linalg.lstsq(inputs, rows[:, DETOUR], rcond=1e-6)[0].astype(np.float32)
    return NetworkPolicy(
        "slow",
        skip=fitted[:NUM_FEATURES],
        first_features=start.first_features,
        first_context=np.zeros_like(start.first_context),
        hidden_weights=start.hidden_weights,
        biases=start.biases,
        output=fitted[NUM_FEATURES:],
    )


def latency_ms(plant: Plant, path: int) -> float:
    """From the links: 4.9 us a km, 0.1 us a node, 10 us a transponder."""
    links = plant.path_table.links(path)
    length_km = sum(float(plant.topology.link_length_km[link]) for link in links)
    return (4.9 * length_km + 0.1 * (len(links) + 1) + 20.0) / 1000


def keeps_its_bound(plant: Plant, path: int, bound_ms: float) -> bool:
    """Up to the rounding of a float32."""
    return latency_ms(plant, path) <= bound_ms * (1 + 1e-6)


def decide(plant: Plant, requests: Requests, policy: ScoringPolicy) -> tuple[int, int]:
    """Lightpaths set up and bounds broken when a policy serves a row of requests in the lockstep kernels."""
    run = lockstep_on_requests(plant, requests, 0, int(requests.service_class.max()) + 1)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    carried = np.zeros(plant.path_table.num_paths, np.int64)
    broken = 0
    length = requests.arrival_s.shape[1]
    for t in range(length):
        actions = choose(policy.scores(features, mask, context))
        run.step_into(actions, features, mask, context, rewards, more=t + 1 < length)
        now = run.statistics.carried.sum(axis=(0, 1))
        for path in np.flatnonzero(now - carried):
            broken += not keeps_its_bound(plant, int(path), float(requests.max_latency_ms[0, t]))
        carried = now
    assert int(run.statistics.bounds["violations"].sum()) == 0
    return int(carried.sum()), broken


@settings(max_examples=examples(60), deadline=None)
@given(
    settings_of_twin(),
    st.one_of(
        st.sampled_from(BASELINE_NAMES).map(baseline),
        st.sampled_from(["nan", "masked", "slow"]).map(Hostile),
        st.integers(0, 10**6).map(random_network),
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=NUM_FEATURES, max_size=NUM_FEATURES).map(
            lambda weights: LinearPolicy("drawn", tuple(weights))
        ),
    ),
)
def test_no_score_leads_over_a_bound(setting: tuple[Plant, Requests], policy: ScoringPolicy) -> None:
    plant, requests = setting
    assert decide(plant, requests, policy)[1] == 0


@pytest.mark.nojit
@settings(max_examples=examples(20), deadline=None)
@given(settings_of_twin(), st.lists(st.integers(-3, 40), min_size=150, max_size=150))
def test_no_action_leads_over_a_bound(setting: tuple[Plant, Requests], actions: list[int]) -> None:
    """Whatever index arrives, also one that names no candidate."""
    plant, requests = setting
    chosen = iter(actions)

    class Drawn:
        name = "drawn"

        def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
            """(1, 41) float32, highest at the next drawn action."""
            row = np.zeros((1, 41), np.float32)
            row[0, next(chosen)] = 1.0
            return row

    assert decide(plant, requests, Drawn())[1] == 0


RULES: dict[str, Callable[[Plant], Any]] = {
    "linear": lambda plant: linear_rule(plant, np.random.default_rng(5).normal(size=NUM_FEATURES)),
    "ksp_ff": lambda plant: first_fit_rule(plant, KSP_FF),
    "ff_ksp": lambda plant: first_fit_rule(plant, FF_KSP),
    "ksp_mscl": lambda plant: capacity_loss_rule(plant, PoissonTraffic(), KSP_MSCL),
    "mscl_ksp": lambda plant: capacity_loss_rule(plant, PoissonTraffic(), MSCL_KSP),
}


@pytest.mark.nojit
@settings(max_examples=examples(30), deadline=None)
@given(settings_of_twin(slot_counts=(7, 16, 65)), st.sampled_from(sorted(RULES)))
def test_no_rule_leads_over_a_bound(setting: tuple[Plant, Requests], name: str) -> None:
    plant, requests = setting
    rule = RULES[name](plant)
    states, statistics = new_states(plant, 1, *offered_load(requests)), new_statistics(plant, 1, 2)
    carried = np.zeros(plant.path_table.num_paths, np.int64)
    for t in range(60):
        one = Requests(*(array[:, t : t + 1] for array in requests))
        serve(plant.arrays, states, one, 0, rule, 0, ONLY_BLOCKING, statistics)
        now = statistics.carried.sum(axis=(0, 1))
        for path in np.flatnonzero(now - carried):
            assert keeps_its_bound(plant, int(path), float(requests.max_latency_ms[0, t]))
        carried = now


@pytest.mark.nojit
@settings(max_examples=examples(30), deadline=None)
@given(settings_of_twin(slot_counts=(7, 16, 65)))
def test_a_lightpath_that_is_moved_keeps_its_bound(setting: tuple[Plant, Requests]) -> None:
    plant, requests = setting
    states, statistics = new_states(plant, 1, *offered_load(requests)), new_statistics(plant, 1, 2)
    rule = defragmenting_rule(plant, states.lightpaths.shape[1])
    request_of = rule.request_of
    for t in range(100):
        one = Requests(*(array[:, t : t + 1] for array in requests))
        serve(plant.arrays, states, one, 0, rule, 0, ONLY_BLOCKING, statistics)
        for bucket in states.wheel[0]:
            entry = int(bucket)
            while entry >= 0:
                lightpath = states.lightpaths[0, entry]
                pair, bound_ms = int(request_of[entry, 0]), float(request_of[entry, 2])
                assert int(lightpath["path"]) in plant.path_table.paths_of(*divmod(pair, plant.num_nodes))
                assert keeps_its_bound(plant, int(lightpath["path"]), bound_ms)
                entry = int(lightpath["next_entry"])


@pytest.fixture(scope="module")
def crowded() -> tuple[Plant, Requests]:
    """NSFNET far over its load, with bounds that forbid most paths."""
    plant = build_plant(load_topology("nsfnet"), PlantSpec(num_slots=40, shared_spectrum=True))
    trace = make_trace(PoissonTraffic(load_erlang=120.0, classes=TIGHT), plant, 1500, 3)
    return plant, requests_of([trace], plant)


@pytest.mark.parametrize("name", [*BASELINE_NAMES, "network", "slow network"])
def test_where_bounds_bind_every_policy_keeps_them(crowded: tuple[Plant, Requests], name: str) -> None:
    plant, requests = crowded
    if name == "network":
        policy: ScoringPolicy = random_network(11)
    elif name == "slow network":
        policy = network_trained_to_be_slow(plant, requests)
    else:
        policy = baseline(name)
    carried, broken = decide(plant, requests, policy)
    assert broken == 0
    assert 500 < carried < 1500
    # The bounds do forbid: of a bounded request's paths, most are too slow.
    bounded = np.flatnonzero(np.isfinite(requests.max_latency_ms[0]))
    too_slow = [
        not keeps_its_bound(plant, path, float(requests.max_latency_ms[0, t]))
        for t in bounded
        for path in plant.path_table.paths_of(*divmod(int(requests.pair[0, t]), plant.num_nodes))
    ]
    assert np.mean(too_slow) > 0.3


def test_the_network_trained_to_be_slow_is_slow(crowded: tuple[Plant, Requests]) -> None:
    plant, requests = crowded
    policy = network_trained_to_be_slow(plant, requests)
    network = Network(plant)
    for source, destination in ((0, 5), (3, 9), (12, 1)):
        observation, listed = observe(plant, network, Request(source, destination, 100.0))
        rows = [array[None] for array in (observation.features, observation.action_mask, observation.context)]
        chosen = listed[int(choose(policy.scores(*rows))[0])]
        assert chosen.latency_ms == max(candidate.latency_ms for candidate in listed)


@pytest.mark.parametrize("stretch", [1.0, 1.2, 2.0])
def test_no_candidate_online_is_over_the_bound(crowded: tuple[Plant, Requests], stretch: float) -> None:
    plant, _ = crowded
    network = Network(plant)
    for pair in range(plant.num_nodes**2):
        source, destination = divmod(pair, plant.num_nodes)
        if source == destination:
            continue
        paths = plant.path_table.paths_of(source, destination)
        bound_ms = stretch * min(latency_ms(plant, path) for path in paths)
        _, listed = observe(plant, network, Request(source, destination, 50.0, np.nextafter(bound_ms, 1e9)))
        feasible = {path for path in paths if latency_ms(plant, path) <= bound_ms * (1 - 1e-6)}
        assert {candidate.path for candidate in listed} >= feasible
        assert all(keeps_its_bound(plant, candidate.path, bound_ms) for candidate in listed)
