"""A window out of the record: what stood, what was asked, what became of it.

A window holds what was known at its end, so that it is the same whenever it is made. Departures that had not
come by then are drawn from the holding times fitted to the lives known by then. Not here: the join
(``lives.py``), the times (``order.py``), the distributions (``holding.py``).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import cast

import numpy as np

from envs.holding import HoldingTimes, exponential, fit_holding_times
from envs.trace import Trace
from envs.window import Happening, HappeningKind, Live, Placed, Standing, Window, WindowError
from tasks.operation.lives import lives_of, times_around, version_before
from tasks.operation.order import STEP_S, Event, ordered_times
from tasks.operation.record import STILL_KINDS, Ask, Life, Span, ToldChange
from tasks.operation.store import Record
from topologies.model import Topology

OTHER_CLASS = "other"
MAX_CLASSES = 127  # a trace counts them in 8 bits


@dataclass(frozen=True)
class _Known:
    """What the record says of the time before a window's end."""

    changes: tuple[ToldChange, ...]  # up to the end
    first: int  # index of the first of them that is not before the begin
    after: int  # version of the last change before the begin
    up_to: int  # version of the last change before the end
    lives: list[Life]
    duration_s: float
    began_s: float
    forgotten_s: float  # see ``Record``

    def relative(self, time_s: float) -> float:
        return time_s - self.began_s


def window_between(
    record: Record, topology: Topology, began_s: float, ended_s: float, mean_holding_s: float
) -> Window:
    """The window from one moment up to another.

    Args:
        record: brought up to date.
        topology: the network in service; the trace counts its nodes.
        began_s: since 1970 UTC.
        ended_s: likewise; not after ``record.settled_s``.
        mean_holding_s: taken where the record knows no life at all.

    Raises:
        WindowError: no time, a begin that is forgotten, an end that is not settled, or no request in it.
    """
    if began_s < record.forgotten_s:
        raise WindowError(
            f"a window from {_utc(began_s)}: all before {_utc(record.forgotten_s)} is forgotten (record_days)"
        )
    if not began_s < ended_s:
        raise WindowError(f"a window from {began_s} to {ended_s}: it must end after it begins")
    if ended_s > record.settled_s:
        raise WindowError(f"a window up to {ended_s}: the record is settled up to {record.settled_s} only")
    known = _known(record, began_s, ended_s)
    standing = [(life, span) for life in known.lives for span in life.spans if span.stands_after(known.after)]
    asked = sorted(
        (life for life in known.lives if _is_first_asked_in(life, known, record.changes)), key=_rank
    )
    if not asked:
        raise WindowError(_nothing(record, began_s, ended_s))
    times_s = _times(asked, known)
    fitted = _fit(known, mean_holding_s)
    uniforms = _uniforms(known, len(standing) + len(asked))
    stood = [
        _standing(life, span, known, times_s, fitted, share)
        for (life, span), share in zip(standing, uniforms, strict=False)
    ]
    departures = [
        _departs(life, times_s[_id(life)], known, times_s, fitted, share)
        for life, share in zip(asked, uniforms[len(standing) :], strict=True)
    ]
    return Window(
        trace=_trace(asked, times_s, [departs_s for departs_s, _ in departures], topology, known),
        live=tuple(_live(life, is_drawn) for life, (_, is_drawn) in zip(asked, departures, strict=True)),
        standing=tuple(stood),
        failed_links=_failed_links(known.changes[: known.first]),
        happenings=tuple(_happenings(known, standing, asked, times_s)),
        at_end=_standing_after(known.changes),
        began_s=began_s,
        duration_s=known.duration_s,
        versions=(known.after, known.up_to),
    )


def lives_until(record: Record, ended_s: float) -> list[Life]:
    """Every life that is not forgotten as it was known at a moment, in order of its first ask.

    Args:
        record: brought up to date.
        ended_s: since 1970 UTC; not after ``record.settled_s``.
    """
    known = _known(record, -math.inf, ended_s)
    return [life for life in known.lives if life.asked_s >= record.forgotten_s]


