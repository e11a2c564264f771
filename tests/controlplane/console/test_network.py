"""Changes applied to the network shown, and the topology read from a TAPI context."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controlplane.console.network import ChangeError, NetworkCopy, topology_from_context
from topologies.catalogue import load_topology
from topologies.grid import c_band
from topologies.model import Node, Topology


def added(version: int, nodes: list[str], first_slot: int = 0, uuid: str | None = None) -> dict[str, Any]:
    return {
        "version": version,
        "kind": "lightpath-added",
        "service_uuid": uuid or f"service-{version}",
        "nodes": nodes,
        "first_slot": first_slot,
        "num_slots": 3,
        "modulation_format": "16QAM",
        "bit_rate_gbps": 100.0,
        "latency_ms": 5.5,
        "decided_by": "model",
    }


@pytest.fixture
def shared(nsfnet: Topology) -> NetworkCopy:
    return NetworkCopy(nsfnet, bands=(c_band(100),), shared_spectrum=True)


def test_a_lightpath_appears_and_disappears(shared: NetworkCopy) -> None:
    up = shared.apply(1, [added(1, ["WA", "IL", "PA"], 7)])
    path = up.lightpaths["service-1"]
    assert (path.nodes, path.first_slot, path.num_slots, path.label) == (("WA", "IL", "PA"), 7, 3, "WA → PA")
    down = up.apply(2, [{"version": 2, "kind": "lightpath-removed", "service_uuid": "service-1"}])
    assert not down.lightpaths
    assert down.version == 2
    assert up.lightpaths  # what was is left as it was


def test_a_service_that_had_no_lightpath_leaves_the_map_as_it_was(shared: NetworkCopy) -> None:
    up = shared.apply(1, [added(1, ["WA", "IL", "PA"])])
    gone = {"version": 2, "kind": "service-removed", "service_uuid": "dark", "nodes": ["WA", "IL"]}
    after = up.apply(2, [gone])
    assert (after.version, after.lightpaths) == (2, up.lightpaths)


def test_a_restored_service_moves_and_becomes_the_latest(shared: NetworkCopy) -> None:
    state = shared.apply(2, [added(1, ["WA", "CA1"]), added(2, ["WA", "IL"])])
    moved = state.apply(3, [added(3, ["WA", "CA2", "CA1"], uuid="service-1")])
    assert len(moved.lightpaths) == 2
    assert moved.latest() is moved.lightpaths["service-1"]
    assert moved.lightpaths["service-1"].nodes == ("WA", "CA2", "CA1")


def test_cuts_are_of_the_pair_whatever_the_order_of_its_ends(shared: NetworkCopy) -> None:
    state = shared.apply(1, [{"version": 1, "kind": "link-failed", "nodes": ["IL", "WA"]}])
    assert state.failed == {frozenset(("WA", "IL"))}
    assert not state.apply(2, [{"version": 2, "kind": "link-repaired", "nodes": ["WA", "IL"]}]).failed


def test_rows_are_fibre_pairs_if_shared_and_directed_links_if_not(shared: NetworkCopy) -> None:
    directed = replace(shared, shared_spectrum=False)
    assert (shared.num_units, directed.num_units) == (22, 44)
    there, back = ("CA1", "CA2"), ("CA2", "CA1")
    assert shared.units(there) == shared.units(back)
    assert directed.units(there) != directed.units(back)
    assert shared.unit_name(shared.units(back)[0]) == "CA1 – CA2"
    assert directed.unit_name(directed.units(back)[0]) == "CA2 → CA1"


def test_services_that_share_a_link_get_different_colours(shared: NetworkCopy) -> None:
    state = shared
    for version in range(1, 9):
        state = state.apply(version, [added(version, ["WA", "IL"], 4 * version)])
    assert len({path.colour for path in state.lightpaths.values()}) == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 4, "kind": "link-painted"}, "change 4: unknown kind 'link-painted'"),
        ({"version": 4, "kind": "lightpath-added", "nodes": ["WA", "IL"]}, "'service_uuid' is missing"),
        (added(4, ["WA", "NY"]), "no link 'WA' -> 'NY'"),
        (added(4, ["WA", "Atlantis"]), "unknown node 'Atlantis'"),
    ],
)
def test_a_change_that_cannot_be_says_which_and_why(
    shared: NetworkCopy, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ChangeError, match="change 4") as caught:
        shared.apply(4, [change])
    assert words in str(caught.value)


def test_topology_is_read_from_the_context(fake: Any, nsfnet: Topology) -> None:
    other = load_topology("cost239")
    read = topology_from_context(fake.context()["tapi-common:context"], known=other)
    assert read.content_hash == nsfnet.content_hash
    assert read.name == "nsfnet"


def test_what_the_context_leaves_out_comes_from_the_configured_topology(fake: Any, nsfnet: Topology) -> None:
    context = fake.context()["tapi-common:context"]
    listed = context["tapi-topology:topology-context"]["topology"][0]
    for node in listed["node"]:
        node["name"] = node["name"][:1]
    for link in listed["link"]:
        del link["cost-characteristic"]
    assert topology_from_context(context, nsfnet).content_hash == nsfnet.content_hash


def test_a_context_without_topology_leaves_the_configured_one(nsfnet: Topology) -> None:
    assert topology_from_context({}, nsfnet) is nsfnet
    assert topology_from_context({"tapi-topology:topology-context": {"topology": []}}, nsfnet) is nsfnet


def test_coordinates_of_the_context_win(fake: Any, nsfnet: Topology) -> None:
    context = fake.context()["tapi-common:context"]
    pairs = context["tapi-topology:topology-context"]["topology"][0]["node"][0]["name"]
    pairs[1]["value"] = "1.5"
    assert topology_from_context(context, nsfnet).nodes[0] == Node("WA", 1.5, -122.33)
