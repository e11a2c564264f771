"""Energy as a part of a plant: see ``envs/parts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.compiled import inlined
from envs.energy.arrays import PowerArrays, no_power, power_arrays
from envs.energy.meter import (
    PowerStates,
    charge,
    describe_power,
    discharge,
    is_metered,
    mark_start,
    new_power_states,
    read_power,
)
from envs.energy.model import power_model_named

if TYPE_CHECKING:
    import numpy as np

    from envs.blueprint import Blueprint, Room


def plant_arrays(blueprint: Blueprint) -> PowerArrays:
    """Watts of what can be lit; empty without a power model."""
    model = power_model_named(blueprint.spec.power_model)
    return no_power() if model is None else power_arrays(model, blueprint)


def new_states(arrays: PowerArrays, room: Room) -> PowerStates:
    """Loads of the lightpaths of N networks."""
    return new_power_states(arrays, room)


def clear(states: PowerStates, full: np.ndarray, network: int) -> None:
    """Nothing is lit."""
    states.lit[network] = 0
    states.starts[network] = 0


@inlined
def draw_kw(arrays, states, free, n, counts, counted):
    """Power that a network draws as a request arrives; where ``counted``, it is also counted."""
    if not is_metered(arrays):
        return 0.0
    return read_power(arrays, states, free, n, counts.energy.readings, counted) / 1000.0


@inlined
def set_up(arrays, states, n, change):
    """Charge the lightpath for its transponders, and note where it begins."""
    if is_metered(arrays):
        mark_start(states.starts, n, change.block)
        charge(arrays, states, n, change.entry, change.format_row, change.bit_rate_gbps)


@inlined
def tear_down(arrays, states, n, entry):
    """Take back what it was charged."""
    if is_metered(arrays):
        discharge(arrays, states, n, entry)


@inlined
def describe(arrays, states, n, paths, free, bit_rate_gbps, listed, features):
    """Fill the columns of energy, and what each candidate would switch on."""
    if is_metered(arrays):
        describe_power(arrays, states, n, paths, free, bit_rate_gbps, listed, features)
