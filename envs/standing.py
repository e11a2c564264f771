"""Lightpaths known by route and slots, put up in the twin's states and taken down again one by one.

What a stored window needs: it tells lightpaths by where they stand, the states by a row of the path table.
Not here: lightpaths that a policy decides on (``serving.py``), the online side's spectrum (``network.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.blocks import Block, is_free
from envs.compiled import kernel
from envs.energy.meter import read_power
from envs.forecast import life_row
from envs.network import UNTOLD, ServiceLife
from envs.parts import SetUp, new_part_counts, set_up_parts, tear_down_parts
from envs.plant import Plant
from envs.request import KnownLife
from envs.state import NetworkStates, OneNetwork, admit, depart_until, remove
from envs.window import Placed, WindowError
from topologies.model import TopologyError


@kernel
def depart_by(plant, states, n, now_s):
    """Release every lightpath of network ``n`` that departs at or before ``now_s``."""
    net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
    depart_until(plant, states, net, n, now_s)


class _Up(NamedTuple):
    """A lightpath to put up."""

    path: int
    first_slot: int
    num_slots: int
    format_row: int
    bit_rate_gbps: np.floating
    departure_s: np.floating
    life: KnownLife


@kernel
def _put_up(plant, states, n, up):
    """Admit a block on a path; False, and nothing changed, where a slot of it is taken."""
    net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
    block = Block(plant.path_units[up.path, : plant.path_hops[up.path]], up.first_slot, up.num_slots)
    if not is_free(net.free, block):
        return False
    entry = net.counters[0].vacant
    admit(net, up.path, block, up.departure_s)
    change = SetUp(entry, block, up.format_row, up.bit_rate_gbps, up.life)
    set_up_parts(plant.parts, states.parts, n, change)
    return True


@kernel
def _take_down(plant, states, n, path, first_slot):
    """Remove the lightpath of network ``n`` that begins at a slot of a path; False where there is none."""
    net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
    wheel, lightpaths = net.wheel, net.lightpaths
    for bucket in range(len(wheel)):
        previous, entry = np.int32(-1), wheel[bucket]
        while entry >= 0:
            if lightpaths[entry].path == path and lightpaths[entry].first_slot == first_slot:
                units = plant.path_units[path, : plant.path_hops[path]]
                block = Block(units, first_slot, np.int64(lightpaths[entry].num_slots))
                tear_down_parts(plant.parts, states.parts, n, entry)
                remove(net, block, bucket, previous, entry)
                return True
            previous = entry
            entry = lightpaths[entry].next_entry
    return False


@kernel
def _watts(power, states, free, n, readings):
    return read_power(power, states, free, n, readings, False)


def put_up(
    plant: Plant,
    states: NetworkStates,
    service: str,
    placed: Placed,
    bit_rate_gbps: float,
    departure_s: float,
    network: int = 0,
    life: ServiceLife = UNTOLD,
) -> None:
    """Set a lightpath up until ``departure_s``; ``life`` is what is known of it.

    Raises:
        WindowError: names the service: no such route in the path table, no such format, slots that are
            outside the band or taken.
    """
    path = row_of_route(plant, service, placed)
    first_slot, num_slots = placed.first_slot, placed.num_slots
    if first_slot < 0 or num_slots < 1 or first_slot + num_slots > plant.spec.num_slots:
        raise WindowError(
            f"service {service}: slots {first_slot}+{num_slots} lie outside the band of "
            f"{plant.spec.num_slots} slots; the window is of another plant"
        )
    format_row = _row_of_format(plant, service, placed, path)
    known = KnownLife(
        float(life.began_s), float(life.told_end_s), life_row(plant.forecast, life.service_class)
    )
    rate, until_s = np.float32(bit_rate_gbps), np.float64(departure_s)
    up = _Up(path, first_slot, num_slots, format_row, rate, until_s, known)
    if not _put_up(plant.arrays, states, network, up):
        raise WindowError(
            f"service {service}: slots {first_slot}+{num_slots} are taken, or a link has failed, on "
            f"{'-'.join(placed.nodes)}"
        )


def take_down(plant: Plant, states: NetworkStates, service: str, placed: Placed, network: int = 0) -> None:
    """Remove a lightpath.

    Raises:
        WindowError: names the service: it does not stand there.
    """
    path = row_of_route(plant, service, placed)
    if not _take_down(plant.arrays, states, network, path, placed.first_slot):
        raise WindowError(
            f"service {service}: nothing stands on {'-'.join(placed.nodes)} at slot {placed.first_slot}"
        )


def power_w(plant: Plant, states: NetworkStates, network: int = 0) -> float:
    """Watts that the meter shows now; the plant has a power model."""
    readings = new_part_counts(plant.arrays.parts, network + 1).energy.readings
    parts = states.parts.energy
    return float(_watts(plant.arrays.parts.energy, parts, states.free[network], network, readings))


def row_of_route(plant: Plant, service: str, placed: Placed) -> int:
    """Row of a lightpath's route in the path table.

    Raises:
        WindowError: names the service: a node that the network does not have, or a route not in the table.
    """
    try:
        nodes = tuple(plant.topology.node_index(name) for name in placed.nodes)
    except TopologyError as error:
        raise WindowError(f"service {service}: {error}; the window is of another network") from None
    path = plant.path_table.path_of(nodes)
    if path is None:
        raise WindowError(
            f"service {service}: route {'-'.join(placed.nodes)} is none of the paths that the plant knows "
            "for its ends; replay with the plant that the network ran with (plant.k_paths, path_order)"
        )
    return path


def _row_of_format(plant: Plant, service: str, placed: Placed, path: int) -> int:
    names = [item.name for item in plant.formats]
    if not placed.modulation_format:  # changes that older versions stored do not tell it
        return int(plant.arrays.path_format[path])
    if placed.modulation_format not in names:
        raise WindowError(
            f"service {service}: unknown modulation format {placed.modulation_format!r}; "
            f"known: {', '.join(names)}"
        )
    return names.index(placed.modulation_format)
