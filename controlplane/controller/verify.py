"""A computed path checked against the plant and the state, independently of who computed it.

Whatever a model or a fallback answers, nothing invalid is allocated: the caller runs this under its lock, on
the state it will commit to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from controlplane.controller.network import Occupied, PlantView
from controlplane.controller.quality import gsnr_on_route
from controlplane.lightpath import Lightpath
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import ServiceRequest
from topologies.errors import TopologyError
from topologies.grid import band_of

TOLERANCE_MS = 0.001  # the wire's resolution of a latency bound


class PathRejected(ValueError):  # noqa: N818 - a refusal is an answer, not a failure of the program
    """A computed path cannot be set up; says why."""


def verify_path(
    path: Lightpath,
    request: ServiceRequest,
    plant: PlantView,
    lit: Occupied,
    failed_links: Collection[tuple[str, str]],
    standing: Sequence[Lightpath],
) -> Lightpath:
    """The path with band, latency and GSNR as they are computed here, when it may carry the request.

    Args:
        path: as proposed.
        request: what it is to carry.
        plant: what there is.
        lit: what is taken.
        failed_links: ends of the links that are cut, in either order.
        standing: every lightpath that is lit.

    Raises:
        PathRejected: other ends, a loop, no such link, a cut or excluded link or node, one to be visited
            that is not, too many hops, over the latency bound, slots outside the grid, across bands or
            lit, what the capacity rule refuses, or too little GSNR for it or for one that it meets.
    """
    nodes = path.nodes
    if len(nodes) < 2 or (nodes[0], nodes[-1]) != (request.source, request.destination):
        raise PathRejected(
            f"it leads from {nodes[0]} to {nodes[-1]}, not {request.source} to {request.destination}"
        )
    if len(set(nodes)) != len(nodes):
        raise PathRejected(f"it visits a node twice: {', '.join(nodes)}")
    try:
        length_km = plant.length_km(nodes)
    except TopologyError as error:
        raise PathRejected(str(error)) from None
    cut = {frozenset(ends) for ends in failed_links}
    excluded = {frozenset(ends) for ends in request.exclude_links}
    for hop in hops_of(nodes):
        if frozenset(hop) in cut:
            raise PathRejected(f"link {'-'.join(hop)} is cut")
        if frozenset(hop) in excluded:
            raise PathRejected(f"link {'-'.join(hop)} is excluded by the request")
    for node in nodes:
        if node in request.exclude_nodes:
            raise PathRejected(f"node {node} is excluded by the request")
    _verify_included(nodes, request)
    if request.max_hops is not None and len(nodes) - 1 > request.max_hops:
        raise PathRejected(f"it has {len(nodes) - 1} hops; at most {request.max_hops} are allowed")
    latency_ms = plant.latency_ms(nodes)
    if latency_ms > request.max_latency_ms + TOLERANCE_MS:
        raise PathRejected(f"its latency is {latency_ms:.3f} ms; the bound is {request.max_latency_ms:g} ms")
    _verify_spectrum(path, request, plant, lit, length_km)
    band = band_of(plant.bands, path.first_slot, path.num_slots).name
    path = replace(path, latency_ms=round(latency_ms, 6), band=band)
    return _with_quality(path, plant, standing) if plant.quality else path


def _verify_included(nodes: Sequence[str], request: ServiceRequest) -> None:
    crossed = {frozenset(hop) for hop in hops_of(nodes)}
    for ends in request.include_links:
        if frozenset(ends) not in crossed:
            raise PathRejected(f"it does not cross link {'-'.join(ends)}, which the request includes")
    for node in request.include_nodes:
        if node not in nodes:
            raise PathRejected(f"it does not visit node {node}, which the request includes")


def _verify_spectrum(
    path: Lightpath, request: ServiceRequest, plant: PlantView, lit: Occupied, length_km: float
) -> None:
    try:
        band_of(plant.bands, path.first_slot, path.num_slots)
    except ValueError as error:
        raise PathRejected(str(error)) from None
    fault = plant.capacity.fault(path, request.bit_rate_gbps, length_km)
    if fault is not None:
        raise PathRejected(fault)
    clash = lit.clash(path.nodes, path.first_slot, path.num_slots)
    if clash is not None:
        end = path.first_slot + path.num_slots - 1
        raise PathRejected(f"slots {path.first_slot}..{end} are not all free on {'-'.join(clash)}")


def _with_quality(path: Lightpath, plant: PlantView, standing: Sequence[Lightpath]) -> Lightpath:
    quality = plant.quality
    assert quality is not None
    found = gsnr_on_route(path, standing, plant, quality)
    for item, gsnr_db in found:
        if not quality.is_enough(item, gsnr_db):
            whose = "its GSNR is" if item is path else f"beside it that of {'-'.join(item.nodes)} would be"
            needed_db = quality.threshold_db(item)
            raise PathRejected(
                f"{whose} {gsnr_db:.2f} dB; {item.modulation_format} needs {needed_db:g} dB and a margin of "
                f"{quality.margin_db:g} dB"
            )
    own_db = found[0][1]
    return replace(path, gsnr_db=round(own_db, 6), margin_db=round(quality.margin_of(path, own_db), 6))
