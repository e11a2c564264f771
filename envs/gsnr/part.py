"""Quality of transmission as a part of a plant: see ``envs/parts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.compiled import inlined
from envs.gsnr.arrays import QotArrays, no_qot_arrays
from envs.gsnr.carriers import CarrierStates, clear_carriers, dark_carriers, light_block
from envs.gsnr.qot_plant import least_noise, qot_grid
from envs.gsnr.sharing import with_sharing

if TYPE_CHECKING:
    import numpy as np

    from envs.blueprint import Blueprint, Grid, Room
    from envs.spec import PlantSpec
    from topologies.model import Topology


def grid(topology: Topology, unit_of_link: np.ndarray, spec: PlantSpec) -> Grid | None:
    """Bands of channels and formats with thresholds; None where the spec names no bands."""
    return qot_grid(topology, unit_of_link, spec) if spec.bands else None


def plant_arrays(blueprint: Blueprint) -> QotArrays:
    """Noise of what can be lit; empty where reach decides."""
    own = blueprint.grid.qot
    if own is None:
        return no_qot_arrays()
    least = least_noise(own, blueprint.path_units, blueprint.table.path_hops)
    return with_sharing(own, blueprint)._replace(least_noise=least)


def new_states(arrays: QotArrays, room: Room) -> CarrierStates:
    """Carriers of N networks; ``clear`` each before use."""
    return dark_carriers(arrays, room)


def clear(states: CarrierStates, full: np.ndarray, network: int) -> None:
    """Put everything of one network out; ``full`` (num_words,) is a unit with every slot free."""
    clear_carriers(states, full, network)


@inlined
def set_up(arrays, states, n, change):
    """Light the carriers."""
    if arrays.num_channels > 0:
        light_block(arrays, states, n, change.block, change.format_row)
