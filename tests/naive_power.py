"""The slow, obvious twin of the meter: watts from the list of active lightpaths, nothing remembered."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from envs.energy.model import FIBRE_PAIR, SUBCARRIER, PowerModel
from envs.plant import Plant


@dataclass(frozen=True)
class Lit:
    """An active lightpath."""

    path: int
    rate_gbps: float
    format_row: int
    first_slot: int


def transponders_w(plant: Plant, lightpath: Lit) -> float:
    model, item = plant.power, plant.formats[lightpath.format_row]
    assert model is not None
    part = model.transponder
    fixed_w, per_gbps_w = part.formats.get(item.name, (part.fixed_w, part.per_gbps_w))
    each_gbps = 12.5 * item.bits_per_symbol
    if part.per == SUBCARRIER:
        return (
            part.ends
            * math.ceil(round(lightpath.rate_gbps / each_gbps, 9))
            * (fixed_w + per_gbps_w * each_gbps)
        )
    return part.ends * (fixed_w + per_gbps_w * lightpath.rate_gbps)


def fibre_pair_w(plant: Plant, model: PowerModel, fibre: int) -> float:
    """All sites of a pair, one band."""
    spans = math.ceil(plant.topology.fibres[fibre].length_km / model.amplifier.span_km)
    return (spans - 1 + model.amplifier.end_sites) * model.amplifier.site_w


def watts_of(plant: Plant, active: list[Lit]) -> tuple[float, float, float]:
    """Transponders, amplifiers, nodes."""
    model, table = plant.power, plant.path_table
    assert model is not None
    amplifier, node = model.amplifier, model.node
    busy = {item for lightpath in active for item in table.nodes(lightpath.path)}
    amplifiers_w = 0.0
    for band in plant.bands:
        lit_links = {
            link
            for lightpath in active
            if band.first_slot <= lightpath.first_slot < band.end_slot
            for link in table.links(lightpath.path)
        }
        for fibre in range(len(plant.topology.fibres)):
            ways = [2 * fibre in lit_links, 2 * fibre + 1 in lit_links]
            if amplifier.switched_by == FIBRE_PAIR:
                ways = [any(ways)] * 2
            for on in ways:
                amplifiers_w += fibre_pair_w(plant, model, fibre) / 2 * (1.0 if on else amplifier.sleep_share)
    nodes_w = 0.0
    for index, name in enumerate(plant.topology.node_names):
        degree = sum(name in (fibre.node_a, fibre.node_b) for fibre in plant.topology.fibres)
        full_w = 85 * degree + 100 * node.add_drop_degree + 150
        nodes_w += full_w * (1.0 if index in busy else node.idle_share)
    return sum(transponders_w(plant, item) for item in active), amplifiers_w, nodes_w


def sleeping_fibres(plant: Plant, active: list[Lit]) -> int:
    """Pairs with nothing lit in either direction."""
    used = {link // 2 for lightpath in active for link in plant.path_table.links(lightpath.path)}
    return len(plant.topology.fibres) - len(used)


def dark_share(plant: Plant, active: list[Lit], path: int) -> float:
    """Share of a path's spectrum units with nothing lit."""
    lit = {int(plant.unit_of_link[link]) for item in active for link in plant.path_table.links(item.path)}
    units = [int(plant.unit_of_link[link]) for link in plant.path_table.links(path)]
    return sum(unit not in lit for unit in units) / len(units)


def taken_slots(plant: Plant, active: list[Lit]) -> int:
    """Slots taken over all spectrum units."""
    total = 0
    for item in active:
        slots = math.ceil(round(item.rate_gbps / plant.formats[item.format_row].slot_capacity_gbps, 9))
        total += (slots + plant.spec.guard_slots) * len(plant.path_table.links(item.path))
    return total


def amplifier_share_w(
    plant: Plant, active: list[Lit], candidate: Lit, fibres: Collection[int] | None = None
) -> float:
    """Watts of the path's amplifiers in the candidate's band, each over the lightpaths through it with it.

    Of those of given fibre pairs alone, where any are given.
    """
    model, links = plant.power, plant.path_table.links
    assert model is not None
    band = next(item for item in plant.bands if item.first_slot <= candidate.first_slot < item.end_slot)
    there = [item for item in active if band.first_slot <= item.first_slot < band.end_slot]
    watts = 0.0
    for link in links(candidate.path):
        if fibres is not None and link // 2 not in fibres:
            continue
        both = model.amplifier.switched_by == FIBRE_PAIR
        ways = {link, link ^ 1} if both else {link}
        through = sum(bool(ways & set(links(item.path))) for item in there)
        full_w = fibre_pair_w(plant, model, link // 2) * (1.0 if both else 0.5)
        watts += full_w * (1 - model.amplifier.sleep_share) / (through + 1)
    return watts
