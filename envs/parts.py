"""What a plant can have beside slots: one part for each use case, and what they do as a request is served.

A part is a folder. Its ``part.py`` has those of these functions that it needs, and the lists below call them:

* ``grid(topology, unit_of_link, spec)``: bands and formats of its own, where it brings any
* ``plant_arrays(blueprint)``: its constants for compiled code; empty where a plant does not have the part
* ``new_states(arrays, room)``, ``clear(states, full, network)``: what it keeps of networks in time
* what it counts of N networks
* ``draw_kw``: power drawn as a request arrives; ``set_up``, ``tear_down``: a lightpath comes, or goes
* ``describe``: its feature columns of the candidates listed

A part knows its own arrays and states only. Figures made of what is counted: ``statistics.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.blocks import Block, Index
from envs.blueprint import Blueprint, Grid, Room
from envs.compiled import inlined
from envs.departures import part as departures
from envs.departures.times import SlotLives
from envs.energy import part as energy
from envs.energy.arrays import PowerArrays
from envs.energy.meter import PowerCounts, PowerStates, new_power_counts
from envs.energy.model import PowerModel, power_model_named
from envs.gsnr import part as qot
from envs.gsnr.arrays import QotArrays
from envs.gsnr.carriers import CarrierStates
from envs.gsnr.counting import QotCounts, count_qot, new_qot_counts
from envs.request import KnownLife
from envs.spec import PlantSpec
from topologies.model import Topology


class PartArrays(NamedTuple):
    """Of a plant."""

    qot: QotArrays
    energy: PowerArrays
    departures: departures.DepartureArrays


class PartStates(NamedTuple):
    """Of N networks."""

    qot: CarrierStates
    energy: PowerStates
    departures: SlotLives


class PartCounts(NamedTuple):
    """What is counted in N networks."""

    qot: QotCounts
    energy: PowerCounts


class SetUp(NamedTuple):
    """A lightpath that is set up."""

    entry: int  # of ``NetworkStates.lightpaths``
    block: Block
    format_row: Index
    bit_rate_gbps: float
    life: KnownLife


def own_grid(topology: Topology, unit_of_link: np.ndarray, spec: PlantSpec) -> Grid | None:
    """The grid that a part brings; None: slots by reach."""
    return qot.grid(topology, unit_of_link, spec)


def power_model_of(spec: PlantSpec) -> PowerModel | None:
    """What a plant is charged for; None: nothing."""
    return power_model_named(spec.power_model)


def part_arrays(blueprint: Blueprint) -> PartArrays:
    """The constants of every part."""
    return PartArrays(
        qot=qot.plant_arrays(blueprint),
        energy=energy.plant_arrays(blueprint),
        departures=departures.plant_arrays(blueprint),
    )


def new_part_states(arrays: PartArrays, room: Room) -> PartStates:
    """The states of every part; ``clear_parts`` each network before use."""
    return PartStates(
        qot=qot.new_states(arrays.qot, room),
        energy=energy.new_states(arrays.energy, room),
        departures=departures.new_states(arrays.departures, room),
    )


def clear_parts(states: PartStates, full: np.ndarray, network: int) -> None:
    """Empty one network; ``full`` (num_words,) is a unit with every slot free."""
    qot.clear(states.qot, full, network)
    energy.clear(states.energy, full, network)


def new_part_counts(arrays: PartArrays, num_networks: int) -> PartCounts:
    """All zeros."""
    return PartCounts(new_qot_counts(arrays.qot, num_networks), new_power_counts(num_networks))


@inlined
def count_listed(arrays, free, n, counts, candidates, chosen, asked):
    """Count the candidate ``chosen`` before it is carried; -1: blocked."""
    if arrays.qot.num_channels > 0:
        count_qot(arrays.qot, free, counts.qot, candidates, n, chosen, asked)


@inlined
def draw_parts_kw(arrays, states, free, n, counts, counted):
    """Power that network ``n`` draws as a request arrives; where ``counted``, it is also counted."""
    return energy.draw_kw(arrays.energy, states.energy, free, n, counts, counted)


@inlined
def set_up_parts(arrays, states, n, change):
    """A lightpath comes."""
    energy.set_up(arrays.energy, states.energy, n, change)
    departures.set_up(arrays.departures, states.departures, n, change)
    qot.set_up(arrays.qot, states.qot, n, change)


@inlined
def tear_down_parts(arrays, states, n, entry):
    """A lightpath goes; carriers are put out later, see ``gsnr.carriers.follow``."""
    energy.tear_down(arrays.energy, states.energy, n, entry)


@inlined
def describe_parts(arrays, states, n, paths, free, asked, listed, features):
    """Fill the columns of the candidates; those of GSNR stand there already, see ``gsnr/listing.py``.

    Args:
        arrays: PartArrays.
        states: PartStates.
        n: row of them.
        paths: Paths.
        free: (num_units, num_words) uint64 of the network.
        asked: Asked.
        listed: Listed; ``marginal_kw`` is written.
        features: (M, F) float32.
    """
    energy.describe(arrays.energy, states.energy, n, paths, free, asked.bit_rate_gbps, listed, features)
    departures.describe(arrays.departures, states.departures, n, paths, free, asked, listed, features)
