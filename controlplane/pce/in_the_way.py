"""What would have to be free for a refused request: the blocks with the least in their way. Pure.

Not here: why it was refused (``decide.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from envs.around import look_around
from envs.plant import Plant
from envs.request import Request
from topologies.detours import Avoided


@dataclass(frozen=True)
class NearestBlock:
    """A block that would carry the request, were it free on every link of its route.

    Attributes:
        nodes: the route, as node indices.
        first_slot, num_slots: the block.
        taken: of each link in whose block something is taken: its two nodes, and the slots.
    """

    nodes: tuple[int, ...]
    first_slot: int
    num_slots: int
    taken: tuple[tuple[tuple[int, int], tuple[int, ...]], ...]

    @property
    def num_taken(self) -> int:
        """Slots in the way, counted on each link."""
        return sum(len(slots) for _, slots in self.taken)


def nearest_blocks(
    plant: Plant, request: Request, occupied: np.ndarray, avoided: Avoided, most: int = 3
) -> tuple[NearestBlock, ...]:
    """Of each path within the request's bound the block with the fewest taken slots; the least first.

    Args:
        plant: the network.
        request: what could not be carried.
        occupied: (num_units, num_slots) bool, True where a slot was taken.
        avoided: links and nodes that no path may cross: those that have failed, and those that are excluded.
        most: so many paths.
    """
    around, row = look_around(plant, plant.pair(request.source, request.destination), avoided)
    bound_ms = np.float32(request.max_latency_ms)  # compared as the candidates' kernel compares it
    found = []
    for path in around.path_table.paths_of_row(row):
        if around.arrays.path_latency_ms[path] > bound_ms:
            continue
        nodes = around.path_table.nodes(path)
        num_slots = around.num_slots_for(request.bit_rate_gbps, path)
        if (block := _least_taken(around, nodes, num_slots, occupied)) is not None:
            found.append(block)
    return tuple(sorted(found, key=lambda block: block.num_taken)[:most])


def _least_taken(
    plant: Plant, nodes: tuple[int, ...], num_slots: int, occupied: np.ndarray
) -> NearestBlock | None:
    taken = occupied[list(plant.units_of_nodes(nodes))]
    before = np.concatenate([[0], taken.sum(axis=0).cumsum()])
    starts = np.concatenate(
        [np.arange(band.first_slot, band.end_slot - num_slots + 1, plant.arrays.step) for band in plant.bands]
    )
    if not starts.size:
        return None
    first = int(starts[np.argmin(before[starts + num_slots] - before[starts])])
    in_the_way = []
    for hop, on_link in zip(pairwise(nodes), taken, strict=True):
        slots = tuple(int(slot) + first for slot in np.flatnonzero(on_link[first : first + num_slots]))
        if slots:
            in_the_way.append((hop, slots))
    return NearestBlock(nodes, first, num_slots, tuple(in_the_way))
