"""The client that the command line and the console use, against a real controller application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from configs.home import Credentials
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console.network import topology_from_context
from controlplane.tapi.wishes import Wishes
from topologies.catalogue import load_topology


@pytest.fixture
def client(lab: Any) -> Iterator[ControllerClient]:
    with lab.http() as http, ControllerClient("http://controller", lab.credentials) as made:
        made._http = http
        yield made


def test_a_service_is_placed_listed_and_deleted(lab: Any, client: ControllerClient) -> None:
    assert client.nodes() == ("A", "B", "C", "D", "E")
    assert client.sips()["C"] == lab.naming.sip_uuid("C")
    lightpath = client.place_service("A", "D", 100, 20)
    stored = lab.state.service(lightpath.service_uuid)
    assert lightpath.nodes == stored.path.nodes
    assert lightpath.links == tuple(
        "-".join(hop) for hop in zip(lightpath.nodes, lightpath.nodes[1:], strict=False)
    )
    assert (lightpath.first_slot, lightpath.num_slots) == (0, stored.path.num_slots)
    assert lightpath.latency_ms == pytest.approx(lab.plant.latency_ms(lightpath.nodes))
    assert (lightpath.decided_by, lightpath.policy) == ("model", "fake")
    assert lightpath.total_ms > 0
    (listed,) = client.services()
    told = {"total_ms": stored.setup_ms, "bit_rate_gbps": 100.0}
    assert listed == type(listed)(**{**vars(lightpath), **told})
    assert client.changes(0, lab.store.identity)["version"] == 1
    client.delete_service(lightpath.service_uuid)
    assert client.services() == ()


def test_quantities_are_told_where_the_plant_knows_them(quality_lab: Any, client: ControllerClient) -> None:
    plain = client.place_service("A", "D", 100, 20)
    assert (plain.band, plain.gsnr_db, plain.margin_db, plain.marginal_w) == ("C", None, None, None)
    assert "gsnr_db" not in plain.document
    with quality_lab.http() as http, ControllerClient("http://controller", quality_lab.credentials) as made:
        made._http = http
        lightpath = made.place_service("A", "D", 800)
        assert (lightpath.band, lightpath.marginal_w) == ("L", 120.5)
        assert lightpath.margin_db == pytest.approx(lightpath.gsnr_db - 6.73)
        assert lightpath.document["gsnr_db"] == lightpath.gsnr_db > 15


def test_the_class_of_a_service_is_kept_as_a_name_pair(lab: Any, client: ControllerClient) -> None:
    uuid = client.request_service("A", "D", 100, wishes=Wishes("urgent"))
    assert lab.state.service(uuid).request.document["name"] == [
        {"value-name": "service-class", "value": "urgent"}
    ]


def test_the_same_uuid_gives_the_same_lightpath(client: ControllerClient) -> None:
    uuid = "11111111-2222-4333-8444-555555555555"
    first = client.place_service("A", "D", 100, service_uuid=uuid)
    again = client.place_service("A", "D", 100, service_uuid=uuid)
    assert (first.service_uuid, first.nodes, first.first_slot) == (uuid, again.nodes, again.first_slot)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("A", "Z", 100), "unknown node 'Z'; known: A, B"),
        (("A", "A", 100), "both are at A"),
        (("A", "D", 12.5), "whole Gb/s"),
        (("A", "D", -1), "whole Gb/s"),
        (("A", "D", float("nan")), "whole Gb/s"),
        (("A", "D", 100, 0), "at least 0.001 ms"),
        (("A", "D", 100, float("nan")), "at least 0.001 ms"),
        (("A", "D", 100, 0.5), "within 0.5 ms"),
    ],
)
def test_refusals_carry_the_reason(lab: Any, client: ControllerClient, arguments: Any, why: str) -> None:
    with pytest.raises(ServiceRefused, match=why):
        client.place_service(*arguments)
    assert lab.state.version == 0


def test_cuts_and_repairs_say_what_became_of_the_services(client: ControllerClient) -> None:
    lightpath = client.place_service("A", "C", 25)
    assert client.fail_link(*lightpath.nodes[:2]) == {"restored": [lightpath.service_uuid], "lost": []}
    assert client.repair_link(*lightpath.nodes[:2]) == {"restored": [], "lost": []}


def test_a_controller_that_is_away_is_named() -> None:
    with (
        ControllerClient("http://127.0.0.1:9", Credentials("u", "p", "t"), timeout_s=0.5) as client,
        pytest.raises(ServiceRefused, match=r"127\.0\.0\.1:9 does not answer") as caught,
    ):
        client.nodes()
    assert caught.value.status == 0


def test_the_topology_that_the_console_reads_is_that_of_the_network(
    lab: Any, client: ControllerClient
) -> None:
    client.place_service("A", "D", 100, 20)
    read = topology_from_context(client.topology(), load_topology("nsfnet"))
    assert read.content_hash == lab.plant.topology.content_hash
