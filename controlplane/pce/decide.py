"""From candidates and scores to a checked choice, and from no candidate to the reason why. Pure functions.

The checks here are what lets any model be plugged in: whatever it answers, what leaves is a candidate that
the mask allowed and that the network as it is by then still allows, or a refusal. Not here: who gives the
scores (``inference.py``, ``fallback.py``).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from controlplane.pce.reasons import BlockedBy
from envs.around import look_around
from envs.candidates import Candidate, observe
from envs.network import Network
from envs.plant import Plant
from envs.request import Request
from topologies.detours import NOTHING, Avoided, Route


class WrongScoresError(ValueError):
    """Scores that cannot be followed; says what is wrong with them."""


@dataclass(frozen=True)
class Choice:
    """The candidate to take: its index, its score, and the next best score (None with one candidate).

    ``scores``: (M,) of every action, as they came.
    """

    index: int
    score: float
    second_score: float | None
    scores: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Blocked:
    """Why a request has no candidate: the kind, for programs, and a sentence, for people."""

    by: BlockedBy
    reason: str


def choose(action_mask: np.ndarray, scores: np.ndarray) -> Choice:
    """The first maximum of the scores, checked.

    Args:
        action_mask: (M,) bool, True = allowed; at least one is.
        scores: anything; what is not (M,) finite numbers with the maximum on an allowed action is refused.

    Raises:
        WrongScoresError: wrong shape or type, a value that is not finite, or a masked choice.
    """
    if scores.shape != action_mask.shape or scores.dtype.kind not in "fiu":
        raise WrongScoresError(
            f"scores have shape {scores.shape}, type {scores.dtype}; {action_mask.shape} numbers are needed"
        )
    if not np.isfinite(scores).all():
        index = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise WrongScoresError(f"score {index} is {scores[index]}; finite numbers are needed")
    index = int(np.argmax(scores))
    if not action_mask[index]:
        raise WrongScoresError(
            f"the highest score, {scores[index]}, is that of action {index}, which is masked"
        )
    others = np.delete(scores, index)[np.delete(action_mask, index)]
    return Choice(index, float(scores[index]), float(others.max()) if others.size else None, scores)


def still_feasible(
    plant: Plant, network: Network, request: Request, candidate: Candidate, avoided: Avoided = NOTHING
) -> bool:
    """Whether a candidate chosen a while ago is among those of the request on the network as it is now.

    The candidates are listed anew by the twin, so every constraint of the use case is held: free spectrum,
    the latency bound, the quality of this lightpath and of those it disturbs.

    Args:
        plant: the network's plant.
        network: its present state.
        request: what the candidate was chosen for.
        candidate: as it was listed before.
        avoided: what the client excludes.
    """
    observation, listed = observe(plant, network, request, avoided)
    return any(
        allowed and is_same_lightpath(candidate, other)
        for other, allowed in zip(listed, observation.action_mask, strict=False)
    )


def why_blocked(
    plant: Plant,
    request: Request,
    failed_links: Collection[frozenset[str]],
    bounds: str = "",
    avoided: Avoided = NOTHING,
) -> Blocked:
    """The reason why a request has no candidate: the first rule that no path of the pair passes.

    The paths are those on what is left of the network; where nothing is, those of the intact one.

    Args:
        plant: the network.
        request: what was asked for.
        failed_links: pairs of node names.
        bounds: the client's own constraints in words, where there are candidates and these exclude each.
        avoided: what the client excludes.
    """
    names = plant.topology.node_names
    pair = f"{names[request.source]} to {names[request.destination]}"
    fibres = frozenset(plant.topology.link_index(*link) // 2 for link in failed_links)
    stored = plant.pair(request.source, request.destination)
    plant, row = look_around(plant, stored, Avoided(fibres) | avoided)
    paths = plant.path_table.paths_of_row(row)
    bound_ms = np.float32(request.max_latency_ms)  # compared as the candidates' kernel compares it
    within = [path for path in paths if plant.arrays.path_latency_ms[path] <= bound_ms]
    if not within:
        least_ms = plant.least_latency_of_row_ms(row)
        # Rounded up, so that the figure named is one that succeeds.
        told = (
            f"no path from {pair} within {request.max_latency_ms:g} ms; "
            f"the least possible latency is {math.ceil(least_ms * 1000) / 1000:.3f} ms"
        )
        if plant.least_latency_of_row_ms(stored) > bound_ms:
            return Blocked("latency", told)
        if not fibres:
            return Blocked("constraint", f"{told} with the constraints of the request")
        return Blocked("failure", f"{told} around the failed links: {_named(failed_links)}")
    if bounds:
        return Blocked(
            "constraint",
            f"every candidate from {pair} is excluded by the constraints of the request ({bounds}); "
            f"routes are looked for among the {plant.path_table.rule.k} best of the pair",
        )
    num_slots = {path: plant.num_slots_for(request.bit_rate_gbps, path) for path in within}
    widest = max(band.num_slots for band in plant.bands)
    fitting = [path for path in within if num_slots[path] <= widest]
    bound = "" if math.isinf(request.max_latency_ms) else f" within {request.max_latency_ms:g} ms"
    if not fitting:
        return Blocked(
            "reach",
            f"nothing carries {request.bit_rate_gbps:g} Gb/s from {pair}{bound}: with the formats that reach "
            f"so far it takes {min(num_slots.values())} slots or more, and "
            f"a {'link' if len(plant.bands) == 1 else 'band'} has {widest}",
        )
    standing = [path for path in fitting if not _fails(plant, path, failed_links)]
    if not standing:
        return Blocked(
            "failure",
            f"each of the {len(fitting)} path(s) from {pair}{bound} crosses a failed link: "
            f"{_named(failed_links)}",
        )
    if plant.thresholds_db:
        routes = {plant.path_table.nodes(path) for path in standing}
        return _blocked_by_quality(plant, request, routes, f"{pair}{bound}", Avoided(fibres) | avoided)
    least, most = min(num_slots[path] for path in standing), max(num_slots[path] for path in standing)
    block = f"{least}" if least == most else f"{least} to {most}"
    return Blocked(
        "spectrum",
        f"no spectrum for {request.bit_rate_gbps:g} Gb/s from {pair}{bound}: none of {len(standing)} path(s) "
        f"has a free block of {block} adjacent slots on all its links",
    )


def _blocked_by_quality(
    plant: Plant, request: Request, routes: Collection[Route], where: str, avoided: Avoided
) -> Blocked:
    _, alone = observe(plant, Network(plant), request, avoided)
    asked = f"{request.bit_rate_gbps:g} Gb/s from {where}"
    if not any(candidate.nodes in routes for candidate in alone):
        return Blocked(
            "quality",
            f"no format carries {asked} with the GSNR that it needs and a margin of "
            f"{plant.spec.margin_db:g} dB, even with nothing else lit",
        )
    return Blocked(
        "spectrum",
        f"no spectrum for {asked}: on none of {len(routes)} path(s) are channels free side by side in "
        "which it, and every lightpath that it disturbs, has the GSNR that is needed",
    )


def _named(links: Collection[frozenset[str]]) -> str:
    return ", ".join(sorted("-".join(sorted(link)) for link in links))


def is_same_lightpath(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates of one request are the same slots in the same format on the same path."""
    return (one.nodes, one.first_slot, one.num_slots, one.modulation_format) == (
        other.nodes,
        other.first_slot,
        other.num_slots,
        other.modulation_format,
    )


def _fails(plant: Plant, path: int, failed_links: Collection[frozenset[str]]) -> bool:
    names = [plant.topology.node_names[node] for node in plant.path_table.nodes(path)]
    return any(frozenset(hop) in failed_links for hop in pairwise(names))
