"""The interface of ETSI TeraFlowSDN's optical controller: lightpaths asked for by node names and rate.

A lightpath is a connectivity service like any other, read, set up and released in the same way; its number
names the service, so nothing is kept here. Not here: documents (``optical_tfs_documents.py``), what may be
asked without credentials (``controlplane.trusted``).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from operator import itemgetter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controlplane.application import Handler
from controlplane.controller.optical_tfs_documents import FLOW_ID, flow_entry, flow_id_of
from controlplane.controller.optical_tfs_documents import optical_links as links_of
from controlplane.controller.routes import OPTICAL_TFS
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.tapi import ids
from controlplane.tapi.connectivity import SERVICE, Service
from controlplane.tapi.errors import TapiError, invalid, unknown
from controlplane.tapi.names import pairs
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL, build_service, parse_service

MAX_FLOW_ID = 2**31 - 1  # what the other side's messages carry

Change = Callable[[Callable[[], Any]], Awaitable[Any]]


class Lightpaths:
    """Lightpaths by number, on the services of a controller."""

    def __init__(self, state: NetworkState, manager: ServiceManager) -> None:
        self._state = state
        self._manager = manager

    def add(self, source: str, destination: str, bit_rate: str, bidirectional: str) -> dict[str, Any]:
        """A new lightpath.

        Raises:
            TapiError: 400, a rate or a direction that is none; 404 an unknown node, or no path; else as
                ``ServiceManager.create``.
        """
        rate_gbps = _number(bit_rate, "bitrate", "whole Gb/s, e.g. 100")
        if bidirectional not in ("0", "1"):
            raise invalid(f"bidir {bidirectional[:40]!r}; 0 (one way) or 1 (both ways) is needed")
        direction = BIDIRECTIONAL if bidirectional == "1" else UNIDIRECTIONAL
        flow_id = secrets.randbelow(MAX_FLOW_ID) + 1
        start, end = (self._state.naming.sip_uuid(self._node(name)) for name in (source, destination))
        body = build_service(ids.flow_service_uuid(flow_id), start, end, rate_gbps, direction=direction)
        body[SERVICE][0]["name"] = pairs({FLOW_ID: flow_id})
        request = parse_service(body, self._state.naming, self._state.plant.shared_spectrum)
        # Its transport-API driver, which lists this service too, looks for the capacity there.
        request = replace(request, capacity_nested=True)
        try:
            service, _ = self._manager.create(request)
        except TapiError as error:
            if error.tag != "resource-denied":
                raise
            raise unknown(f"No path found: {error.message}") from None
        return flow_entry(service, self._state.plant.bands)

    def delete(self, source: str, destination: str, bit_rate: str, flow: str) -> str:
        """What became of a lightpath that was to be released.

        Raises:
            TapiError: 404, there is none of this number, or it is another; else as ``ServiceManager.delete``.
        """
        flow_id = _number(flow, "flow_id", "the number that AddLightpath gave")
        service = self._state.service(ids.flow_service_uuid(flow_id))
        if service is None or flow_id_of(service) != flow_id:
            raise unknown(f"flow id {flow_id} does not exist")
        asked = service.request
        ends = {self._node(source), self._node(destination)}
        rate_gbps = _number(bit_rate, "bitrate", "whole Gb/s, e.g. 100")
        if ends != {asked.source, asked.destination} or rate_gbps != asked.bit_rate_gbps:
            raise unknown(
                f"flow {flow_id} not matching: it is {asked.source} to {asked.destination}, "
                f"{asked.bit_rate_gbps:g} Gb/s"
            )
        self._manager.delete(service.uuid)
        return f"flow {flow_id} deleted"

    def all(self) -> dict[str, Any]:
        """Every lightpath that was asked for here, by its number."""
        found: list[tuple[int | None, Service]] = [(flow_id_of(s), s) for s in self._state.services()]
        bands = self._state.plant.bands
        return {str(number): flow_entry(service, bands) for number, service in found if number is not None}

    def links(self) -> dict[str, Any]:
        """The network's links with their free slots."""
        return {"optical_links": links_of(self._state.view())}

    def _node(self, name: str) -> str:
        if name in self._state.plant.topology.node_names:
            return name
        found = self._state.naming.node_names.get(name.lower())
        if found is None:
            raise unknown(f"there is no node {name[:100]!r}; those there are: GET {OPTICAL_TFS}/GetLinks")
        return found


def optical_tfs_handlers(lightpaths: Lightpaths, change: Change) -> tuple[Handler, ...]:
    """What answers the routes of this interface.

    Args:
        lightpaths: what they act on.
        change: runs what changes the network, where the other changes run.
    """

    async def add_lightpath(request: Request) -> Response:
        told = {"bidir": "1", **request.path_params}
        added = await change(lambda: lightpaths.add(*itemgetter("src", "dst", "bitrate", "bidir")(told)))
        return JSONResponse(added)

    async def add_lightpath_in_band(request: Request) -> Response:
        band = request.path_params["band"]
        raise TapiError(
            400,
            "operation-not-supported",
            f"an optical band ({band[:40]}) is not supported; leave it out: each lightpath has its own slots",
        )

    async def delete_lightpath(request: Request) -> Response:
        src, dst, bitrate, flow_id = itemgetter("src", "dst", "bitrate", "flow_id")(request.path_params)
        if src.isdigit() and not bitrate.isdigit():  # the order of its driver, which puts the number first
            src, dst, bitrate, flow_id = dst, bitrate, flow_id, src
        return JSONResponse(await change(lambda: lightpaths.delete(src, dst, bitrate, flow_id)))

    def lightpaths_by_number(_request: Request) -> Response:
        return JSONResponse(lightpaths.all())

    def optical_links(_request: Request) -> Response:
        return JSONResponse(lightpaths.links())

    async def topology(_request: Request) -> Response:
        return JSONResponse("Opticalcontroller is synchronised")

    return (
        *(add_lightpath, add_lightpath_in_band, delete_lightpath),
        *(lightpaths_by_number, optical_links, topology),
    )


def _number(text: str, name: str, needed: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_FLOW_ID):
        raise invalid(f"{name} {text[:40]!r}; {needed} is needed")
    return int(text)
