"""Holding times by class, as a trace or a window of operation shows them. The estimate: ``holding.py``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from envs.holding import ClassRest, HoldingTimes, fit_holding_times
from envs.trace import Trace
from envs.window import Window

ALL = ""  # the name under which all classes stand together
Seen = tuple[str, float, bool]  # class, age where a life ended or was last seen, whether it ended


def holding_of_trace(trace: Trace) -> dict[str, HoldingTimes]:
    """By class, and of all under ``ALL``; every life of a trace is seen to its end."""
    classes = (trace.class_names[row] for row in trace.service_class)
    return _fitted((name, float(held_s), True) for name, held_s in zip(classes, trace.holding_s, strict=True))


def holding_of_window(window: Window) -> dict[str, HoldingTimes]:
    """By class, and of all under ``ALL``, from the requests that the window carried.

    Those that were up at its end are censored there. Those that a cut ended are left out, and so is what
    stood at the begin: that it had lived so long already makes it no example of its class.
    """
    trace, seen = window.trace, []
    for row, live in enumerate(window.live):
        arrival_s, held_s = float(trace.arrival_s[row]), float(trace.holding_s[row])
        is_up = live.service in window.at_end
        if live.placed is None or (live.is_drawn and not is_up):
            continue
        last_s = window.duration_s - arrival_s
        name = trace.class_names[trace.service_class[row]]
        if min(held_s, last_s) > 0:
            seen.append((name, min(held_s, last_s), not is_up and held_s <= last_s))
    return _fitted(seen)


def rests_of(holding: Mapping[str, HoldingTimes]) -> tuple[ClassRest, ...]:
    """The table of a forecast: expected rest of life of each class, by age."""
    return tuple(holding[name].rest(name) for name in sorted(holding))


def _fitted(seen: Iterable[Seen]) -> dict[str, HoldingTimes]:
    by_class: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for name, age_s, has_ended in seen:
        by_class[ALL].append((age_s, has_ended))
        by_class[name].append((age_s, has_ended))
    found = {
        name: fit_holding_times([age_s for age_s, _ in lives], [ended for _, ended in lives])
        for name, lives in by_class.items()
    }
    return {name: times for name, times in found.items() if times is not None}
