"""Links that fail and are repaired while a network runs.

A failed unit has no free slot, and nothing is set up over it; the lightpaths that crossed it are lost, on all
their units. A repaired unit comes back empty. Restoring lost lightpaths is for whoever runs the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.blocks import Block
from envs.compiled import kernel
from envs.errors import PlantError
from envs.gsnr.carriers import follow_from_python
from envs.parts import tear_down_parts
from envs.plant import Plant
from envs.state import NetworkStates, OneNetwork, remove


@dataclass(frozen=True)
class FibreCut:
    """A fibre pair that is down from one request of a run to another, both counted from the run's start.

    Raises:
        PlantError: an interval that is empty or begins before the run.
    """

    fibre: int
    from_request: int
    to_request: int

    def __post_init__(self) -> None:
        if not 0 <= self.from_request < self.to_request:
            raise PlantError(
                f"cut of fibre {self.fibre} from request {self.from_request} to {self.to_request}: "
                "the repair must come after the cut, and both within the run"
            )


@kernel
def _drop_lightpaths_on(plant, states, n, unit):
    """Release every lightpath of network ``n`` that crosses ``unit``; returns how many."""
    net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
    wheel, lightpaths, path_units, path_hops = net.wheel, net.lightpaths, plant.path_units, plant.path_hops
    dropped = 0
    for bucket in range(len(wheel)):
        previous = np.int32(-1)
        entry = wheel[bucket]
        while entry >= 0:
            following = lightpaths[entry].next_entry
            path = lightpaths[entry].path
            hops = path_hops[path]
            crosses = False
            for h in range(hops):
                crosses |= path_units[path, h] == unit
            if crosses:
                num_slots = np.int64(lightpaths[entry].num_slots)
                first_slot = np.int64(lightpaths[entry].first_slot)
                tear_down_parts(plant.parts, states.parts, n, entry)
                remove(net, Block(path_units[path, :hops], first_slot, num_slots), bucket, previous, entry)
                dropped += 1
            else:
                previous = entry
            entry = following
    return dropped


def units_of_fibre(plant: Plant, fibre: int) -> tuple[int, ...]:
    """Spectrum units of a fibre pair: one where both directions share it, else two.

    Raises:
        IndexError: no fibre of that index.
    """
    if not 0 <= fibre < len(plant.topology.fibres):
        raise IndexError(
            f"fibre {fibre}: {plant.topology.name} has fibres 0 to {len(plant.topology.fibres) - 1}"
        )
    return tuple(sorted({int(plant.unit_of_link[2 * fibre]), int(plant.unit_of_link[2 * fibre + 1])}))


def fail_fibre(plant: Plant, states: NetworkStates, network: int, fibre: int) -> int:
    """Cut a fibre pair of one network; returns the number of lightpaths lost. Twice changes nothing more.

    Candidates listed before the cut are stale: observe again before the next step.
    """
    lost = 0
    for unit in units_of_fibre(plant, fibre):
        lost += int(_drop_lightpaths_on(plant.arrays, states, network, unit))
        if plant.thresholds_db:
            follow_from_python(plant.arrays.parts.qot, states.parts.qot, network, states.free[network])
        states.free[network, unit] = 0
    return lost


def repair_fibre(plant: Plant, states: NetworkStates, network: int, fibre: int) -> None:
    """Bring a cut fibre pair back, empty; only for one that has failed, as nothing may be lit on it."""
    for unit in units_of_fibre(plant, fibre):
        states.free[network, unit] = plant.arrays.full
