"""The compiled twin equals the naive one, request by request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.bits import block_mask, first_run_128, next_clear, next_set, starts_inplace, words_of
from envs.candidates import observe_one
from envs.describe import Seen
from envs.features import FEATURE_NAMES, NUM_CONTEXT, NUM_FEATURES
from envs.first_fit import FF_KSP, KSP_FF, first_fit_rule
from envs.listed import new_candidates
from envs.lockstep import lockstep_on_requests, offered_load
from envs.mscl import KSP_MSCL, MSCL_KSP, capacity_loss_rule
from envs.plant import Plant, build_plant
from envs.request import Asked
from envs.reward import ONLY_BLOCKING
from envs.serving import serve
from envs.spec import PlantSpec
from envs.state import bytes_per_network, new_states
from envs.statistics import new_statistics
from envs.traffic import LatencyClass, PoissonTraffic, Requests, make_trace, requests_of
from tests import naive
from tests.sizes import examples
from topologies.catalogue import load_topology
from topologies.model import Fibre, Node, Topology


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """A connected network of 3 to 6 nodes: a random tree and some chords."""
    count = draw(st.integers(3, 6))
    names = [f"n{i}" for i in range(count)]
    pairs = {(draw(st.integers(0, i - 1)), i) for i in range(1, count)}
    chords = draw(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=4))
    pairs |= {(min(pair), max(pair)) for pair in chords if pair[0] != pair[1]}
    lengths = draw(st.lists(st.integers(50, 2000), min_size=len(pairs), max_size=len(pairs)))
    fibres = [Fibre(names[a], names[b], km) for (a, b), km in zip(sorted(pairs), lengths, strict=True)]
    return Topology("random", "test", tuple(Node(name, 0.0, 0.0) for name in names), tuple(fibres))


@st.composite
def settings_of_twin(
    draw: st.DrawFn, slot_counts: tuple[int, ...] = (7, 16, 63, 64, 65, 100, 128, 150)
) -> tuple[Plant, Requests]:
    spec = PlantSpec(
        num_slots=draw(st.sampled_from(slot_counts)),
        guard_slots=draw(st.integers(0, 1)),
        shared_spectrum=draw(st.booleans()),
        k_paths=draw(st.integers(1, 4)),
        path_order=draw(st.sampled_from(["km", "hops", "hops_over_se"])),
        max_candidates=draw(st.sampled_from([1, 5, 12])),
        starts_per_path=draw(st.integers(1, 5)),
    )
    plant = build_plant(draw(topologies()), spec)
    traffic = PoissonTraffic(
        load_erlang=draw(st.sampled_from([3.0, 15.0, 60.0])),
        truncate_holding=draw(st.booleans()),
        bit_rates_gbps=draw(
            st.sampled_from([(25.0,), (12.5, 100.0, 400.0), tuple(map(float, range(25, 101)))])
        ),
        classes=(LatencyClass("bounded", 1.0, 3.0, 1.3), LatencyClass("free", 1.0)),
    )
    trace = make_trace(traffic, plant, 150, draw(st.integers(0, 1000)))
    return plant, requests_of([trace], plant)


def free_as_lists(words: np.ndarray, num_slots: int) -> list[list[bool]]:
    return [[bool(int(row[s // 64]) >> (s % 64) & 1) for s in range(num_slots)] for row in words]


@pytest.mark.nojit
@settings(max_examples=examples(40), deadline=None)
@given(settings_of_twin(), st.sampled_from([KSP_FF, FF_KSP]))
def test_first_fit_takes_the_decisions_of_the_naive_twin(
    setting: tuple[Plant, Requests], policy: int
) -> None:
    plant, requests = setting
    rule = first_fit_rule(plant, policy)
    states = new_states(plant, 1, *offered_load(requests))
    statistics = new_statistics(plant, 1, 2)
    network = naive.NaiveNetwork(plant)
    for t in range(requests.arrival_s.shape[1]):
        one = Requests(*(array[:, t : t + 1] for array in requests))
        carried_before = statistics.carried.sum(axis=(0, 1))
        serve(plant.arrays, states, one, 0, rule, 0, ONLY_BLOCKING, statistics)
        now_s, pair = float(requests.arrival_s[0, t]), int(requests.pair[0, t])
        network.depart(now_s)
        choice = naive.choose_first_fit(
            network,
            pair,
            float(requests.bit_rate_gbps[0, t]),
            float(requests.max_latency_ms[0, t]),
            policy == FF_KSP,
        )
        chosen = np.flatnonzero(statistics.carried.sum(axis=(0, 1)) - carried_before)
        if choice is None:
            assert chosen.size == 0
        else:
            assert chosen.tolist() == [choice[0]]
            network.admit(*choice, now_s + float(requests.holding_s[0, t]))
        assert free_as_lists(states.free[0], plant.spec.num_slots) == network.free
        assert int(states.counters["num_active"][0]) == len(network.active)
        taken = sum(not slot for row in network.free for slot in row)
        assert int(states.counters["used_slots"][0]) == taken


@pytest.mark.nojit
@settings(max_examples=examples(40), deadline=None)
@given(settings_of_twin(), st.randoms(use_true_random=False))
def test_observations_and_steps_equal_the_definitions(
    setting: tuple[Plant, Requests], random: object
) -> None:
    plant, requests = setting
    run = lockstep_on_requests(plant, requests, 0, 2)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    network = naive.NaiveNetwork(plant)
    length = 60
    for t in range(length):
        now_s, pair = float(requests.arrival_s[0, t]), int(requests.pair[0, t])
        rate_gbps, bound_ms = float(requests.bit_rate_gbps[0, t]), float(requests.max_latency_ms[0, t])
        network.depart(now_s)
        expected = naive.candidates(network, pair, rate_gbps, bound_ms)
        listed = int(run.candidates.listed[0])
        assert mask[0].tolist() == [i < len(expected) for i in range(plant.spec.max_candidates)]
        got = [
            (
                int(run.candidates.path[0, i]),
                int(run.candidates.first_slot[0, i]),
                int(run.candidates.num_slots[0, i]),
            )
            for i in range(listed)
        ]
        assert got == expected
        for i, candidate in enumerate(expected):
            definition = naive.features(network, pair, rate_gbps, bound_ms, candidate)
            assert list(definition) == list(FEATURE_NAMES)
            np.testing.assert_allclose(features[0, i], list(definition.values()), rtol=1e-5, atol=1e-6)
        assert not features[0, listed:].any()
        action = random.randrange(plant.spec.max_candidates)  # type: ignore[attr-defined]
        run.step_into(np.array([action]), features, mask, context, rewards)
        if action < len(expected):
            network.admit(*expected[action], now_s + float(requests.holding_s[0, t]))
        assert (rewards[0] == -1.0) == (action >= len(expected))
    assert int(run.statistics.bounds["violations"].sum()) == 0


@pytest.mark.nojit
@settings(max_examples=examples(12), deadline=None)
@given(settings_of_twin(slot_counts=(7, 16, 65)), st.sampled_from([KSP_MSCL, MSCL_KSP]))
def test_capacity_loss_takes_a_least_loss_of_the_naive_twin(
    setting: tuple[Plant, Requests], policy: int
) -> None:
    plant, requests = setting
    rates_gbps = (12.5, 100.0, 400.0)
    rule = capacity_loss_rule(plant, PoissonTraffic(bit_rates_gbps=rates_gbps), policy)
    states = new_states(plant, 1, *offered_load(requests))
    statistics = new_statistics(plant, 1, 2)
    network = naive.NaiveNetwork(plant)
    for t in range(15):
        one = Requests(*(array[:, t : t + 1] for array in requests))
        serve(plant.arrays, states, one, 0, rule, 0, ONLY_BLOCKING, statistics)
        now_s, pair = float(requests.arrival_s[0, t]), int(requests.pair[0, t])
        network.depart(now_s)
        before = len(network.active)
        options = []
        for path in plant.path_table.paths_of(*divmod(pair, plant.num_nodes)):
            if float(plant.arrays.path_latency_ms[path]) > float(requests.max_latency_ms[0, t]):
                continue
            size = naive.slots_needed(plant, path, float(requests.bit_rate_gbps[0, t]))
            free = network.on_path(path)
            starts = [s for s in range(len(free) - size + 1) if all(free[s : s + size])]
            options += [
                (naive.capacity_loss(network, path, s, size, rates_gbps), path, s, size) for s in starts
            ]
            if starts and policy == KSP_MSCL:
                break
        if not options:
            assert int(states.counters["num_active"][0]) == before
            continue
        # What the kernel took is told by its state; equal losses may differ in the last bits of a float32.
        least = min(option[0] for option in options)
        now_free = free_as_lists(states.free[0], plant.spec.num_slots)
        fitting = []
        for loss, path, slot, size in options:
            trial = naive.NaiveNetwork(plant)
            trial.free = [list(row) for row in network.free]
            trial.admit(path, slot, size, 0.0)
            if trial.free == now_free:
                fitting.append((loss, path, slot, size))
        assert fitting, "the kernel took no block that fits"
        assert min(fitting)[0] == pytest.approx(least, rel=1e-4, abs=1e-4)
        _, path, slot, size = min(fitting)
        network.admit(path, slot, size, now_s + float(requests.holding_s[0, t]))


@pytest.mark.nojit
def test_listing_the_candidates_twice_gives_the_same_bits() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec())
    free = (
        np.random.default_rng(1).integers(0, 2**63, (plant.num_units, 2)).astype(np.uint64)
        & plant.arrays.full
    )
    size = plant.spec.max_candidates
    outputs = []
    for fill in (0.0, 7.0):
        seen = Seen(
            np.full((size, NUM_FEATURES), fill, np.float32),
            np.full(size, bool(fill)),
            np.full(NUM_CONTEXT, fill, np.float32),
        )
        parts = new_states(plant, 1, 1.0, 1.0).parts
        asked = Asked(5, 0, np.float32(100), np.float32(30), 0.0, 0.0, np.inf, -1)
        observe_one(plant.arrays, free, parts, asked, new_candidates(plant, 1), seen)
        outputs.append(b"".join(array.tobytes() for array in seen))
    assert outputs[0] == outputs[1]


@pytest.mark.nojit
@given(st.integers(0, 2**128 - 1), st.integers(1, 100))
def test_runs_in_two_words_equal_a_search_slot_by_slot(bits: int, num_slots: int) -> None:
    free = [bool(bits >> s & 1) for s in range(128)]
    expected = naive.first_fit(free, num_slots)
    low, high = np.uint64(bits & (2**64 - 1)), np.uint64(bits >> 64)
    assert first_run_128(low, high, num_slots) == (-1 if expected is None else expected)


@pytest.mark.nojit
@given(st.integers(0, 2**192 - 1), st.integers(1, 150), st.integers(0, 191))
def test_word_helpers_equal_a_search_slot_by_slot(bits: int, num_slots: int, start: int) -> None:
    free = [bool(bits >> s & 1) for s in range(192)]
    words = np.array([bits >> (64 * w) & (2**64 - 1) for w in range(3)], np.uint64)
    assert next_set(words, start) == next((s for s in range(start, 192) if free[s]), -1)
    assert next_clear(words, start) == next((s for s in range(start, 192) if not free[s]), 192)
    starts_inplace(words, num_slots)
    expected = [all(free[s : s + num_slots]) and s + num_slots <= 192 for s in range(192)]
    assert [bool(int(words[s // 64]) >> (s % 64) & 1) for s in range(192)] == expected


@pytest.mark.nojit
@given(st.integers(0, 150), st.integers(1, 150))
def test_block_mask_covers_exactly_the_block(first_slot: int, num_slots: int) -> None:
    covered = [
        s
        for w in range(5)
        for s in range(64 * w, 64 * w + 64)
        if int(block_mask(first_slot, num_slots, w)) >> (s - 64 * w) & 1
    ]
    assert covered == list(range(first_slot, first_slot + num_slots))
    assert list(words_of(first_slot, num_slots)) == sorted({slot // 64 for slot in covered})


def test_state_of_nsfnet_is_small() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec())
    assert bytes_per_network(new_states(plant, 2, 250.0, 25.0)) < 64 * 1024


@pytest.mark.parametrize(("load_erlang", "num_slots"), [(10.0, 10), (6.0, 8)])
def test_one_link_blocks_as_erlang_b_says(load_erlang: float, num_slots: int) -> None:
    topology = Topology("link", "test", (Node("a", 0, 0), Node("b", 1, 1)), (Fibre("a", "b", 100.0),))
    plant = build_plant(
        topology, PlantSpec(num_slots=num_slots, guard_slots=0, k_paths=1, shared_spectrum=True)
    )
    traffic = PoissonTraffic(load_erlang, 1.0, truncate_holding=False, bit_rates_gbps=(12.5,))
    blocking = []
    for seed in range(20):
        requests = requests_of([make_trace(traffic, plant, 40_000, seed)], plant)
        statistics = new_statistics(plant, 1, 1)
        states, rule = new_states(plant, 1, load_erlang, 1.0), first_fit_rule(plant, KSP_FF)
        serve(plant.arrays, states, requests, 0, rule, 2000, ONLY_BLOCKING, statistics)
        blocking.append(statistics.blocked.sum() / statistics.offered.sum())
    mean, error = np.mean(blocking), np.std(blocking, ddof=1) / np.sqrt(len(blocking))
    # 4 standard errors: a correct twin fails one run in some 1,000 seeds, and the seeds are fixed.
    assert abs(mean - naive.erlang_b(load_erlang, num_slots)) < 4 * error
    assert error < 0.002
    if (load_erlang, num_slots) == (10.0, 10):
        assert naive.erlang_b(10.0, 10) == pytest.approx(0.214582, abs=5e-7)
