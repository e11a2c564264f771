"""A window that was lived is repeated to the slot and to the choice; one that was tampered with is not."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, load_policy
from envs.fidelity import Decider, Fidelity, measure_fidelity, plant_with_routes
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.logged_network import unlived
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.spec import PlantSpec
from envs.standing import power_w
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from envs.window import Placed, Window
from tests import naive_power
from tests.live_network import VERSION, Cut, live_through
from tests.qot_walk import TRAFFIC as QOT_TRAFFIC
from tests.qot_walk import plant_of as qot_plant
from topologies.catalogue import load_topology

TRAFFIC = PoissonTraffic(
    load_erlang=60.0,
    mean_holding_s=100.0,
    bit_rates_gbps=(25.0, 50.0, 100.0),
    classes=(LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75)),
)
CUTS: tuple[Cut, ...] = ((150.0, 420.0, 1), (500.0, 700.0, 3), (600.0, 2000.0, 0))
POLICY = baseline("load_aware")


@cache
def plant_of(power_model: str = "", shared: bool = True) -> Plant:
    spec = PlantSpec(
        num_slots=32,
        shared_spectrum=shared,
        k_paths=3,
        max_candidates=12,
        starts_per_path=4,
        power_model=power_model,
    )
    return build_plant(load_topology("five-node"), spec)


@cache
def lived(power_model: str = "", shared: bool = True) -> Window:
    """With cuts, repairs, restorations, departures, and requests asked again inside."""
    plant = plant_of(power_model, shared)
    trace = make_trace(TRAFFIC, plant, 600, seed=3)
    window = live_through(plant, trace, POLICY, before=120, cuts=CUTS, asks_again=0.5).window
    assert {item.cause for item in window.happenings} == {"cut", "restore", "repair", "create"}
    return window


def fidelity(plant: Plant, window: Window, policy: ScoringPolicy = POLICY) -> Fidelity:
    return measure_fidelity(plant, window, {VERSION: Decider(policy)})


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("power_model", ["", "default"])
def test_a_window_that_was_lived_is_repeated_to_the_slot(power_model: str, shared: bool) -> None:
    if power_model and not shared:
        pytest.skip("one plant with a meter is enough")
    plant, window = plant_of(power_model, shared), lived(power_model, shared)
    found = fidelity(plant, window)
    assert found.passed, found.reason
    assert (found.choices_equal, found.slots_differing, found.first_difference) == (1.0, 0, None)
    assert found.num_compared == window.trace.num_requests
    assert (abs(found.power_differing_w) < 1e-9) if power_model else math.isnan(found.power_differing_w)


def test_a_network_policy_chooses_the_same_again() -> None:
    plant, policy = plant_of(), load_policy(GENERALIST_FOLDER)
    trace = make_trace(TRAFFIC, plant, 400, seed=8)
    window = live_through(plant, trace, policy, before=100, cuts=CUTS).window
    found = fidelity(plant, window, policy)
    assert found.passed, found.reason
    assert found.choices_equal == 1.0


def test_a_policy_with_a_forecast_chooses_the_same_again_with_it_and_not_without() -> None:
    plain, policy = plant_of(), load_policy(GENERALIST_FOLDER)
    plant = build_plant(plain.topology, replace(plain.spec, shortlist=12))
    weights = np.ones((5, 5))
    weights[0, 1] = 200.0
    forecast = forecast_from(make_trace(replace(TRAFFIC, pair_weights=weights), plant, 500, 1), plant)
    trace = make_trace(TRAFFIC, plant, 400, seed=8)
    window = live_through(plant.with_forecast(forecast), trace, policy, before=100).window
    found = measure_fidelity(plant, window, {VERSION: Decider(policy, forecast)})
    assert found.passed, found.reason
    assert found.choices_equal == 1.0
    assert fidelity(plant, window, policy).choices_equal < 1.0


def test_where_quality_of_transmission_decides_too() -> None:
    plant, policy = qot_plant(), baseline("max_margin")
    trace = make_trace(QOT_TRAFFIC, plant, 300, seed=2)
    cut_s = float(trace.arrival_s[150])
    window = live_through(plant, trace, policy, before=100, cuts=((cut_s, cut_s + 20.0, 1),)).window
    found = fidelity(plant, window, policy)
    assert found.passed, found.reason
    assert found.num_compared == 200


def moved(window: Window, row: int, places: int) -> Window:
    """The window in which a request's lightpath is said to stand some slots from where it was chosen."""
    live = window.live[row]
    assert live.placed is not None
    placed = replace(live.placed, first_slot=live.placed.first_slot + places)
    return replace(window, live=(*window.live[:row], replace(live, placed=placed), *window.live[row + 1 :]))


def test_one_choice_that_differs_is_named_with_what_was_chosen_and_what_the_twin_chooses() -> None:
    plant, window = plant_of(), lived()
    row = next(r for r, item in enumerate(window.live) if r > 200 and item.placed is not None)
    placed = window.live[row].placed
    assert placed is not None
    other = Placed(placed.nodes, 32 - placed.num_slots, placed.num_slots, placed.modulation_format)
    assert other != placed
    live = replace(window.live[row], placed=other)
    found = fidelity(plant, replace(window, live=(*window.live[:row], live, *window.live[row + 1 :])))
    assert not found.passed
    assert found.first_difference is not None
    assert (found.first_difference.request, found.first_difference.decision_id) == (row, live.decision_id)
    assert f"chose {'-'.join(placed.nodes)} slots {other.first_slot} to 31" in found.first_difference.reason
    assert f"it chooses {'-'.join(placed.nodes)} slots {placed.first_slot} to" in found.reason
    assert 0 < found.choices_equal < 1


