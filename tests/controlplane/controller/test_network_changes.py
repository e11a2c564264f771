"""Many clients at once, the change feed, and a path computation element that errs."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from controlplane.controller import tables
from controlplane.controller.database import StoreError, sqlite_url
from controlplane.controller.network import SpectrumMap
from controlplane.controller.store import Store
from controlplane.controller.verify import PathRejected, verify_path
from controlplane.lightpath import Lightpath
from controlplane.tapi.errors import TapiError
from controlplane.tapi.service_body import ServiceRequest, parse_service
from topologies.grid import c_band

PAIRS = ["AC", "CA", "AD", "DB", "BE", "EC", "DA", "CE"]


@pytest.mark.parametrize("kind", ["lab", "directed_lab"])
def test_creations_and_deletions_at_once_never_light_a_slot_twice(kind: str, request: Any) -> None:
    lab = request.getfixturevalue(kind)
    requests = [lab.request(*PAIRS[i % len(PAIRS)], 25 * (1 + i % 4)) for i in range(48)]

    refusals: list[str] = []

    def live(index: int) -> None:
        try:
            lab.manager.create(requests[index])
            if index % 3 == 0:
                lab.manager.delete(requests[index].uuid)
        except TapiError as error:
            refusals.append(error.tag)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(live, range(len(requests))))
    assert set(refusals) <= {"resource-denied"}
    assert len(lab.state.services()) > 10
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()
    feed = lab.state.feed(0)
    assert [change["version"] for change in feed["changes"]] == list(range(1, feed["version"] + 1))
    alive: set[str] = set()
    for change in feed["changes"]:
        (alive.add if change["kind"] == "lightpath-added" else alive.remove)(change["service_uuid"])
    assert alive == {service.uuid for service in lab.state.services()}


def test_the_same_request_from_many_clients_makes_one_service(lab: Any) -> None:
    request = lab.request("A", "D")
    barrier = threading.Barrier(8)

    def ask(_: int) -> bool:
        barrier.wait()
        return lab.manager.create(request)[1]

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(ask, range(8))) == [False] * 7 + [True]
    assert lab.state.version == 1


def test_a_full_network_refuses_and_allocates_nothing_for_it(lab: Any) -> None:
    def fill() -> None:
        for _ in range(100):
            lab.manager.create(lab.request("A", "D", 400))

    with pytest.raises(TapiError, match="no free slots") as caught:
        fill()
    assert (caught.value.status, caught.value.tag) == (409, "resource-denied")
    assert all(service.path for service in lab.state.services())
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: replace(path, first_slot=0), "not all free"),
        (lambda path: replace(path, num_slots=1), "too few"),
        (lambda path: replace(path, first_slot=31, num_slots=9), "outside"),
        (lambda path: replace(path, first_slot=-1), "outside"),
        (lambda path: replace(path, modulation_format="1024QAM"), "unknown"),
        (lambda path: replace(path, nodes=("A", "E")), "not A to D"),
        (lambda path: replace(path, nodes=("A", "D")), "no link"),
        (lambda path: replace(path, nodes=("A", "B", "A", "C", "D")), "twice"),
        (lambda path: replace(path, nodes=("A", "Atlantis", "D")), "Atlantis"),
    ],
)
def test_a_path_computation_element_that_errs_causes_no_allocation(lab: Any, spoil: Any, why: str) -> None:
    lab.manager.create(lab.request("A", "D"))
    before = lab.held(), lab.state.lit.by_port(), lab.state.services()
    lab.pce.spoil = spoil
    with pytest.raises(TapiError, match=why) as caught:
        lab.manager.create(lab.request("A", "D"))
    assert caught.value.status == 502
    assert (lab.held(), lab.state.lit.by_port(), lab.state.services()) == before
    assert lab.state.version == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: replace(path, first_slot=28, num_slots=8), "across the bands L and C"),
        (lambda path: replace(path, first_slot=92, num_slots=8), "outside 0..95"),
        (lambda path: replace(path, first_slot=10), "no whole channels"),
        (lambda path: replace(path, num_slots=6), "no whole channels"),
        (lambda path: replace(path, num_slots=4), "1 channel.* of PM-QPSK carry 100 Gb/s, too few for 200"),
        (lambda path: replace(path, modulation_format="QPSK"), "unknown"),
        (lambda path: replace(path, modulation_format="PM-64QAM"), "its GSNR is .* dB; PM-64QAM needs 19.01"),
    ],
)
def test_in_a_plant_of_channels_an_invalid_path_causes_no_allocation(
    quality_lab: Any, spoil: Any, why: str
) -> None:
    lab = quality_lab
    lab.state.plant = replace(lab.plant, quality=replace(lab.plant.quality, margin_db=6.0))
    first, _ = lab.manager.create(lab.request("A", "D", 200))
    assert (first.path.num_slots, first.path.band, first.path.modulation_format) == (8, "L", "PM-QPSK")
    before = lab.held(), lab.state.lit.by_port(), lab.state.services()
    lab.pce.spoil = spoil
    with pytest.raises(TapiError, match=why) as caught:
        lab.manager.create(lab.request("A", "D", 200))
    assert caught.value.status == 502
    assert (lab.held(), lab.state.lit.by_port(), lab.state.services()) == before


def test_all_bands_are_filled_and_what_was_told_survives_a_restart(quality_lab: Any) -> None:
    lab = quality_lab
    services = [lab.manager.create(lab.request("A", "D", 800))[0] for _ in range(3)]
    assert [service.path.band for service in services] == ["L", "C", "S"]
    (_, change, _) = lab.state.feed(0)["changes"]
    path = services[1].path
    assert (change["band"], change["gsnr_db"], change["margin_db"]) == ("C", path.gsnr_db, path.margin_db)
    assert change["marginal_w"] == 120.5
    assert 10 < path.margin_db < path.gsnr_db - 6 < 30  # computed here, whatever the element boasts of
    lab.stop()
    lab.start()
    assert [service.path for service in lab.state.services()] == [service.path for service in services]


def test_a_stored_path_of_a_version_without_quantities_is_read(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "D"))
    new = {"band", "gsnr_db", "margin_db", "marginal_w"}
    with lab.store._engine.begin() as connection:
        document = json.loads(connection.execute(select(tables.services.c.path)).scalar_one())
        old = {name: value for name, value in document.items() if name not in new}
        assert len(old) == len(document) - 4
        connection.execute(update(tables.services).values(path=json.dumps(old)))
    lab.stop()
    lab.start()
    (read,) = lab.state.services()
    assert read.path == replace(service.path, band=None)


def test_a_store_of_other_bands_is_refused(quality_lab: Any, tmp_path: Path) -> None:
    quality_lab.manager.create(quality_lab.request("A", "D"))
    plain = replace(quality_lab.plant, bands=(c_band(96),))
    url = sqlite_url(str(quality_lab.folder / "controller.db"))
    with pytest.raises(StoreError, match="LCS96"):
        Store(url, plain.identity)


def test_a_latency_that_the_element_understates_is_found_out(lab: Any) -> None:
    fastest_ms = lab.plant.latency_ms(lab.manager.create(lab.request("A", "D"))[0].path.nodes)
    lab.pce.spoil = lambda path: replace(
        path, nodes=("A", "B", "D") if path.nodes != ("A", "B", "D") else ("A", "C", "D"), latency_ms=0.001
    )
    with pytest.raises(TapiError, match="its latency is"):
        lab.manager.create(lab.request("A", "D", max_latency_ms=fastest_ms + 0.002))


def test_exclusions_and_hops_are_honoured(lab: Any) -> None:
    naming = lab.naming
    free, _ = lab.manager.create(lab.request("A", "D", 25))
    second = free.path.nodes[1]
    for name, value in (
        ("exclude-node", [naming.node_uuid(second)]),
        ("exclude-link", [naming.link_uuid("A", second)]),
    ):
        body = lab.body("A", "D", 25)
        body["tapi-connectivity:connectivity-service"][0][name] = value
        service, _ = lab.manager.create(parse_service(body, naming, True))
        assert second not in service.path.nodes[:2]
    body["tapi-connectivity:connectivity-service"][0].update(
        {"uuid": "00000000-0000-4000-8000-000000000000", "max-allowed-hops": {"value": "1"}}
    )
    with pytest.raises(TapiError):
        lab.manager.create(parse_service(body, naming, True))


def test_a_path_that_does_not_visit_what_is_included_is_found_out(lab: Any) -> None:
    free, _ = lab.manager.create(lab.request("A", "D", 25))
    first, second, *_ = free.path.nodes
    beside = min({"B", "C", "E"} - {*free.path.nodes})
    naming = lab.naming
    (service,) = (body := lab.body("A", "D", 25))["tapi-connectivity:connectivity-service"]
    service["topology-constraint"] = {
        "include-node": [naming.node_uuid("D"), naming.node_uuid(second).upper()],
        "include-link": [naming.link_uuid(second, first)],
    }
    made, _ = lab.manager.create(parse_service(body, naming, True))
    assert (made.path.nodes, made.request.include_nodes) == (free.path.nodes, ("D", second))
    lab.pce.spoil = lambda path: replace(path, nodes=free.path.nodes)
    for wish in ({"include_nodes": (beside,)}, {"include_links": (("A", beside),)}):
        with pytest.raises(TapiError, match=f"it does not (visit|cross) .*{beside}.*includes"):
            lab.manager.create(replace(lab.request("A", "D", 25), **wish))
    lab.stop()
    lab.start()
    assert lab.state.service(made.uuid).request == made.request
    lab.assert_elements_hold_the_state()


def test_the_feed_gives_what_is_new_in_pages_and_says_who_is_lost(lab: Any) -> None:
    for pair in ("AD", "BE", "CA"):
        lab.manager.create(lab.request(*pair))
    with lab.http() as client:

        def feed(**query: Any) -> Any:
            return client.get("/changes", params=query).json()

        whole = feed()
        assert (whole["version"], whole["last"], len(whole["changes"])) == (3, 3, 3)
        assert feed(since=2, store=whole["store"])["changes"] == whole["changes"][2:]
        assert feed(since=3) == whole | {"changes": []}
        first = feed(limit=2)
        assert (first["version"], first["last"], first["changes"]) == (2, 3, whole["changes"][:2])
        for lost in ({"since": 4}, {"since": 10**9}, {"since": 2, "store": "another"}, {"since": -1}):
            answer = client.get("/changes", params=lost)
            (error,) = answer.json()["ietf-restconf:errors"]["error"]
            kept = {"store": whole["store"], "first-since": 0, "last": 3}
            assert (answer.status_code, error["error-info"]) == (410, {"lightloop:change-log": kept})
        change = whole["changes"][0]
        assert change == {
            "version": 1,
            "kind": "lightpath-added",
            "service_uuid": lab.state.services()[0].uuid,
            "nodes": list(lab.state.services()[0].path.nodes),
            "first_slot": 0,
            "num_slots": lab.state.services()[0].path.num_slots,
            "modulation_format": lab.state.services()[0].path.modulation_format,
            "bit_rate_gbps": 100.0,
            "latency_ms": lab.state.services()[0].path.latency_ms,
            "decided_by": "model",
            "band": "C",
            "service_class": "any",
            "decision_id": lab.state.services()[0].path.decision_id,
            "cause": "create",
            "time_s": lab.store.log.page(0).changes[0].time_s,
        }


def test_the_element_is_asked_on_the_state_it_must_know(lab: Any) -> None:
    for version in range(3):
        lab.manager.create(lab.request("A", "D", 25))
        assert lab.pce.asked[-1][1] == version


routes = st.sampled_from(
    [("A", "C"), ("A", "C", "D"), ("D", "C", "A"), ("B", "D"), ("A", "B", "D", "E"), ("E", "A")]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(routes, st.integers(0, 31), st.integers(1, 6)), max_size=15), st.booleans())
def test_what_is_verified_never_lights_a_slot_twice(
    blocks: list[tuple[tuple[str, ...], int, int]], shared: bool
) -> None:
    import math

    from controlplane.controller.capacity import SlotsByReach
    from controlplane.controller.network import PlantView
    from envs.latency import load_latency_model
    from envs.modulation import modulation_table
    from topologies.catalogue import load_topology

    capacity = SlotsByReach(modulation_table("deeprmsa"), guard_slots=0)
    plant = PlantView(load_topology("five-node"), (c_band(32),), shared, capacity, load_latency_model())
    lit = SpectrumMap(plant)
    taken: set[tuple[Any, int]] = set()
    for nodes, first, size in blocks:
        path = Lightpath("p", nodes, first, size, "BPSK", 0.0, "model", "x")
        request = ServiceRequest(nodes[0], nodes[-1], 12.5, math.inf, uuid="s")
        hops = [frozenset(hop) if shared else hop for hop in pairwise(nodes)]
        wanted = {(hop, slot) for hop in hops for slot in range(first, first + size)}
        fits = first + size <= 32 and not wanted & taken
        try:
            verify_path(path, request, plant, lit, (), ())
        except PathRejected:
            assert not fits
            continue
        assert fits
        lit.light(nodes, first, size)
        taken |= wanted
