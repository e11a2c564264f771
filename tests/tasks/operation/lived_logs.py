"""What the PCE and the controller would have logged of a network that was lived through."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from envs.window import Placed, Window
from tests.tasks.operation.logs import DAY, blocked, decision, lightpath, link

Row = dict[str, Any]


def service(name: str) -> str:
    """The UUID of a service that a lived window calls ``s<row>``."""
    return f"{int(name.removeprefix('s')):08x}-0000-4000-8000-000000000000"


def logs_of(window: Window, began_s: float = 0.0, first: int = 0) -> tuple[list[Row], list[Row]]:
    """Rows of the decision log, and changes as ``GET /changes`` tells them.

    Args:
        window: nothing stands when it begins.
        began_s: after midnight.
        first: number of its first request; services of several windows must not be named alike.
    """
    decisions: list[Row] = []
    changes: list[Row] = []
    up: dict[str, tuple[Placed, Row]] = {}

    def change(time_s: float, kind: str, cause: str, name: str) -> None:
        place, about = up[name]
        told = lightpath(len(changes) + 1, began_s + time_s, kind, cause, "a", 0, place, **about)
        changes.append(told)

    for time_s, _, index, what in _in_order(window):
        name = f"s{first + index}"
        if what == "arrives":
            about = _about(window, index) | {"service_uuid": service(name)}
            place, version = window.live[index].placed, len(changes)
            row = (blocked if place is None else decision)(
                first + index, began_s + time_s, "a", version, **about
            )
            decisions.append(row)
            if place is not None:
                ids = ("service_uuid", "service_class", "bit_rate_gbps", "decision_id")
                up[name] = place, {key: row[key] for key in ids}
                change(time_s + 1e-3, "added", "create", name)
        elif what == "departs" and name in up:
            change(time_s, "removed", "delete", name)
            del up[name]
        elif what == "happens":
            item = window.happenings[index]
            number = len(changes) + 1
            if item.placed is None:
                kind = item.kind.removeprefix("link-")
                changes.append(link(number, began_s + time_s, kind, item.nodes))  # type: ignore[arg-type]
                continue
            moved = f"s{first + int(item.service.removeprefix('s'))}"
            if item.kind == "lightpath-added":
                about = _about(window, int(item.service.removeprefix("s")))
                known = {key: about[key] for key in ("service_class", "bit_rate_gbps")}
                ids = {"service_uuid": service(moved), "decision_id": f"r{number}"}
                up[moved] = item.placed, known | ids
                change(time_s, "added", item.cause, moved)
            else:
                change(time_s, "removed", item.cause, moved)
                del up[moved]
    return decisions, changes


def later(rows: list[Row], after_s: float, by_s: float) -> list[Row]:
    """The same where all that came later than a moment after midnight came later still."""
    return [
        row | {"time_s": row["time_s"] + (by_s if row["time_s"] > DAY + after_s else 0.0)} for row in rows
    ]


def _in_order(window: Window) -> Iterator[tuple[float, int, int, str]]:
    trace, queue = window.trace, list[tuple[float, int, int, str]]()
    for row in range(trace.num_requests):
        arrives_s = float(trace.arrival_s[row])
        queue.append((arrives_s, 2, row, "arrives"))
        departs_s = arrives_s + float(trace.holding_s[row])
        if departs_s < window.duration_s and not window.live[row].is_drawn:
            queue.append((departs_s, 1, row, "departs"))
    queue += [(item.time_s, 0, index, "happens") for index, item in enumerate(window.happenings)]
    heapq.heapify(queue)
    while queue:
        yield heapq.heappop(queue)


def _about(window: Window, row: int) -> Row:
    trace = window.trace
    bound_ms = float(trace.max_latency_ms[row])
    return {
        "source": trace.node_names[int(trace.source[row])],
        "destination": trace.node_names[int(trace.destination[row])],
        "bit_rate_gbps": float(trace.bit_rate_gbps[row]),
        "max_latency_ms": None if bound_ms == float("inf") else bound_ms,
        "service_class": trace.class_names[int(trace.service_class[row])],
    }
