"""The requests of a running network as drift is looked for in them, out of the operation record.

A request counts once, when it was first asked; a restoration is no request. What the twin blocks of the same
requests, with no link down, stands beside what the network blocked. Not here: making the record
(``operation``), the comparison (``drift_test.py``).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from envs.errors import PlantError
from envs.plant import Plant
from envs.replay_window import LINK_KINDS, replay_window
from envs.window import Happening, Window
from tasks.offered import Offered
from tasks.operation.record import Ask, Life
from tasks.operation.store import Record
from tasks.operation.window import lives_until, window_between
from tasks.regret import Entrant
from tasks.traffic_reference import ReferenceError, TrafficReference

ANY_CLASS = "any"  # of a service whose client names no class
Link = tuple[str, str]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Twin:
    """What is asked how much of the same requests is ordinarily blocked.

    Attributes:
        plant: the network in service.
        champion: the policy in service, with its forecast.
        mean_holding_s: taken for holding times where the record knows no life at all.
    """

    plant: Plant
    champion: Entrant
    mean_holding_s: float


def offered_requests(
    record: Record,
    reference: TrafficReference,
    after_s: float | None,
    at_most: int,
    twin: Twin | None = None,
    told_links: Sequence[Link] = (),
) -> Offered | None:
    """Requests that came in after a time, in order of arrival; None where there was none.

    Services that stand, and those that a cut ended, count for the time that they were seen.

    Args:
        record: brought up to date.
        reference: whose nodes they are told by.
        after_s: since 1970-01-01 UTC; None: the last ``at_most`` requests of the record.
        at_most: see ``after_s``.
        twin: None: blocking is not compared.
        told_links: ends of links whose loss has been told; the twin goes without them too, until they are
            repaired.

    Raises:
        ReferenceError: a request from or to a node that the reference does not know.
    """
    lives = [life for life in lives_until(record, record.settled_s) if life.first is not None]
    kept = lives[-at_most:] if after_s is None else [life for life in lives if life.asked_s > after_s]
    if not kept:
        return None
    firsts = [life.first for life in kept if life.first is not None]
    source, destination = _ends(firsts, reference)
    class_names, service_class = _classes(firsts, reference)
    offered = Offered(
        arrival_s=np.array([first.time_s for first in firsts]),
        source=source,
        destination=destination,
        bit_rate_gbps=np.array([first.bit_rate_gbps for first in firsts]),
        max_latency_ms=np.array([first.max_latency_ms for first in firsts]),
        node_names=reference.node_names,
        class_names=class_names,
        service_class=service_class,
        held_s=np.array([_held_s(life, record.settled_s) for life in kept]),
        has_ended=np.array([life.deleted is not None for life in kept]),
    )
    return offered if twin is None else _with_blocking(offered, kept, record, twin, told_links)


def failed_links(record: Record) -> tuple[Link, ...]:
    """Ends of the links that are down at the end of the record."""
    down: dict[Link, bool] = {}
    for change in record.changes:
        if change.kind in LINK_KINDS:
            down[change.nodes[0], change.nodes[1]] = change.kind == "link-failed"
    return tuple(sorted(link for link, is_down in down.items() if is_down))


def without_failures(window: Window, told_links: Sequence[Link] = ()) -> Window:
    """The window as it would have been with every link up; those told stay down until they are repaired."""
    down = [ends for ends in window.failed_links if ends in told_links]
    left, kept = set(down), list[Happening]()
    for item in window.happenings:
        if item.kind not in LINK_KINDS:
            kept.append(item)
        elif item.kind == "link-repaired" and (item.nodes[0], item.nodes[1]) in left:
            left.discard((item.nodes[0], item.nodes[1]))
            kept.append(item)
    return replace(window, failed_links=tuple(down), happenings=tuple(kept))


def _ends(firsts: Sequence[Ask], reference: TrafficReference) -> tuple[np.ndarray, np.ndarray]:
    index = {name: number for number, name in enumerate(reference.node_names)}
    unknown = sorted({name for first in firsts for name in (first.source, first.destination)} - index.keys())
    if unknown:
        raise ReferenceError(
            f"a request names node {unknown[0]!r}; the champion's traffic knows "
            f"{', '.join(reference.node_names)}. Drift is told for the champion's own network only"
        )
    ends = [[index[first.source], index[first.destination]] for first in firsts]
    source, destination = np.array(ends, dtype=np.int64).T
    return source, destination


def _classes(firsts: Sequence[Ask], reference: TrafficReference) -> tuple[tuple[str, ...], np.ndarray]:
    """Names, and the index of each request's; -1: its client named none, which says nothing of its class."""
    names = [first.service_class for first in firsts]
    if ANY_CLASS not in reference.class_names:
        names = [name if name != ANY_CLASS else None for name in names]  # type: ignore[misc]
    codes, found = pd.factorize(pd.Series(names, dtype=object))
    return tuple(map(str, found)), codes.astype(np.int64)


def _held_s(life: Life, seen_until_s: float) -> float:
    """How long a service was seen; NaN where it was never up, or only after it was asked again."""
    if not life.is_carried:
        return math.nan
    last = life.deleted or life.removed
    return max((last.time_s if last else seen_until_s) - life.asked_s, 0.0)


def _with_blocking(
    offered: Offered, lives: Sequence[Life], record: Record, twin: Twin, told_links: Sequence[Link]
) -> Offered:
    """With what was blocked, and what the twin blocks; neither counts where a client bound the route.

    The twin does not know such bounds, and no request is expected that its window does not have.
    """
    began_s = math.nextafter(float(offered.arrival_s[0]), -math.inf)
    try:
        window = window_between(record, twin.plant.topology, began_s, record.settled_s, twin.mean_holding_s)
        plant = twin.plant.with_forecast(twin.champion.forecast)
        outcomes = replay_window(plant, without_failures(window, told_links), twin.champion.policy)
    except PlantError as error:
        _logger.warning("blocking is not compared: %s", error)
        return offered
    blocked_in_twin = dict(
        zip((item.decision_id for item in window.live), outcomes.blocked.tolist(), strict=True)
    )
    expected, seen = np.zeros(len(lives)), np.zeros(len(lives), dtype=bool)
    for row, life in enumerate(lives):
        first = life.first
        if first is not None and not first.is_constrained and first.decision_id in blocked_in_twin:
            expected[row] = blocked_in_twin[first.decision_id]
            seen[row] = life.outcome == "blocked"
    return replace(offered, is_blocked=seen, expected_blocked=expected)
