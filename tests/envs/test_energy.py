"""The energy kernel equals a slow twin request by request, and closed forms where they exist."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.energy.model import (
    DEFAULT_FILE,
    DIRECTION,
    FIBRE_PAIR,
    PowerModel,
    PowerModelError,
    load_power_model,
)
from envs.energy.serve import ENERGY_POLICIES, ENERGY_SUMS, new_meter, power_arrays, serve_energy
from envs.energy.simulation import EnergyResult, simulate_energy
from envs.errors import PolicyError, TrafficError
from envs.evaluation import interval
from envs.lockstep import offered_load
from envs.plant import Plant, PlantSpec, build_plant
from envs.simulation import simulate
from envs.state import new_states
from envs.tally import new_tally
from envs.traffic import DiurnalTraffic, LatencyClass, PoissonTraffic, Requests, make_trace, requests_of
from tests import naive
from topologies.catalogue import load_topology
from topologies.model import Fibre, Node, Topology

MODEL = load_power_model()


def model_with(**amplifier: object) -> PowerModel:
    return replace(MODEL, amplifier=replace(MODEL.amplifier, **amplifier))  # type: ignore[arg-type]


def chain(*lengths_km: float) -> Topology:
    names = [f"n{i}" for i in range(len(lengths_km) + 1)]
    fibres = tuple(Fibre(names[i], names[i + 1], km) for i, km in enumerate(lengths_km))
    return Topology("chain", "test", tuple(Node(name, 0.0, 0.0) for name in names), fibres)


# --- the slow twin: watts from the list of active lightpaths, nothing remembered ---


def fibre_pair_w(plant: Plant, model: PowerModel, fibre: int) -> float:
    spans = math.ceil(plant.topology.fibres[fibre].length_km / model.amplifier.span_km)
    return (spans - 1 + model.amplifier.end_sites) * model.amplifier.site_w


def watts_of(plant: Plant, model: PowerModel, active: list[tuple[int, float]]) -> tuple[float, float, float]:
    """Transponders, amplifiers, nodes of lightpaths given as (path, Gb/s)."""
    table, amplifier, node = plant.path_table, model.amplifier, model.node
    lit_links = {link for path, _ in active for link in table.links(path)}
    busy = {item for path, _ in active for item in table.nodes(path)}
    transponders_w = sum(2 * (91.333 + 1.683 * rate_gbps) for _, rate_gbps in active)
    amplifiers_w = 0.0
    for fibre in range(len(plant.topology.fibres)):
        ways = [2 * fibre in lit_links, 2 * fibre + 1 in lit_links]
        if amplifier.switched_by == FIBRE_PAIR:
            ways = [any(ways)] * 2
        for on in ways:
            amplifiers_w += fibre_pair_w(plant, model, fibre) / 2 * (1.0 if on else amplifier.sleep_share)
    nodes_w = 0.0
    for index, name in enumerate(plant.topology.node_names):
        degree = sum(name in (fibre.node_a, fibre.node_b) for fibre in plant.topology.fibres)
        full_w = 85 * degree + 100 * node.add_drop_degree + 150
        nodes_w += full_w * (1.0 if index in busy else node.idle_share)
    return transponders_w, amplifiers_w, nodes_w


def choose(
    network: naive.NaiveNetwork,
    model: PowerModel,
    active: list[tuple[int, float]],
    policy: str,
    pair: int,
    rate_gbps: float,
    bound_ms: float,
) -> tuple[int, int, int] | None:
    plant = network.plant
    before_w = sum(watts_of(plant, model, active)[1:])
    best, best_key = None, 0.0
    for path in plant.path_table.paths_of(*divmod(pair, plant.num_nodes)):
        if plant.arrays.path_latency_ms[path] > np.float32(bound_ms):
            continue
        num_slots = naive.slots_needed(plant, path, rate_gbps)
        slot = naive.first_fit(network.on_path(path), num_slots)
        if slot is None:
            continue
        if policy == "least_marginal_power":
            key = round(sum(watts_of(plant, model, [*active, (path, rate_gbps)])[1:]) - before_w, 5)
        elif policy == "most_used":
            rows = [network.free[unit] for unit in network.units(path)]
            key = -round(sum(not free for row in rows for free in row) / len(rows), 9)
        else:
            key = 0.0
        if best is None or key < best_key:
            best, best_key = (path, slot, num_slots), key
    return best


@st.composite
def situations(draw: st.DrawFn) -> tuple[Plant, Requests, PowerModel]:
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
    )
    plant = build_plant(topology, spec)
    traffic = PoissonTraffic(
        load_erlang=draw(st.sampled_from([0.5, 3.0, 15.0, 60.0])),
        bit_rates_gbps=draw(st.sampled_from([(25.0,), (12.5, 100.0), (33.3, 66.6)])),
        classes=(LatencyClass("bounded", 1.0, 3.0, 1.3), LatencyClass("free", 1.0)),
    )
    model = model_with(
        switched_by=draw(st.sampled_from([FIBRE_PAIR, DIRECTION])),
        sleep_share=draw(st.sampled_from([0.0, 0.1, 1.0])),
    )
    trace = make_trace(traffic, plant, 120, draw(st.integers(0, 1000)))
    return plant, requests_of([trace], plant), model


@settings(max_examples=40, deadline=None)
@given(situations(), st.sampled_from(sorted(ENERGY_POLICIES)))
def test_decisions_and_watts_equal_the_naive_twin(
    situation: tuple[Plant, Requests, PowerModel], policy: str
) -> None:
    plant, requests, model = situation
    states = new_states(plant, 1, *offered_load(requests))
    power = power_arrays(plant, model)
    meter, tally = new_meter(power, states), new_tally(plant, 1, 2)
    network = naive.NaiveNetwork(plant)
    active: list[tuple[float, int, float]] = []  # departure_s, path, Gb/s
    for t in range(requests.arrival_s.shape[1]):
        one = Requests(*(array[:, t : t + 1] for array in requests))
        carried_before = tally.carried.sum(axis=(0, 1))
        read = np.zeros(1, ENERGY_SUMS)
        serve_energy(plant.arrays, power, states, meter, one, 0, ENERGY_POLICIES[policy], 0, tally, read)
        now_s, rate_gbps = float(requests.arrival_s[0, t]), float(requests.bit_rate_gbps[0, t])
        network.depart(now_s)
        active = [item for item in active if item[0] > now_s]
        lit = [(path, rate) for _, path, rate in active]
        got_w = [float(read[0][part]) for part in ("transponders_w", "amplifiers_w", "nodes_w")]
        assert got_w == pytest.approx(watts_of(plant, model, lit), abs=1e-6)
        assert min(got_w) >= 0
        used = {link // 2 for path, _ in lit for link in plant.path_table.links(path)}
        assert int(read[0]["sleeping_fibres"]) == len(plant.topology.fibres) - len(used)
        assert float(read[0]["lit_gbps"]) == pytest.approx(sum(rate for _, rate in lit), abs=1e-9)
        bound_ms = float(requests.max_latency_ms[0, t])
        choice = choose(network, model, lit, policy, int(requests.pair[0, t]), rate_gbps, bound_ms)
        chosen = np.flatnonzero(tally.carried.sum(axis=(0, 1)) - carried_before).tolist()
        assert chosen == ([] if choice is None else [choice[0]])
        if choice is not None:
            departure_s = now_s + float(requests.holding_s[0, t])
            network.admit(*choice, departure_s)
            active.append((departure_s, choice[0], rate_gbps))
            assert float(read[0]["carried_gbit"]) == pytest.approx(rate_gbps * (departure_s - now_s))
    packed = np.unpackbits(states.free[0].view(np.uint8), axis=1, bitorder="little")
    assert packed[:, : plant.spec.num_slots].astype(bool).tolist() == network.free


@pytest.mark.parametrize("policy", sorted(ENERGY_POLICIES))
def test_all_is_dark_once_the_last_lightpath_has_gone(policy: str) -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=64, k_paths=3))
    traffic = PoissonTraffic(load_erlang=30.0, bit_rates_gbps=(33.3, 66.6, 99.9))
    requests = requests_of([make_trace(traffic, plant, 3000, 5)], plant)
    requests.arrival_s[0, -1] = requests.arrival_s[0, -2] + 1e4
    states = new_states(plant, 1, *offered_load(requests))
    power = power_arrays(plant, MODEL)
    meter, tally, read = new_meter(power, states), new_tally(plant, 1, 1), np.zeros(1, ENERGY_SUMS)
    code, last = ENERGY_POLICIES[policy], requests.arrival_s.shape[1] - 1
    serve_energy(plant.arrays, power, states, meter, requests, 0, code, last, tally, read)
    assert read[0]["samples"] == 1
    assert read[0]["transponders_w"] == 0.0
    assert read[0]["amplifiers_w"] == 0.0
    assert read[0]["nodes_w"] == pytest.approx(watts_of(plant, MODEL, [])[2])
    assert read[0]["sleeping_fibres"] == len(plant.topology.fibres)


def contains(values: list[float], truth: float) -> bool:
    found = interval(values, 0.999)
    return found.low <= truth <= found.high and found.half_width < 0.05 * abs(truth)


def on_chain(lengths_km: tuple[float, ...], num_slots: int, load_erlang: float) -> tuple[Plant, EnergyResult]:
    plant = build_plant(chain(*lengths_km), PlantSpec(num_slots=num_slots, guard_slots=0, k_paths=1))
    traffic = PoissonTraffic(load_erlang, truncate_holding=False, bit_rates_gbps=(12.5,))
    return plant, simulate_energy(plant, traffic, MODEL, "ksp_ff", 200_000, seed=3, num_runs=20, warmup=200)


def test_a_chain_without_blocking_is_lit_as_an_infinite_server_queue_is() -> None:
    """M/M/inf: what sees A Erlang is on with probability 1 - exp(-A). Seed 3, 99.9 % intervals."""
    load_erlang = 1.8
    plant, result = on_chain((400.0, 950.0), 128, load_erlang)
    assert result.request_blocking.mean == 0.0
    # Of the six ordered pairs four cross each fibre, four touch each end node, all six the middle one.
    on = 1 - math.exp(-load_erlang * 4 / 6)
    amplifiers_w = on * (fibre_pair_w(plant, MODEL, 0) + fibre_pair_w(plant, MODEL, 1))
    middle_on = 1 - math.exp(-load_erlang)
    nodes_w = sum(
        full_w * (share + (1 - share) * busy)
        for full_w, busy in ((335.0, on), (420.0, middle_on), (335.0, on))
        for share in (MODEL.node.idle_share,)
    )
    assert contains([run.amplifiers_w for run in result.runs], amplifiers_w)
    assert contains([run.nodes_w for run in result.runs], nodes_w)
    assert contains([run.sleeping_links for run in result.runs], 2 * (1 - on))
    lightpath_w = MODEL.transponder.lightpath_w(12.5)
    assert contains([run.transponders_w for run in result.runs], load_erlang * lightpath_w)
    total_w = load_erlang * lightpath_w + amplifiers_w + nodes_w
    assert contains([run.power_w for run in result.runs], total_w)
    expected_pj = total_w / (load_erlang * 12.5e9) * 1e12
    assert contains([run.energy_per_bit_pj for run in result.runs], expected_pj)


def test_one_slot_each_way_equals_the_exact_states() -> None:
    """Two independent M/M/1/1 links: busy with a / (1 + a), and the pair sleeps when neither is."""
    plant, result = on_chain((700.0,), 1, 2.4)
    busy = 1.2 / 2.2
    assert contains([run.request_blocking for run in result.runs], busy)
    assert contains([run.lit_gbps for run in result.runs], 2 * busy * 12.5)
    assert contains([run.sleeping_links for run in result.runs], (1 - busy) ** 2)
    assert contains(
        [run.amplifiers_w for run in result.runs], (1 - (1 - busy) ** 2) * fibre_pair_w(plant, MODEL, 0)
    )


def test_bits_carried_obey_littles_law() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3))
    result = simulate_energy(
        plant, PoissonTraffic(120.0), MODEL, "least_marginal_power", 200_000, seed=2, num_runs=10, warmup=1000
    )
    assert result.request_blocking.mean > 0.02
    rate_gbps = [run.carried_gbit / run.span_s for run in result.runs]
    difference = interval(np.array(rate_gbps) / [run.lit_gbps for run in result.runs] - 1, 0.999)
    assert difference.low <= 0 <= difference.high
    assert difference.half_width < 0.02


def test_ksp_ff_blocks_what_the_plain_simulation_blocks() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3))
    traffic = PoissonTraffic(120.0)
    ours = simulate_energy(plant, traffic, MODEL, "ksp_ff", 20_000, seed=4, num_runs=4, warmup=500)
    plain = simulate(plant, traffic, "ksp_ff", 20_000, seed=4, num_runs=4, warmup=500)
    assert ours.request_blocking == plain.request_blocking
    assert ours.bit_rate_blocking == plain.bit_rate_blocking


def test_least_marginal_power_saves_energy_where_detours_share_lit_fibres() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec())
    runs = {
        name: simulate_energy(plant, PoissonTraffic(30.0), MODEL, name, 20_000, seed=1, num_runs=5).runs
        for name in ("ksp_ff", "least_marginal_power")
    }
    for first, least in zip(runs["ksp_ff"], runs["least_marginal_power"], strict=True):
        assert least.energy_per_bit_pj < first.energy_per_bit_pj
        assert least.sleeping_links > first.sleeping_links


def test_sites_count_inline_amplifiers_and_both_ends() -> None:
    assert MODEL.amplifier.sites(np.array([10.0, 80.0, 81.0, 800.0])).tolist() == [2, 2, 3, 11]


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("transponder", "fixed_w", -1, "transponder.fixed_w is -1; it cannot be negative"),
        ("transponder", "ends", 1.5, "transponder.ends is 1.5; a whole number"),
        ("amplifier", "sleep_share", 1.2, "amplifier.sleep_share is 1.2; a share"),
        ("amplifier", "span_km", 0, "amplifier.span_km is 0; a positive length"),
        ("amplifier", "switched_by", "band", "amplifier.switched_by is 'band'"),
        ("node", "fixed_w", "150", "node.fixed_w is '150'; a finite number"),
        ("node", "fixed_w", True, "node.fixed_w is True"),
        ("node", "fixed_w", math.inf, "node.fixed_w is inf"),
        ("node", "idle_w", 3, "node.idle_w is unknown"),
        ("node", "idle_share", None, "node.idle_share is missing"),
        ("node", None, None, "node is None; an object"),
    ],
)
def test_a_bad_power_file_is_refused_by_file_key_and_value(
    tmp_path: Path, section: str, key: str | None, value: object, says: str
) -> None:
    document = json.loads(DEFAULT_FILE.read_text())
    if key is None:
        del document[section]
    elif value is None:
        del document[section][key]
    else:
        document[section][key] = value
    file = tmp_path / "power.json"
    file.write_text(json.dumps(document))
    with pytest.raises(PowerModelError) as refusal:
        load_power_model(file)
    assert str(refusal.value).startswith(f"{file}: {says}")


def test_unreadable_power_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "power.json"
    with pytest.raises(PowerModelError, match="cannot be read"):
        load_power_model(file)
    file.write_text("{")
    with pytest.raises(PowerModelError, match="not JSON"):
        load_power_model(file)
    file.write_text("[]")
    with pytest.raises(PowerModelError, match="is a list"):
        load_power_model(file)


def test_what_cannot_be_simulated_is_refused() -> None:
    plant = build_plant(chain(100.0), PlantSpec(k_paths=1))
    with pytest.raises(PolicyError, match="greedy"):
        simulate_energy(plant, PoissonTraffic(1.0), MODEL, "greedy", 100, 1)
    with pytest.raises(TrafficError, match="constant rate"):
        simulate_energy(plant, DiurnalTraffic(1.0), MODEL, "ksp_ff", 100, 1)
