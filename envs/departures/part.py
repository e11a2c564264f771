"""Known departures as a part of a plant: see ``envs/parts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.compiled import inlined
from envs.departures.times import SlotLives, describe_departures, new_slot_lives, note_life

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envs.blueprint import Blueprint, Room
    from envs.holding import ClassRest


class DepartureArrays(NamedTuple):
    """Of a plant: whether it looks at departures, and how long lives of each class are expected to go on."""

    known: bool
    ages_s: np.ndarray  # (C, A) float64, ascending, from 0; no row where there is no forecast of lives
    rest_s: np.ndarray  # (C, A) float64, expected rest of life at each age


def plant_arrays(blueprint: Blueprint) -> DepartureArrays:
    """Before there is a forecast."""
    return with_rests(DepartureArrays(blueprint.spec.departures_known, *(np.zeros((0, 1)),) * 2), ())


def with_rests(arrays: DepartureArrays, rests: Sequence[ClassRest]) -> DepartureArrays:
    """The same with a forecast's expected rests of life; the last age of a class stands for all above."""
    size = max((len(item.ages_s) for item in rests), default=1)
    ages_s, rest_s = np.zeros((len(rests), size)), np.zeros((len(rests), size))
    for row, item in enumerate(rests):
        for table, values in ((ages_s, item.ages_s), (rest_s, item.rest_s)):
            table[row] = (*values, *values[-1:] * (size - len(values)))
    return arrays._replace(ages_s=ages_s, rest_s=rest_s)


def new_states(arrays: DepartureArrays, room: Room) -> SlotLives:
    """N networks without an entry."""
    return new_slot_lives(arrays.known, room)


@inlined
def set_up(arrays, states, n, change):
    """Note the life of the block."""
    if arrays.known:
        note_life(states, n, change.block, change.life)


@inlined
def describe(arrays, states, n, paths, free, asked, listed, features):
    """Fill the columns about a candidate's neighbours, where the plant looks at departures."""
    if arrays.known:
        describe_departures(arrays, states, n, paths, free, asked, listed, features)
