"""Times of a window in which the order of times is the order in which the network changed.

Clocks are read apart from the change log's counting, a few milliseconds early or late. Here each event keeps
its time as far as the order allows, and is otherwise moved by microseconds. Not here: which events
(``window.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STEP_S = 1e-6


@dataclass(frozen=True)
class Event:
    """Something in a window.

    Attributes:
        time_s: by the clock, since the window began.
        is_change: of the network: it keeps its time, decisions give way.
    """

    time_s: float
    is_change: bool


def ordered_times(events: Sequence[Event], duration_s: float) -> list[float]:
    """A time for every event, strictly increasing from 0 on, before ``duration_s`` where there is room.

    A decision lies between the changes around it; changes keep their time where it grows with their number.

    >>> ordered_times([Event(2.0, True), Event(1.0, False), Event(3.0, True), Event(9.0, False)], 8.0)
    [2.0, 2.000001, 3.0, 7.999999]
    """
    times_s: list[float] = []
    floor_s = 0.0
    for event in events:
        times_s.append(max(event.time_s, floor_s))
        floor_s = times_s[-1] if event.is_change else floor_s
    ceiling_s = duration_s
    for index in range(len(events) - 1, -1, -1):
        # The latest that lets the next change keep its time; a change gives way to the end alone.
        if not events[index].is_change or times_s[index] >= duration_s:
            times_s[index] = min(times_s[index], ceiling_s - STEP_S)
        ceiling_s = times_s[index]
    earliest_s = 0.0
    for index, time_s in enumerate(times_s):
        times_s[index] = max(time_s, earliest_s)
        earliest_s = times_s[index] + STEP_S
    return times_s