def begin_of_last(record: Record, num_requests: int, ended_s: float) -> float:
    """When a window begins that ends at ``ended_s`` and holds the last ``num_requests`` requests.

    Raises:
        WindowError: there are not so many.
    """
    asked = sorted(life.asked_s for life in lives_until(record, ended_s) if life.first is not None)
    if len(asked) < num_requests:
        raise WindowError(
            f"{num_requests} requests are asked for, the record has {len(asked)}; offer more traffic first, "
            "or ask for fewer"
        )
    return math.nextafter(asked[-num_requests], -math.inf)


def _known(record: Record, began_s: float, ended_s: float) -> _Known:
    clock_s = list(accumulate((change.time_s for change in record.changes), max))
    first, end = bisect_left(clock_s, began_s), bisect_left(clock_s, ended_s)
    after, up_to = (version_before(record.changes, index) for index in (first, end))
    changes = record.changes[:end]
    ids = {change.decision_id for change in changes if change.kind == "lightpath-added"}
    came_later = {
        change.decision_id for change in record.changes[end:] if change.kind == "lightpath-added"
    } - ids
    asks = [
        ask
        for ask in record.asks
        if ask.decision_id in ids
        or (
            ask.decision_id not in came_later
            and ask.state_version <= up_to
            and _between_changes(ask, record.changes) < ended_s
        )
    ]
    lives = lives_of(asks, changes)
    return _Known(changes, first, after, up_to, lives, ended_s - began_s, began_s, record.forgotten_s)


def _between_changes(ask: Ask, changes: Sequence[ToldChange]) -> float:
    """When a decision was taken: between the change it was taken after and the next one."""
    low_s, high_s = times_around(ask.state_version, changes)
    return max(min(ask.time_s, high_s), low_s)


def _is_first_asked_in(life: Life, known: _Known, changes: Sequence[ToldChange]) -> bool:
    if life.first is None:
        return False
    if life.is_carried:
        return life.spans[0].added.version > known.after
    earlier = life.first.state_version <= known.after
    return not (earlier and _between_changes(life.first, changes) < known.began_s)


def _rank(life: Life) -> tuple[float, int, float, str]:
    """Place in the order of the network's changes: a decision on version V comes after it, before V + 1."""
    first = life.first
    assert first is not None
    if life.is_carried:  # its own set-up is the next change
        return life.spans[0].added.version - 0.5, 1, first.time_s, first.decision_id
    return first.state_version + 0.5, 0, first.time_s, first.decision_id


def _id(life: Life) -> str:
    return life.first.decision_id if life.first else ""


def _times(asked: Sequence[Life], known: _Known) -> dict[str | int, float]:
    """When each request came and each change happened, since the begin; by decision id and by version."""
    events: list[tuple[tuple[float, int, float, str], str | int, Event]] = []
    for life in asked:
        rank = _rank(life)
        rank = (max(rank[0], known.after + 0.5), *rank[1:])
        events.append((rank, _id(life), Event(max(known.relative(life.asked_s), 0.0), False)))
    for change in known.changes[known.first :]:
        event = Event(known.relative(change.time_s), True)
        events.append(((float(change.version), 0, 0.0, ""), change.version, event))
    events.sort(key=lambda item: item[0])
    times_s = ordered_times([event for _, _, event in events], known.duration_s)
    return {key: time_s for (_, key, _), time_s in zip(events, times_s, strict=True)}


def _uniforms(known: _Known, count: int) -> np.ndarray:
    """Shares in (0, 1], the same for the same span of time."""
    span = [round(known.began_s * 1e6), round((known.began_s + known.duration_s) * 1e6)]
    return 1.0 - np.random.default_rng(span).random(count)


