"""Watts and decisions equal a slow twin request by request, and closed forms where they exist."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.blueprint import Blueprint, Grid
from envs.candidates import observe
from envs.energy.arrays import power_arrays
from envs.energy.model import (
    DIRECTION,
    FIBRE_PAIR,
    LIGHTPATH,
    SUBCARRIER,
    PowerModel,
    load_power_model,
)
from envs.evaluation import interval, replay
from envs.features import COLUMN
from envs.first_fit import KSP_FF, first_fit_rule
from envs.heuristics import BASELINE_NAMES, baseline
from envs.lockstep import lockstep_on_requests, offered_load
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, ScoringPolicy, choose
from envs.request import Request
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.search import replay_linear
from envs.serving import serve
from envs.simulation import SimulationResult, policy_named, server_of, simulate
from envs.spec import PlantSpec
from envs.state import new_states
from envs.statistics import PowerResult, new_statistics, results_of
from envs.traffic import LatencyClass, PoissonTraffic, Requests, make_trace, requests_of
from tests import naive, naive_power
from tests.naive_power import Lit
from tests.sizes import examples
from topologies.catalogue import load_topology
from topologies.grid import SpectrumBand
from topologies.model import Fibre, Node, Topology

MODEL = load_power_model()
REWARD = RewardWeights(slack=0.01, energy=0.002)


def charged(plant: Plant, model: PowerModel, bands: tuple[SpectrumBand, ...] = ()) -> Plant:
    """The plant under another power model, its spectrum cut into bands."""
    bands, arrays = bands or plant.bands, plant.arrays
    grid = Grid(bands, plant.formats)
    blueprint = Blueprint(
        plant.topology, plant.spec, grid, plant.path_table, plant.unit_of_link, arrays.path_units,
        arrays.path_format, arrays.slots_per_gbps,
    )  # fmt: skip
    parts = arrays.parts._replace(energy=power_arrays(model, blueprint))
    return replace(plant, power=model, bands=bands, arrays=arrays._replace(parts=parts))


def chain(*lengths_km: float) -> Topology:
    names = [f"n{i}" for i in range(len(lengths_km) + 1)]
    fibres = tuple(Fibre(names[i], names[i + 1], km) for i, km in enumerate(lengths_km))
    return Topology("chain", "test", tuple(Node(name, 0.0, 0.0) for name in names), fibres)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Plant, Requests]:
    if draw(st.booleans()):
        topology = load_topology("five-node")
    else:
        count = draw(st.integers(3, 6))
        names = [f"n{i}" for i in range(count)]
        pairs = {(draw(st.integers(0, i - 1)), i) for i in range(1, count)}
        chords = draw(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=5))
        pairs |= {(min(pair), max(pair)) for pair in chords if pair[0] != pair[1]}
        lengths = draw(st.lists(st.integers(50, 1200), min_size=len(pairs), max_size=len(pairs)))
        fibres = [Fibre(names[a], names[b], km) for (a, b), km in zip(sorted(pairs), lengths, strict=True)]
        topology = Topology("random", "test", tuple(Node(name, 0.0, 0.0) for name in names), tuple(fibres))
    spec = PlantSpec(
        num_slots=draw(st.sampled_from([16, 64, 100, 150])),
        guard_slots=draw(st.integers(0, 1)),
        shared_spectrum=draw(st.booleans()),
        k_paths=draw(st.integers(1, 4)),
        formats_per_path=draw(st.integers(1, 2)),
    )
    plant = build_plant(topology, spec)
    traffic = PoissonTraffic(
        load_erlang=draw(st.sampled_from([0.5, 3.0, 15.0, 60.0])),
        bit_rates_gbps=draw(st.sampled_from([(25.0,), (12.5, 100.0), (33.3, 66.6)])),
        classes=(LatencyClass("bounded", 1.0, 3.0, 1.3), LatencyClass("free", 1.0)),
    )
    amplifier = replace(
        MODEL.amplifier,
        switched_by=FIBRE_PAIR if spec.shared_spectrum else draw(st.sampled_from([FIBRE_PAIR, DIRECTION])),
        sleep_share=draw(st.sampled_from([0.0, 0.1, 1.0])),
    )
    transponder = replace(
        MODEL.transponder,
        per=draw(st.sampled_from([LIGHTPATH, SUBCARRIER])),
        formats=draw(st.sampled_from([{}, {"16QAM": (200.0, 1.0), "QPSK": (40.0, 2.0)}])),
    )
    trace = make_trace(traffic, plant, 120, draw(st.integers(0, 1000)))
    model = replace(MODEL, amplifier=amplifier, transponder=transponder)
    return charged(plant, model), requests_of([trace], plant)


def check_choices(
    plant: Plant, candidates: list[Lit], lit: list[Lit], features: np.ndarray, marginal_kw: np.ndarray
) -> None:
    """Each candidate's features of energy are what the naive twin's watts say."""
    before_w = sum(naive_power.watts_of(plant, lit))
    joins_from, fibres = plant.arrays.parts.energy.joins_from, len(plant.topology.fibres)
    joins_from = joins_from[:: len(joins_from) // fibres]
    outside = np.flatnonzero(joins_from > naive_power.taken_slots(plant, lit)).tolist()
    for row, candidate in enumerate(candidates):
        more_w = sum(naive_power.watts_of(plant, [*lit, candidate])) - before_w
        assert 1000 * marginal_kw[row] == pytest.approx(more_w, rel=1e-5)
        assert features[row, COLUMN.marginal_power] == marginal_kw[row]
        dark = naive_power.dark_share(plant, lit, candidate.path)
        assert features[row, COLUMN.dark_links] == pytest.approx(dark, abs=1e-6)
        share_w = naive_power.amplifier_share_w(plant, lit, candidate)
        assert 1000 * features[row, COLUMN.amplifier_share] == pytest.approx(share_w, rel=1e-5)
        outside_w = naive_power.amplifier_share_w(plant, lit, candidate, outside)
        assert 1000 * features[row, COLUMN.off_backbone] == pytest.approx(outside_w, rel=1e-5)


def check_constraints(plant: Plant, candidate: Lit, num_slots: int, bound_ms: float) -> None:
    """Format within reach, block large enough for the rate, latency within the bound."""
    item = plant.formats[candidate.format_row]
    assert float(plant.path_table.path_length_km[candidate.path]) <= item.reach_km
    needed = math.ceil(round(candidate.rate_gbps / item.slot_capacity_gbps, 9)) + plant.spec.guard_slots
    assert num_slots == needed
    assert candidate.first_slot + num_slots <= plant.spec.num_slots
    assert plant.arrays.path_latency_ms[candidate.path] <= np.float32(bound_ms)


@pytest.mark.nojit
@settings(max_examples=examples(40), deadline=None)
@given(situations(), st.sampled_from([*BASELINE_NAMES, "any action"]), st.randoms(use_true_random=False))
def test_no_decision_breaks_a_constraint_and_watts_equal_the_naive_sum(
    situation: tuple[Plant, Requests], name: str, random: object
) -> None:
    plant, requests = situation
    policy: ScoringPolicy | None = baseline(name) if name in BASELINE_NAMES else None
    run = lockstep_on_requests(plant, requests, 0, 2, REWARD)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards, network = np.zeros(1, np.float32), naive.NaiveNetwork(plant)
    run.observe_into(features, mask, context)
    active: list[tuple[float, Lit]] = []  # departure_s, lightpath
    earned = 0.0
    for t in range(requests.arrival_s.shape[1]):
        now_s, rate_gbps = float(requests.arrival_s[0, t]), float(requests.bit_rate_gbps[0, t])
        network.depart(now_s)
        active = [item for item in active if item[0] > now_s]
        lit = [lightpath for _, lightpath in active]
        table = run.candidates
        candidates = [
            Lit(int(table.path[0, c]), rate_gbps, int(table.format[0, c]), int(table.first_slot[0, c]))
            for c in range(int(table.listed[0]))
        ]
        check_choices(plant, candidates, lit, features[0], table.marginal_kw[0])
        if policy is None:
            action = random.randrange(plant.spec.max_candidates)  # type: ignore[attr-defined]
        else:
            action = int(choose(policy.scores(features, mask, context))[0])
        chosen = candidates[action] if action < len(candidates) else None
        num_slots = int(table.num_slots[0, action])
        read_before = run.statistics.parts.energy.readings[0].copy()
        more = t + 1 < requests.arrival_s.shape[1]
        run.step_into(np.array([action]), features, mask, context, rewards, more)
        now = run.statistics.parts.energy.readings[0]
        read = {part: now[part] - read_before[part] for part in read_before.dtype.names}
        got_w = [float(read[part]) for part in ("transponders_w", "amplifiers_w", "nodes_w")]
        assert got_w == pytest.approx(naive_power.watts_of(plant, lit), abs=0.001 * len(lit) + 1e-6)
        assert read["sleeping_fibres"] == naive_power.sleeping_fibres(plant, lit)
        assert read["lit_gbps"] == pytest.approx(sum(item.rate_gbps for item in lit), abs=0.001)
        if chosen is not None:
            bound_ms = float(requests.max_latency_ms[0, t])
            check_constraints(plant, chosen, num_slots, bound_ms)
            departure_s = now_s + float(requests.holding_s[0, t])
            network.admit(chosen.path, chosen.first_slot, num_slots, departure_s)
            active.append((departure_s, chosen))
        after_w = sum(naive_power.watts_of(plant, [lightpath for _, lightpath in active]))
        slack = 0.0
        if chosen is not None:
            latency_ms = float(plant.arrays.path_latency_ms[chosen.path])
            slack = 1.0 if math.isinf(bound_ms) else 1 - latency_ms / bound_ms
        expected = -(chosen is None) + 0.01 * slack - 0.002 * after_w / 1000
        assert rewards[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        earned += float(rewards[0])
    assert run.statistics.reward[0] == pytest.approx(earned, rel=1e-6)


@pytest.mark.nojit
@settings(max_examples=examples(15), deadline=None)
@given(situations(), st.sampled_from(["least_marginal_power", "most_used", "ksp_ff"]))
def test_every_kernel_reads_the_same_watts_and_books_the_same_reward(
    situation: tuple[Plant, Requests], name: str
) -> None:
    plant, requests = situation
    policy = baseline(name)
    assert isinstance(policy, LinearPolicy)
    run = lockstep_on_requests(plant, requests, 20, 2, REWARD)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    length = requests.arrival_s.shape[1]
    for t in range(length):
        actions = choose(policy.scores(features, mask, context))
        run.step_into(actions, features, mask, context, rewards, t + 1 < length)
    fused = replay_linear(plant, requests, np.array(policy.weights), 20, 2, REWARD)
    assert fused.parts.energy.readings.tolist() == run.statistics.parts.energy.readings.tolist()
    assert fused.reward[0] == pytest.approx(run.statistics.reward[0], rel=1e-5)
    if name == "ksp_ff":
        statistics = new_statistics(plant, 1, 2)
        states, rule = new_states(plant, 1, *offered_load(requests)), first_fit_rule(plant, KSP_FF)
        serve(plant.arrays, states, requests, 0, rule, 20, ONLY_BLOCKING, statistics)
        assert statistics.parts.energy.readings.tolist() == fused.parts.energy.readings.tolist()


def test_the_baselines_take_what_their_names_say() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec(power_model="default"))
    requests = requests_of([make_trace(PoissonTraffic(60.0), plant, 400, 3)], plant)
    run = lockstep_on_requests(plant, requests)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards, differing = np.zeros(1, np.float32), 0
    run.observe_into(features, mask, context)
    load = COLUMN.mean_load
    for _ in range(399):
        listed = int(run.candidates.listed[0])
        ranks = features[0, :listed, COLUMN.path_rank]
        watts = np.round(features[0, :listed, COLUMN.marginal_power].astype(float), 4)
        loads = np.round(features[0, :listed, load].astype(float), 5)
        orders = {"least_marginal_power": watts, "most_used": -loads, "ksp_ff": np.zeros(listed)}
        for name, key in orders.items():
            action = int(choose(baseline(name).scores(features, mask, context))[0])
            assert action == min(range(listed), key=lambda c: (key[c], ranks[c], c))
            differing += name == "least_marginal_power" and action > 0
            follow = action
        run.step_into(np.array([follow]), features, mask, context, rewards)
    assert differing > 20


def test_the_online_network_knows_the_same_watts() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, power_model="default"))
    network = Network(plant)
    request = Request(source=0, destination=2, bit_rate_gbps=100.0)
    _, dark = observe(plant, network, request)
    lit = [Lit(dark[0].path, 100.0, 0, 0)]
    expected_w = sum(naive_power.watts_of(plant, lit)) - sum(naive_power.watts_of(plant, []))
    assert dark[0].marginal_w == pytest.approx(expected_w, rel=1e-6)
    network.provision(dark[0].nodes, dark[0].first_slot, dark[0].num_slots)
    _, again = observe(plant, network, request)
    assert again[0].path == dark[0].path
    assert again[0].marginal_w == pytest.approx(2 * (91.333 + 168.3), rel=1e-6)
    network.release(dark[0].nodes, dark[0].first_slot, dark[0].num_slots)
    assert observe(plant, network, request)[1][0].marginal_w == dark[0].marginal_w
    plain = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3))
    assert math.isnan(observe(plain, Network(plain), request)[1][0].marginal_w)


def test_amplifiers_of_a_band_sleep_while_nothing_is_lit_there() -> None:
    plant = build_plant(chain(400.0, 900.0), PlantSpec(num_slots=96, guard_slots=0, k_paths=1))
    bands = (SpectrumBand("L", 0, 40, 0), SpectrumBand("C", 40, 56, 0))
    plant = charged(plant, MODEL, bands)
    run = lockstep_on_requests(
        plant, requests_of([make_trace(PoissonTraffic(4.0, bit_rates_gbps=(50.0,)), plant, 300, 1)], plant)
    )
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards, active = np.zeros(1, np.float32), []
    run.observe_into(features, mask, context)
    straddled = 0
    for t in range(299):
        now_s = float(run.requests.arrival_s[0, t])
        active = [item for item in active if item[0] > now_s]
        lit = [lightpath for _, lightpath in active]
        read = run.statistics.parts.energy.readings[0].copy()
        table, action = run.candidates, t % 2
        slot, size = int(table.first_slot[0, action]), int(table.num_slots[0, action])
        if slot < 40 < slot + size:  # a block across two bands lights both; plants of bands never list one
            straddled += 1
            action = int(table.listed[0])
        departure_s = now_s + float(run.requests.holding_s[0, t])
        lightpath = Lit(int(table.path[0, action]), 50.0, int(table.format[0, action]), slot)
        carried = action < int(table.listed[0])
        run.step_into(np.array([action]), features, mask, context, rewards)
        amplifiers_w = run.statistics.parts.energy.readings[0]["amplifiers_w"] - read["amplifiers_w"]
        assert amplifiers_w == pytest.approx(naive_power.watts_of(plant, lit)[1], abs=1e-6)
        if carried:
            active.append((departure_s, lightpath))
    full_w = 2 * sum(naive_power.fibre_pair_w(plant, MODEL, fibre) for fibre in range(2))
    mean_w = run.statistics.parts.energy.readings[0]["amplifiers_w"] / 299
    assert 0.3 * full_w < mean_w < 0.98 * full_w
    assert straddled < 60


@pytest.mark.parametrize("name", ["ksp_ff", "mscl_ksp", "most_used", "defragmentation"])
def test_all_is_dark_once_the_last_lightpath_has_gone(name: str) -> None:
    """Whatever a kernel charges, moves and releases adds up to nothing in the end."""
    spec = PlantSpec(num_slots=32, k_paths=3, power_model="subcarriers")
    plant = build_plant(load_topology("five-node"), spec)
    traffic = PoissonTraffic(load_erlang=200.0, bit_rates_gbps=(33.3, 66.6, 99.9))
    requests = requests_of([make_trace(traffic, plant, 2000, 5)], plant)
    requests.arrival_s[0, -1] = requests.arrival_s[0, -2] + 1e4
    states, statistics = new_states(plant, 1, *offered_load(requests)), new_statistics(plant, 1, 1)
    server_of(plant, traffic, policy_named(name))(states, requests, 1999, statistics)
    read = statistics.parts.energy.readings[0]
    assert read["samples"] == 1
    assert read["transponders_w"] == read["amplifiers_w"] == read["lit_gbps"] == 0.0
    assert read["nodes_w"] == pytest.approx(naive_power.watts_of(plant, [])[2])
    assert read["sleeping_fibres"] == len(plant.topology.fibres)


def power_of(result: SimulationResult) -> list[PowerResult]:
    assert all(run.power is not None for run in result.runs)
    return [run.power for run in result.runs if run.power is not None]


def contains(values: list[float], truth: float) -> bool:
    found = interval(values, 0.999)
    return found.low <= truth <= found.high and found.half_width < 0.05 * abs(truth)


def on_chain(
    lengths_km: tuple[float, ...], num_slots: int, load_erlang: float
) -> tuple[Plant, SimulationResult]:
    spec = PlantSpec(num_slots=num_slots, guard_slots=0, k_paths=1, power_model="default")
    plant = build_plant(chain(*lengths_km), spec)
    traffic = PoissonTraffic(load_erlang, truncate_holding=False, bit_rates_gbps=(12.5,))
    return plant, simulate(plant, traffic, "ksp_ff", 200_000, seed=3, num_runs=20, warmup=200)


def test_a_chain_without_blocking_is_lit_as_an_infinite_server_queue_is() -> None:
    """M/M/inf: what sees A Erlang is on with probability 1 - exp(-A). Seed 3, 99.9 % intervals."""
    load_erlang = 1.8
    plant, result = on_chain((400.0, 950.0), 128, load_erlang)
    runs = power_of(result)
    assert result.request_blocking.mean == 0.0
    # Of the six ordered pairs four cross each fibre, four touch each end node, all six the middle one.
    on = 1 - math.exp(-load_erlang * 4 / 6)
    amplifiers_w = on * sum(naive_power.fibre_pair_w(plant, MODEL, fibre) for fibre in range(2))
    middle_on = 1 - math.exp(-load_erlang)
    share = MODEL.node.idle_share
    nodes_w = sum(
        full_w * (share + (1 - share) * busy)
        for full_w, busy in ((335.0, on), (420.0, middle_on), (335.0, on))
    )
    assert contains([run.amplifiers_w for run in runs], amplifiers_w)
    assert contains([run.nodes_w for run in runs], nodes_w)
    assert contains([run.sleeping_share for run in runs], 1 - on)
    lightpath_w = 2 * (91.333 + 1.683 * 12.5)
    assert contains([run.transponders_w for run in runs], load_erlang * lightpath_w)
    total_w = load_erlang * lightpath_w + amplifiers_w + nodes_w
    assert contains([run.mean_power_w for run in runs], total_w)
    expected_pj = total_w / (load_erlang * 12.5e9) * 1e12
    assert contains([run.energy_per_bit_pj for run in runs], expected_pj)


def test_one_slot_each_way_equals_the_exact_states() -> None:
    """Two independent M/M/1/1 links: busy with a / (1 + a), and the pair sleeps when neither is."""
    plant, result = on_chain((700.0,), 1, 2.4)
    runs, busy = power_of(result), 1.2 / 2.2
    assert contains([run.request_blocking for run in result.runs], busy)
    assert contains([run.lit_gbps for run in runs], 2 * busy * 12.5)
    assert contains([run.sleeping_share for run in runs], (1 - busy) ** 2)
    pair_w = naive_power.fibre_pair_w(plant, MODEL, 0)
    assert contains([run.amplifiers_w for run in runs], (1 - (1 - busy) ** 2) * pair_w)


def test_replay_and_simulation_know_no_power_without_a_model() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3))
    trace = make_trace(PoissonTraffic(40.0), plant, 500, 1)
    assert replay(plant, [trace], baseline("ksp_ff"))[0].power is None
    assert simulate(plant, PoissonTraffic(40.0), "ksp_ff", 400, seed=1, num_runs=2).power is None
    metered = build_plant(plant.topology, replace(plant.spec, power_model="default"))
    found = replay(metered, [trace], baseline("ksp_ff"))[0]
    assert found.power is not None
    assert found.request_blocking == replay(plant, [trace], baseline("ksp_ff"))[0].request_blocking
    statistics = new_statistics(metered, 1, 1)
    assert results_of(statistics, metered)[0].power is None  # nothing was counted


def test_least_marginal_power_saves_energy_where_detours_share_lit_fibres() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec(power_model="default"))
    runs = {
        name: power_of(simulate(plant, PoissonTraffic(30.0), name, 20_000, seed=1, num_runs=5))
        for name in ("ksp_ff", "least_marginal_power")
    }
    for first, least in zip(runs["ksp_ff"], runs["least_marginal_power"], strict=True):
        assert least.energy_per_bit_pj < first.energy_per_bit_pj
        assert least.sleeping_share > first.sleeping_share
