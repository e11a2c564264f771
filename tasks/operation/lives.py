"""The life of every service, joined from what was asked and what changed. Not here: rows and files.

A decision and a lightpath join by the decision's id. Both name the service, and the state's version puts them
in one order: a decision on version V was taken after change V and before change V + 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tasks.operation.record import Ask, Life, Span, ToldChange

SETTLE_S = 60.0  # an accepted request has come up by then, or never will


def spans_of(changes: Iterable[ToldChange]) -> dict[str, list[Span]]:
    """The lightpaths of every service, in order of set-up."""
    spans: dict[str, list[Span]] = defaultdict(list)
    standing: dict[tuple[object, ...], int] = {}
    for change in changes:
        # A service that is moved has two for a moment.
        key = (change.service_uuid, change.nodes, change.first_slot, change.num_slots)
        of_service = spans[change.service_uuid]
        if change.kind == "lightpath-added":
            standing[key] = len(of_service)
            of_service.append(Span(change))
        elif change.kind == "lightpath-removed" and key in standing:
            index = standing.pop(key)
            of_service[index] = Span(of_service[index].added, change)
    return {service: found for service, found in spans.items() if found}


def times_around(version: int, changes: Sequence[ToldChange]) -> tuple[float, float]:
    """When the network came to a version, and when it left it; infinite where that is not known."""
    index = bisect_right(changes, version, key=lambda change: change.version)
    came_s = changes[index - 1].time_s if index else -math.inf
    return came_s, changes[index].time_s if index < len(changes) else math.inf


def version_before(changes: Sequence[ToldChange], index: int) -> int:
    """The version of the network before a change, or after the last one; earlier changes may be gone."""
    if index < len(changes):
        return changes[index].version - 1
    return changes[-1].version if changes else 0


def pending(asks: Sequence[Ask], changes: Sequence[ToldChange], read_s: float) -> list[Ask]:
    """Accepted asks whose lightpath may still come up.

    Changes are made one at a time, so that only an ask after the last change, and after every other ask, can
    be under way.

    Args:
        asks: in any order.
        changes: in order.
        read_s: when the change log was read; since 1970 UTC.
    """
    if not asks:
        return []
    last_version = changes[-1].version if changes else 0
    latest = max(asks, key=lambda ask: (ask.state_version, ask.time_s))
    is_open = (
        latest.outcome == "accepted"
        and latest.state_version >= last_version
        and read_s - latest.time_s < SETTLE_S
        and all(change.decision_id != latest.decision_id for change in changes[-1:])
    )
    return [latest] if is_open else []


def lives_of(asks: Iterable[Ask], changes: Iterable[ToldChange]) -> list[Life]:
    """Lives in order of their first ask.

    A service that is asked for again while it has no lightpath is the same request. One that is asked for
    after it was carried is another: the controller computes no path for a service that is there, so that it
    was deleted in between, even where the change log is of a version that did not tell the deletion of a
    service whose lightpath a cut had taken.

    Args:
        asks: any order; those for restorations are no demand and are left out.
        changes: in order of version.
    """
    changes = list(changes)
    spans = spans_of(changes)
    by_service: dict[str, list[tuple[float, float, Ask | Span | ToldChange]]] = defaultdict(list)
    for ask in asks:
        if ask.cause == "create":
            by_service[ask.service_uuid].append((ask.state_version + 0.5, ask.time_s, ask))
    for service, found in spans.items():
        by_service[service] += [(float(span.added.version), span.added.time_s, span) for span in found]
    for change in changes:
        if change.kind == "service-removed" and change.service_uuid in by_service:
            by_service[change.service_uuid].append((float(change.version), change.time_s, change))
    lives: list[Life] = []
    for events in by_service.values():
        events.sort(key=lambda event: event[:2])
        lives += _lives_of_one([event[2] for event in events])
    return sorted(lives, key=lambda life: (life.asked_s, life.service_uuid))


def _lives_of_one(events: list[Ask | Span | ToldChange]) -> list[Life]:
    """The lives under one UUID, from its asks, lightpaths and deletions without a lightpath in order."""
    groups: list[tuple[list[Ask], list[Span]]] = []
    removals: dict[int, ToldChange] = {}  # by group
    for event in events:
        if isinstance(event, ToldChange):
            if groups and groups[-1][1]:
                removals[len(groups) - 1] = event
            continue
        if isinstance(event, Ask):
            if not groups or groups[-1][1]:
                groups.append(([], []))
            groups[-1][0].append(event)
        else:
            carried = bool(groups) and bool(groups[-1][1])
            # A set-up that nobody asked for, as far as the decision log goes, is of another service.
            if not groups or (carried and event.added.cause == "create"):
                groups.append(([], []))
            groups[-1][1].append(event)
    lives = []
    for index, (asks, spans) in enumerate(groups):
        later = groups[index + 1][0] if index + 1 < len(groups) else []
        first = asks[0] if asks else None
        ids = {span.added.decision_id for span in spans}
        lives.append(
            Life(
                first=first,
                is_carried=first is None or first.decision_id in ids,
                num_asks=len(asks),
                spans=tuple(spans),
                next_ask=later[0] if later else None,
                removed_dark=removals.get(index),
            )
        )
    return lives
