"""A window replayed is a window lived: kernels against the network that decided request by request."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, load_policy
from envs.errors import PolicyError
from envs.fidelity import Decider, measure_fidelity
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.lived_times import holding_of_trace, rests_of
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy, linear_policy
from envs.replay_window import plant_of_window, replay_window, states_at_begin, window_requests
from envs.simulation import policy_named
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from envs.walk import Walk
from envs.window import Window, WindowError
from tests.live_network import Cut, live_through
from topologies.catalogue import load_topology

TRAFFIC = PoissonTraffic(
    load_erlang=60.0,
    mean_holding_s=100.0,
    bit_rates_gbps=(25.0, 50.0, 100.0),
    classes=(LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75)),
)
SPLITTING = linear_policy("splitting", splits=-3.0, spend=-10.0, first_slot=-0.5)
CUTS: tuple[Cut, ...] = ((150.0, 420.0, 1), (500.0, 700.0, 3), (600.0, 2000.0, 0))


@pytest.fixture(scope="module")
def plant() -> Plant:
    spec = PlantSpec(num_slots=32, shared_spectrum=True, k_paths=3, max_candidates=12, starts_per_path=4)
    return build_plant(load_topology("five-node"), spec)


def a_window(plant: Plant, policy: ScoringPolicy, **more: object) -> tuple[Window, np.ndarray]:
    trace = make_trace(TRAFFIC, plant, 600, seed=3)
    lived = live_through(plant, trace, policy, before=120, **more)  # type: ignore[arg-type]
    return lived.window, lived.blocked


@pytest.mark.parametrize(
    "policy", [baseline("ksp_ff"), SPLITTING, load_policy(GENERALIST_FOLDER)], ids=lambda item: item.name
)
def test_the_policy_that_was_in_service_meets_what_the_network_met(
    plant: Plant, policy: ScoringPolicy
) -> None:
    window, blocked = a_window(plant, policy)
    found = replay_window(plant, window, policy)
    assert 0.02 < blocked.mean() < 0.5
    assert np.array_equal(found.blocked, blocked)
    assert found.request_blocking == blocked.mean()
    rates = window.trace.bit_rate_gbps.astype(float)
    assert found.bit_rate_blocking == pytest.approx(rates[blocked].sum() / rates.sum(), rel=1e-12)


def test_ends_that_were_told_or_are_expected_are_the_same_in_the_replay() -> None:
    """The network keeps lives by service and by its clock, the kernels by slot and since the window began."""
    spec = PlantSpec(
        num_slots=32,
        shared_spectrum=True,
        k_paths=3,
        max_candidates=12,
        starts_per_path=4,
        departures_known=True,
    )
    plain = build_plant(load_topology("five-node"), spec)
    classes = (
        LatencyClass("short", 0.7, mean_holding_s=40.0),
        LatencyClass("long", 0.3, mean_holding_s=240.0),
    )
    trace = make_trace(replace(TRAFFIC, classes=classes, told_share=0.5), plain, 600, seed=3)
    plant = plain.with_forecast(forecast_from(trace, plain, rests=rests_of(holding_of_trace(trace))))
    beside = linear_policy("beside", neighbours_stay=3.0, neighbours_alike=2.0, spend=-1.0)
    lived = live_through(plant, trace, beside, before=120, cuts=CUTS[:1], restores=False)
    assert np.array_equal(replay_window(plant, lived.window, beside).blocked, lived.blocked)
    assert not np.array_equal(
        replay_window(plain, lived.window, beside).taken, replay_window(plant, lived.window, beside).taken
    )
    fidelity = measure_fidelity(plain, lived.window, {"7": Decider(beside, plant.forecast)})
    assert (fidelity.passed, fidelity.num_unknown) == (True, 0), fidelity.reason


@pytest.mark.parametrize("policy", [baseline("ksp_ff"), SPLITTING], ids=lambda item: item.name)
def test_another_policy_meets_what_a_slow_walk_from_the_same_snapshot_meets(
    plant: Plant, policy: ScoringPolicy
) -> None:
    window, blocked = a_window(plant, baseline("load_aware"))
    index = plant.topology.node_index
    standing = [
        (
            item.departs_s,
            -1 - place,
            (
                tuple(index(name) for name in item.placed.nodes),
                item.placed.first_slot,
                item.placed.num_slots,
                item.placed.modulation_format,
            ),
        )
        for place, item in enumerate(window.standing)
    ]
    walk = Walk(plant, window.trace, standing)
    slow = np.array([not walk.serve(row, policy) for row in range(window.trace.num_requests)])
    found = replay_window(plant, window, policy)
    assert np.array_equal(found.blocked, slow)
    assert not np.array_equal(found.blocked, blocked)


@pytest.mark.parametrize("policy", [baseline("ksp_ff"), SPLITTING], ids=lambda item: item.name)
def test_links_fail_and_are_repaired_at_their_times_and_what_they_carried_is_lost(
    plant: Plant, policy: ScoringPolicy
) -> None:
    window, blocked = a_window(plant, policy, cuts=CUTS, restores=False)
    assert window.failed_links, "one link is down as the window begins"
    assert {item.kind for item in window.happenings} > {"link-failed", "link-repaired"}
    found = replay_window(plant, window, policy)
    assert np.array_equal(found.blocked, blocked)
    lost = sum(item.kind == "lightpath-removed" for item in window.happenings)
    assert found.lightpaths_lost == lost > 0


def test_the_snapshot_holds_the_slots_of_what_stood(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"), cuts=CUTS)
    states = states_at_begin(plant, window, TRAFFIC)
    held = set()
    for item in window.standing:
        nodes = [plant.topology.node_index(name) for name in item.placed.nodes]
        block = range(item.placed.first_slot, item.placed.first_slot + item.placed.num_slots)
        held |= {(unit, slot) for unit in plant.units_of_nodes(nodes) for slot in block}
    down = plant.unit_of_link[plant.topology.link_index(*window.failed_links[0])]
    held |= {(int(down), slot) for slot in range(plant.spec.num_slots)}
    bits = np.unpackbits(states.free[0].view(np.uint8), axis=1, bitorder="little")[:, : plant.spec.num_slots]
    assert {(int(unit), int(slot)) for unit, slot in np.argwhere(bits == 0)} == held
    assert states.counters["num_active"][0] == len(window.standing) > 20


def test_policies_with_kernels_of_their_own_run_from_a_snapshot(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    found = replay_window(plant, window, policy_named("mscl_ksp"))
    assert len(found.taken) == window.trace.num_requests
    assert 0 < found.request_blocking < 0.5


def test_progress_ends_with_all_requests(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"), cuts=CUTS)
    told: list[tuple[int, int]] = []
    replay_window(plant, window, baseline("ksp_ff"), on_progress=lambda *seen: told.append(seen))
    assert told == sorted(told)
    assert told[-1] == (480, 480)


def test_a_bound_that_moves_lightpaths_cannot_begin_with_some_that_it_did_not_place(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    with pytest.raises(PolicyError, match="replay another policy"):
        replay_window(plant, window, policy_named("defragmentation"))


def with_first(window: Window, **fields: object) -> Window:
    """The window whose first lightpath stands elsewhere."""
    first = window.standing[0]
    placed = replace(first.placed, **fields)  # type: ignore[arg-type]
    return replace(window, standing=(replace(first, service="odd", placed=placed), *window.standing[1:]))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"first_slot": 31}, "outside the band of 32 slots"),
        ({"nodes": ("A", "Nowhere")}, "Nowhere"),
        ({"modulation_format": "7PSK"}, "7PSK"),
    ],
)
def test_a_lightpath_that_does_not_fit_the_plant_is_named(
    plant: Plant, fields: dict[str, object], reason: str
) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    if "first_slot" in fields:
        fields = fields | {"num_slots": 2}
    with pytest.raises(WindowError, match=f"service odd: .*{reason}"):
        replay_window(plant, with_first(window, **fields), baseline("ksp_ff"))


def test_two_lightpaths_on_the_same_slots_are_refused_by_the_second_ones_name(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    again = replace(window.standing[0], service="second")
    with pytest.raises(WindowError, match=r"service second: slots .* are taken"):
        replay_window(plant, replace(window, standing=(*window.standing, again)), baseline("ksp_ff"))


def test_what_stood_on_routes_beyond_the_path_table_is_put_up_and_one_that_is_no_route_is_named(
    plant: Plant,
) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    few = build_plant(plant.topology, replace(plant.spec, k_paths=1))
    index = few.topology.node_index
    routes = {tuple(map(index, item.placed.nodes)) for item in window.standing}
    assert any(few.path_table.path_of(nodes) is None for nodes in routes)
    states = states_at_begin(plant_of_window(few, window).plant, window, TRAFFIC)
    assert np.array_equal(states.free, states_at_begin(plant, window, TRAFFIC).free)
    placed = replace(window.standing[0].placed, nodes=("A", "D"))
    no_link = replace(window, standing=(replace(window.standing[0], placed=placed),))
    with pytest.raises(WindowError, match=r"service s\d+: no link 'A' -> 'D'"):
        replay_window(few, no_link, baseline("ksp_ff"))


def test_a_link_that_the_network_does_not_have_is_named(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    with pytest.raises(WindowError, match="link A-Nowhere"):
        replay_window(plant, replace(window, failed_links=(("A", "Nowhere"),)), baseline("ksp_ff"))


def test_requests_are_those_of_the_trace(plant: Plant) -> None:
    window, _ = a_window(plant, baseline("ksp_ff"))
    requests = window_requests(plant, window)
    assert np.array_equal(requests.arrival_s[0], window.trace.arrival_s)
    assert np.array_equal(requests.max_latency_ms[0], window.trace.max_latency_ms)
