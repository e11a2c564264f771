"""Known departures as a part of a plant: see ``envs/parts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envs.compiled import inlined
from envs.departures.times import DepartureTimes, describe_departures, new_departure_times, note_departure

if TYPE_CHECKING:
    from envs.blueprint import Blueprint, Room


class DepartureArrays(NamedTuple):
    """Of a plant."""

    known: bool


def plant_arrays(blueprint: Blueprint) -> DepartureArrays:
    """Whether requests say how long they stay."""
    return DepartureArrays(blueprint.spec.departures_known)


def new_states(arrays: DepartureArrays, room: Room) -> DepartureTimes:
    """N networks without an entry."""
    return new_departure_times(arrays.known, room)


@inlined
def set_up(arrays, states, n, change):
    """Note when the block becomes free."""
    if arrays.known:
        note_departure(states.departure_s[n], change.block, change.departure_s)


@inlined
def describe(states, n, paths, free, asked, listed, features):
    """Fill the columns about a candidate's neighbours; online nobody says when a service ends."""
    if states.departure_s.shape[2] > 0:
        describe_departures(states.departure_s[n], paths, free, asked, listed, features)