def test_a_placement_on_taken_slots_names_its_request() -> None:
    plant, window = plant_of(), lived()
    unjudged = replace(window, live=tuple(replace(item, is_comparable=False) for item in window.live))
    rows = (r for r, item in enumerate(window.live) if item.placed is not None and item.placed.first_slot)
    for row in rows:  # one slot down is taken for nearly each of them
        found = fidelity(plant, moved(unjudged, row, -1))
        first = found.first_difference
        if first is not None and "is held by service" in first.reason:
            assert (first.request, first.decision_id) == (row, window.live[row].decision_id)
            assert not found.passed
            return
    pytest.fail("no lightpath with a taken slot below it")


def test_what_stands_elsewhere_at_the_end_is_counted_slot_by_slot_and_named() -> None:
    plant, window = plant_of(), lived()
    service, placed = next(
        (name, item) for name, item in window.at_end.items() if name.startswith("s") and len(item.nodes) == 3
    )
    short = Placed(placed.nodes[:2], placed.first_slot, placed.num_slots, placed.modulation_format)
    found = fidelity(plant, replace(window, at_end=window.at_end | {service: short}))
    assert not found.passed
    assert found.slots_differing == placed.num_slots
    assert sum(found.units_differing.values()) == placed.num_slots
    assert set("".join(found.units_differing).replace("-", "")) == set(placed.nodes[1:])
    assert found.first_difference is not None
    assert found.first_difference.service == service


def test_a_lightpath_missing_at_the_end_is_a_difference() -> None:
    plant, window = plant_of(), lived()
    service, placed = next(iter(window.at_end.items()))
    rest = {name: item for name, item in window.at_end.items() if name != service}
    found = fidelity(plant, replace(window, at_end=rest))
    assert found.slots_differing == placed.num_slots * (len(placed.nodes) - 1)
    assert found.first_difference is not None
    assert found.first_difference.service == service


def test_a_removal_of_what_does_not_stand_is_a_difference() -> None:
    plant, window = plant_of(), lived()
    gone = next(item for item in window.happenings if item.kind == "lightpath-removed")
    twice = replace(gone, time_s=gone.time_s + 1.0, service="never-there")
    happenings = tuple(sorted((*window.happenings, twice), key=lambda item: item.time_s))
    found = fidelity(plant, replace(window, happenings=happenings))
    assert found.first_difference is not None
    assert (found.first_difference.request, found.first_difference.service) == (-1, "never-there")


def test_another_policy_than_the_one_in_service_does_not_pass() -> None:
    found = fidelity(plant_of(), lived(), baseline("ksp_ff"))
    assert not found.passed
    assert 0 < found.choices_equal < 1
    assert found.slots_differing == 0, "the logged choices are followed"


def test_choices_of_a_version_that_is_not_at_hand_are_counted_not_judged() -> None:
    window = lived()
    found = measure_fidelity(plant_of(), window, {})
    carried = sum(item.placed is not None for item in window.live)
    assert found.passed
    assert (found.num_unknown, found.num_compared) == (carried, window.trace.num_requests - carried)
    assert "not at hand" in found.reason


def test_only_comparable_choices_are_compared() -> None:
    window = lived()
    live = tuple(replace(item, is_comparable=row % 2 == 0) for row, item in enumerate(window.live))
    found = fidelity(plant_of(), replace(window, live=live))
    assert found.num_compared == (window.trace.num_requests + 1) // 2
    none = tuple(replace(item, is_comparable=False) for item in window.live)
    found = fidelity(plant_of(), replace(window, live=none))
    assert math.isnan(found.choices_equal)
    assert found.passed


def test_the_meter_shows_the_watts_of_the_list_of_lightpaths() -> None:
    window = lived("default")
    plant = plant_with_routes(plant_of("default"), window)
    net = unlived(plant)
    lit = []
    for number, (service, placed) in enumerate(sorted(window.at_end.items())):
        rate_gbps = 25.0 * (1 + number % 4)
        assert net.add(service, placed, rate_gbps) == ""
        nodes = tuple(plant.topology.node_index(name) for name in placed.nodes)
        path = plant.path_table.path_of(nodes)
        assert path is not None
        lit.append(naive_power.Lit(path, rate_gbps, int(plant.arrays.path_format[path]), placed.first_slot))
    assert net.meter is not None
    assert power_w(plant, net.meter) == pytest.approx(sum(naive_power.watts_of(plant, lit)), abs=1e-3)
    while lit:  # and again as they go
        service = sorted(net.standing)[0]
        assert net.remove(service, 0.0) == ""
        lit.pop(0)
        if len(lit) % 10 == 0:
            assert power_w(plant, net.meter) == pytest.approx(sum(naive_power.watts_of(plant, lit)), abs=1e-3)