def _last_seen_s(life: Life, ended_s: float) -> float:
    """Age at which a life ended or was last seen: a cut ends the sight of it, not the wish for it."""
    last = life.deleted or life.removed
    seen_s = last.time_s if last is not None else ended_s
    return max(seen_s - life.asked_s, STEP_S)


def _fit(known: _Known, mean_holding_s: float) -> dict[str, HoldingTimes]:
    """Holding times by class; under the empty name those of all, for a class of which no life was carried."""
    ended_s = known.began_s + known.duration_s
    # Of what came before the record was forgotten, only those that stayed long are left.
    carried = [life for life in known.lives if life.spans and life.asked_s >= known.forgotten_s]
    fitted = {"": exponential(mean_holding_s)}
    for name in ("", *sorted({life.service_class for life in carried})):
        lives = [life for life in carried if name in ("", life.service_class)]
        found = fit_holding_times(
            [_last_seen_s(life, ended_s) for life in lives], [life.deleted is not None for life in lives]
        )
        if found is not None:
            fitted[name] = found
    return fitted


def _departs(
    life: Life,
    arrival_s: float,
    known: _Known,
    times_s: dict[str | int, float],
    fitted: dict[str, HoldingTimes],
    share: float,
) -> tuple[float, bool]:
    """When a service departs, since the begin, and whether that was drawn."""
    if life.deleted is not None:
        return times_s[life.deleted.version], False
    times, told_s = fitted.get(life.service_class, fitted[""]), _told_end_s(life, known)
    if not life.spans:
        return arrival_s + times.quantile(0.0, share) if told_s is None else max(told_s, arrival_s), True
    if life.removed is None:
        # Up at the end: it stays beyond it.
        if told_s is not None and told_s > known.duration_s:
            return told_s, False
        age_s = known.duration_s - arrival_s
        return arrival_s + max(times.quantile(age_s, share), age_s + STEP_S), True
    dark_s = times_s.get(life.removed.version, known.relative(life.removed.time_s))
    departs_s = arrival_s + times.quantile(max(dark_s - arrival_s, 0.0), share) if told_s is None else told_s
    if life.next_ask is not None:
        # Deleted while it had no lightpath, before its UUID was used again; older logs do not tell when.
        again_s = times_s.get(life.next_ask.decision_id, known.relative(life.next_ask.time_s))
        departs_s = min(departs_s, (dark_s + again_s) / 2)
    return departs_s, True


def _standing(
    life: Life,
    span: Span,
    known: _Known,
    times_s: dict[str | int, float],
    fitted: dict[str, HoldingTimes],
    share: float,
) -> Standing:
    departs_s, is_drawn = _departs(life, known.relative(life.asked_s), known, times_s, fitted, share)
    return Standing(
        service=life.service_uuid,
        placed=_placed(span.added),
        bit_rate_gbps=span.added.bit_rate_gbps,
        service_class=life.service_class,
        age_s=known.began_s - life.asked_s,
        departs_s=departs_s,
        is_drawn=is_drawn,
        told_end_s=_told_end_s(life, known),
    )


def _told_end_s(life: Life, known: _Known) -> float | None:
    """The end that its client told, since the begin; None: it told none."""
    told = life.first.ends_s if life.first else None
    return None if told is None else known.relative(told)


def _live(life: Life, is_drawn: bool) -> Live:
    first = life.first
    assert first is not None
    placed = life.spans[0].added if life.is_carried else None
    return Live(
        service=life.service_uuid,
        decision_id=first.decision_id,
        placed=_placed(placed) if placed else None,
        decided_by=first.decided_by,
        model_version=first.model_version,
        is_drawn=is_drawn,
        is_comparable=(
            placed is not None
            and first.decided_by == "model"
            and not first.fallback_reason
            and not first.is_constrained
            and placed.version == first.state_version + 1
        ),
    )


