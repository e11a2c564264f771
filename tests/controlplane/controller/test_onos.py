"""ONOS' driver for TAPI line systems: it sends no capacity, so the operator's default is taken."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from controlplane.controller.clients import ClientSettings
from tests.controlplane.controller.asked_by import Asked
from tests.controlplane.controller.northbound import SERVICE, reason


def asked(lab: Any) -> Asked:
    sip = lab.naming.sip_uuid
    return Asked("onos_odtn", SOURCE=sip("A"), DESTINATION=sip("D"), UUID=str(uuid4()))


def test_without_a_default_capacity_it_is_refused_with_the_remedy(lab: Any, http: Any) -> None:
    answer = asked(lab)(http, "create")
    assert answer.status_code == 400
    assert "online.default_capacity_gbps" in reason(answer)
    assert lab.state.services() == ()


def test_with_a_default_capacity_it_creates_lists_and_deletes(lab: Any) -> None:
    lab.clients = ClientSettings(default_capacity_gbps=100.0)
    onos = asked(lab)
    with lab.http() as http:
        context = onos(http, "discover").json()["tapi-common:context"]
        # The ports that it keeps: photonic ones that take a network media channel.
        assert len(context["service-interface-point"]) == 5
        assert all(
            "NMC" in str(sip["supported-layer-protocol-qualifier"])
            and sip["layer-protocol-name"] == "PHOTONIC_MEDIA"
            for sip in context["service-interface-point"]
        )
        assert onos(http, "create").status_code == 201
        (service,) = onos(http, "list").json()[SERVICE]
        assert service["requested-capacity"] == {"total-size": {"value": "100", "unit": "GBPS"}}
        assert lab.pce.asked[-1][0].bit_rate_gbps == 100.0
        assert onos(http, "delete").status_code == 204
        assert onos(http, "list").json()[SERVICE] == []
