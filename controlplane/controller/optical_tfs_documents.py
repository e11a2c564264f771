"""Lightpaths and links as ETSI TeraFlowSDN's optical controller writes them. Not here: ``optical_tfs.py``.

The form is that of its ``RSA.py`` and ``OpticalController.py``. Ports are named after the neighbour that they
lead to, slots are counted from 0 in their band, frequencies are in MHz, a rate is in Gb/s.
"""

from __future__ import annotations

from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi import ids
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import NetworkView
from controlplane.tapi.frequency import Bands
from controlplane.tapi.names import as_dict
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import BIDIRECTIONAL
from topologies.grid import SLOT_WIDTH_GHZ, band_of, frequency_slot_of

FLOW_ID = "flow-id"  # a ``name`` pair of the services that were asked for as lightpaths
NO_PORT = "0"  # where a lightpath begins or ends
# Operational modes of its tools.py; formats that it has no number for get one that it does not use.
_OP_MODES = {"QPSK": 1, "8QAM": 2, "16QAM": 18, "32QAM": 10}
_OTHER_MODE = 99


def flow_id_of(service: Service) -> int | None:
    """The number of a lightpath that was asked for as one; None of other services."""
    told = as_dict(service.request.document.get("name")).get(FLOW_ID, "")
    return int(told) if told.isascii() and told.isdigit() else None


def flow_entry(service: Service, bands: Bands) -> dict[str, Any]:
    """A lightpath; one that a cut has ended, and that waits for another, is not active and has mode 0."""
    request, path = service.request, service.path
    is_bidirectional = request.direction == BIDIRECTIONAL
    entry: dict[str, Any] = {
        "flow_id": flow_id_of(service),
        "src": request.source,
        "dst": request.destination,
        "bitrate": int(request.bit_rate_gbps),
        "bidir": int(is_bidirectional),
        "service_uuid": service.uuid,
        "is_active": path is not None,
    }
    return entry | (_nothing() if path is None else _carried(path, bands, is_bidirectional))


def optical_links(view: NetworkView) -> list[dict[str, Any]]:
    """Every link once for each direction; of a slot 1 says that it is free. On a link that is cut none is."""
    found = []
    for fibre in view.naming.topology.fibres:
        is_cut = (fibre.node_a, fibre.node_b) in view.failed_links
        for here, there in ((fibre.node_a, fibre.node_b), (fibre.node_b, fibre.node_a)):
            taken = -1 if is_cut else view.occupied.get((here, there), 0)
            found.append(_link(view, here, there, fibre.length_km, taken))
    return found


def _nothing() -> dict[str, Any]:
    return {
        "flows": {},
        "band_type": "",
        "slots": [],
        "fiber_forward": {},
        "fiber_backward": {},
        "op-mode": 0,
        "n_slots": 0,
        "links": [],
        "path": [],
        "band": 0,
        "freq": 0,
    }


def _carried(path: Lightpath, bands: Bands, is_bidirectional: bool) -> dict[str, Any]:
    band = band_of(bands, path.first_slot, path.num_slots)
    first = path.first_slot - band.first_slot
    hops = hops_of(path.nodes)
    there = {f"{a}-{b}": f"{a}-{b}" for a, b in hops}
    back = {f"{b}-{a}": f"{a}-{b}" for a, b in reversed(hops)}
    return {
        "flows": _ports(path.nodes),
        "band_type": f"{band.name.lower()}_slots",
        "slots": list(range(first, first + path.num_slots)),
        "fiber_forward": there,
        "fiber_backward": back if is_bidirectional else {},
        "op-mode": _OP_MODES.get(path.modulation_format.removeprefix("PM-"), _OTHER_MODE),
        "modulation_format": path.modulation_format,
        "n_slots": path.num_slots,
        "links": list(there),
        "path": list(path.nodes),
        "band": round(path.num_slots * SLOT_WIDTH_GHZ * 1000),
        "freq": frequency_slot_of(bands, path.first_slot, path.num_slots).centre_mhz,
    }


def _ports(nodes: tuple[str, ...]) -> dict[str, Any]:
    flows = {}
    for position, node in enumerate(nodes):
        before = nodes[position - 1] if position else NO_PORT
        behind = nodes[position + 1] if position < len(nodes) - 1 else NO_PORT
        flows[node] = {"f": {"in": before, "out": behind}, "b": {"in": behind, "out": before}}
    return flows


def _link(view: NetworkView, here: str, there: str, length_km: float, taken: int) -> dict[str, Any]:
    slots: dict[str, dict[str, int]] = {"c_slots": {}, "l_slots": {}, "s_slots": {}}
    for band in view.bands:
        slots[f"{band.name.lower()}_slots"] = {
            str(slot): 1 - (taken >> (band.first_slot + slot) & 1) for slot in range(band.num_slots)
        }
    return {
        "name": f"{here}-{there}",
        "link_id": {"link_uuid": {"uuid": view.naming.link_uuid(here, there)}},
        "link_endpoint_ids": [_end_point(view, here, there), _end_point(view, there, here)],
        "optical_details": {
            "length": length_km,
            "src_port": there,
            "dst_port": here,
            "local_peer_port": here,
            "remote_peer_port": there,
            "used": bool(taken),
            **slots,
        },
    }


def _end_point(view: NetworkView, node: str, neighbour: str) -> dict[str, Any]:
    naming = view.naming
    return {
        "topology_id": {"topology_uuid": {"uuid": naming.topology_uuid}},
        "device_id": {"device_uuid": {"uuid": naming.node_uuid(node)}},
        "endpoint_uuid": {"uuid": ids.node_edge_point_uuid(naming.topology.name, node, neighbour)},
    }