def _trace(
    asked: Sequence[Life],
    times_s: dict[str | int, float],
    departures_s: Sequence[float],
    topology: Topology,
    known: _Known,
) -> Trace:
    counts = Counter(life.service_class for life in asked)
    by_count = sorted(counts, key=lambda name: (-counts[name], name))
    kept = set(by_count if len(by_count) <= MAX_CLASSES else by_count[: MAX_CLASSES - 1])
    classes = [life.service_class if life.service_class in kept else OTHER_CLASS for life in asked]
    class_names = tuple(sorted(set(classes)))
    firsts = [cast(Ask, life.first) for life in asked]
    arrivals_s = np.array([times_s[_id(life)] for life in asked])
    ends_s = [_told_end_s(life, known) for life in asked]
    told_s = np.array([math.inf if end is None else end for end in ends_s]) - arrivals_s
    return Trace(
        arrival_s=arrivals_s,
        holding_s=np.maximum(np.array(departures_s) - arrivals_s, STEP_S / 4),
        source=np.array([topology.node_index(first.source) for first in firsts]),
        destination=np.array([topology.node_index(first.destination) for first in firsts]),
        bit_rate_gbps=np.array([first.bit_rate_gbps for first in firsts]),
        max_latency_ms=np.array([first.max_latency_ms for first in firsts]),
        service_class=np.array([class_names.index(name) for name in classes]),
        node_names=topology.node_names,
        class_names=class_names,
        topology_hash=topology.content_hash,
        origin=f"operation from {known.began_s:.6f} for {known.duration_s:.6f} s",
        told_s=np.maximum(told_s, STEP_S / 4) if np.isfinite(told_s).any() else None,
    )


def _happenings(
    known: _Known,
    standing: Iterable[tuple[Life, Span]],
    asked: Iterable[Life],
    times_s: dict[str | int, float],
) -> Iterable[Happening]:
    asked = list(asked)
    told = {life.spans[0].added.version for life in asked if life.is_carried}
    of_window = [*asked, *(life for life, _ in standing)]
    told |= {life.deleted.version for life in of_window if life.deleted is not None}
    for change in known.changes[known.first :]:
        if change.version in told or change.kind in STILL_KINDS:
            continue  # e.g. of a service that was nowhere in the window nothing happens when it goes
        is_link = change.kind.startswith("link")
        yield Happening(
            time_s=times_s[change.version],
            kind=cast(HappeningKind, change.kind),
            cause=change.cause,
            service=change.service_uuid,
            nodes=change.nodes if is_link else (),
            placed=None if is_link else _placed(change),
        )


def _failed_links(changes: Iterable[ToldChange]) -> tuple[tuple[str, str], ...]:
    failed: set[tuple[str, str]] = set()
    for change in changes:
        ends = cast(tuple[str, str], change.nodes)
        if change.kind == "link-failed":
            failed.add(ends)
        elif change.kind == "link-repaired":
            failed.discard(ends)
    return tuple(sorted(failed))


def _standing_after(changes: Iterable[ToldChange]) -> dict[str, Placed]:
    """Where each service's lightpath stands after the changes, by the change log alone."""
    standing: dict[str, Placed] = {}
    for change in changes:
        if change.kind == "lightpath-added":
            standing[change.service_uuid] = _placed(change)
        elif change.kind == "lightpath-removed" and standing.get(change.service_uuid) == _placed(change):
            del standing[change.service_uuid]
    return standing


def _placed(change: ToldChange) -> Placed:
    return Placed(change.nodes, change.first_slot, change.num_slots, change.modulation_format)


def _utc(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%S}"


def _nothing(record: Record, began_s: float, ended_s: float) -> str:
    firsts = [ask.time_s for ask in record.asks if ask.cause == "create"]
    if not firsts:
        return (
            "the operation record has no request yet; place services (`lightloop request`, TAPI), "
            "then ask again"
        )
    return (
        f"no request was first asked from {_utc(began_s)} to {_utc(ended_s)}; the record has {len(firsts)} "
        f"asks from {_utc(min(firsts))} to {_utc(max(firsts))} (UTC): choose a span with some of them"
    )
