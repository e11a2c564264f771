"""The slow, obvious twins of the compiled kernels: plain lists, one slot at a time, no bit tricks.

Written from the definitions, not from the kernels; tests hold the two equal request by request.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from envs.plant import Plant


@dataclass
class NaiveNetwork:
    """Spectrum as a list of booleans per unit; active lightpaths as a list."""

    plant: Plant
    free: list[list[bool]] = field(init=False)
    active: list[tuple[float, tuple[int, ...], int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free = [[True] * self.plant.spec.num_slots for _ in range(self.plant.num_units)]

    def units(self, path: int) -> tuple[int, ...]:
        return tuple(int(self.plant.unit_of_link[link]) for link in self.plant.path_table.links(path))

    def depart(self, now_s: float) -> None:
        staying = []
        for departure_s, units, first_slot, num_slots in self.active:
            if departure_s <= now_s:
                for unit in units:
                    for slot in range(first_slot, first_slot + num_slots):
                        assert not self.free[unit][slot]
                        self.free[unit][slot] = True
            else:
                staying.append((departure_s, units, first_slot, num_slots))
        self.active = staying

    def admit(self, path: int, first_slot: int, num_slots: int, departure_s: float) -> None:
        units = self.units(path)
        for unit in units:
            for slot in range(first_slot, first_slot + num_slots):
                assert self.free[unit][slot], "two lightpaths on one slot"
                self.free[unit][slot] = False
        self.active.append((departure_s, units, first_slot, num_slots))

    def on_path(self, path: int) -> list[bool]:
        units = self.units(path)
        return [all(self.free[unit][slot] for unit in units) for slot in range(self.plant.spec.num_slots)]


def slots_needed(plant: Plant, path: int, bit_rate_gbps: float) -> int:
    """ceil(bit rate / (12.5 x bits per symbol)) + guard, of the first format that reaches."""
    length_km = sum(float(plant.topology.link_length_km[link]) for link in plant.path_table.links(path))
    bits = next(item.bits_per_symbol for item in plant.formats if length_km <= item.reach_km)
    exact = bit_rate_gbps / (12.5 * bits)
    return math.ceil(round(exact, 9)) + plant.spec.guard_slots


def runs(free: list[bool]) -> list[tuple[int, int]]:
    """Maximal free runs as (start, end)."""
    found, start = [], None
    for slot, is_free in enumerate([*free, False]):
        if is_free and start is None:
            start = slot
        if not is_free and start is not None:
            found.append((start, slot))
            start = None
    return found


def first_fit(free: list[bool], num_slots: int) -> int | None:
    for slot in range(len(free) - num_slots + 1):
        if all(free[slot : slot + num_slots]):
            return slot
    return None


def choose_first_fit(
    network: NaiveNetwork, pair: int, bit_rate_gbps: float, max_latency_ms: float, slot_first: bool
) -> tuple[int, int, int] | None:
    """(path, first_slot, num_slots) of KSP-FF, or of FF-KSP where ``slot_first``."""
    plant = network.plant
    options = []
    first = plant.path_table.first_path
    for rank, path in enumerate(range(int(first[pair]), int(first[pair + 1]))):
        if float(plant.arrays.path_latency_ms[path]) > max_latency_ms:
            continue
        num_slots = slots_needed(plant, path, bit_rate_gbps)
        slot = first_fit(network.on_path(path), num_slots)
        if slot is not None:
            options.append(((slot, rank) if slot_first else (rank, slot), (path, slot, num_slots)))
    return min(options)[1] if options else None


def candidates(
    network: NaiveNetwork, pair: int, bit_rate_gbps: float, max_latency_ms: float
) -> list[tuple[int, int, int]]:
    """(path, first_slot, num_slots) in the order the twin promises."""
    plant = network.plant
    listed: list[tuple[int, int, int]] = []
    first = plant.path_table.first_path
    for path in range(int(first[pair]), int(first[pair + 1])):
        if float(plant.arrays.path_latency_ms[path]) > max_latency_ms:
            continue
        num_slots = slots_needed(plant, path, bit_rate_gbps)
        room = min(plant.spec.starts_per_path, plant.spec.max_candidates - len(listed))
        fitting = [run for run in runs(network.on_path(path)) if run[1] - run[0] >= num_slots]
        if plant.spec.departures_known:
            both = [(run[0], run[1] - num_slots) for run in fitting]
            edges = [start for pair_of_run in both for start in sorted(set(pair_of_run))]
        else:
            edges = [run[0] for run in fitting]
        starts = edges[: max(room - 2, 1)]
        if fitting:
            tightest = min(fitting, key=lambda run: (run[1] - run[0], run[0]))[0]
            highest = fitting[-1][1] - num_slots
            starts += [start for start in (tightest,) if start not in starts]
            starts += [start for start in (highest,) if start not in starts]
        listed += [(path, start, num_slots) for start in starts[:room]]
    return listed


def features(
    network: NaiveNetwork,
    pair: int,
    bit_rate_gbps: float,
    max_latency_ms: float,
    candidate: tuple[int, int, int],
) -> dict[str, float]:
    """The features of one candidate, from their definitions in ``envs.features``."""
    plant = network.plant
    size = plant.spec.num_slots
    first = plant.path_table.first_path
    paths = range(int(first[pair]), int(first[pair + 1]))
    hops_of = {path: len(plant.path_table.links(path)) for path in paths}
    latency_of = {path: float(plant.arrays.path_latency_ms[path]) for path in paths}
    spend_of = {path: hops_of[path] * slots_needed(plant, path, bit_rate_gbps) for path in paths}
    path, slot, num_slots = candidate
    free = network.on_path(path)
    run = next(item for item in runs(free) if item[0] <= slot < item[1])
    positions = [s for s in range(size - num_slots + 1) if all(free[s : s + num_slots])]
    after = [taken if not slot <= s < slot + num_slots else False for s, taken in enumerate(free)]
    kept = [s for s in range(size - num_slots + 1) if all(after[s : s + num_slots])]
    low, high, split, fill = 0, 0, 0, 0
    loads = []
    for unit in network.units(path):
        row = network.free[unit]
        low_free = slot > 0 and row[slot - 1]
        high_free = slot + num_slots < size and row[slot + num_slots]
        low += not low_free
        high += not high_free
        split += low_free and high_free
        fill += not low_free and not high_free
        loads.append(1 - sum(row) / size)
    hops = hops_of[path]
    length_km = float(plant.path_table.path_length_km[path])
    bits = next(item.bits_per_symbol for item in plant.formats if length_km <= item.reach_km)
    return {
        "path_rank": (path - paths.start) / len(paths),
        "hops": hops / 8,
        "extra_hops": (hops - min(hops_of.values())) / 4,
        "detour": latency_of[path] / min(latency_of.values()) - 1,
        "slots": num_slots / 16,
        "spend": spend_of[path] / min(spend_of.values()) - 1,
        "spend_total": spend_of[path] / 32,
        "first_slot": slot / size,
        "leftover": min(run[1] - run[0] - num_slots, 32) / 16,
        "exact_fit": float(run[1] - run[0] == num_slots),
        "touches_low": low / hops,
        "touches_high": high / hops,
        "splits": split / hops,
        "fills": fill / hops,
        "path_free": sum(free) / size,
        "path_longest_run": max(end - start for start, end in runs(free)) / size,
        "path_runs": len(runs(free)) / 8,
        "starts_lost": 1 - len(kept) / len(positions),
        "mean_load": float(np.mean(loads)),
        "max_load": max(loads),
        "latency_slack": 1.0 if math.isinf(max_latency_ms) else 1 - latency_of[path] / max_latency_ms,
        "bits_per_symbol": bits / 6,
        "band_rank": 0.0,
        "band_load": 0.0,
        "gsnr_margin": 0.0,
        "gsnr_reserve": 0.0,
        "marginal_power": 0.0,
        "dark_links": 0.0,
        "carrier_loss": 0.0,
        "neighbours_stay": 0.0,
        "neighbours_alike": 0.0,
        "spend_loaded": sum(num_slots * (load + num_slots / 2 / size) for load in loads) / 32,
    } | dict.fromkeys((*AFTER_STATE_COLUMNS, "amplifier_share", "off_backbone"), 0.0)


def ends(
    network: NaiveNetwork,
    candidate: tuple[int, int, int],
    own_s: float | None,
    rest_s: Callable[[tuple[int, ...], int], float | None],
) -> dict[str, float]:
    """The columns about when what stands beside a candidate ends, from their definitions.

    ``own_s`` is how long the request stays, ``rest_s`` how long what stands on units from a first slot on;
    None: not known.
    """
    if own_s is None:
        return {"neighbours_stay": 0.0, "neighbours_alike": 0.0}
    path, first_slot, num_slots = candidate
    stays, alike = [], []
    for unit in network.units(path):
        for slot in (first_slot - 1, first_slot + num_slots):
            on_slot = [
                rest_s(units, first)
                for _, units, first, num in network.active
                if unit in units and first <= slot < first + num
            ]
            if not 0 <= slot < network.plant.spec.num_slots:
                stays.append(1.0)
                alike.append(0.0)
            elif on_slot and on_slot[0] is not None:
                stays.append(min(on_slot[0] / own_s, 1.0))
                alike.append((min(own_s, on_slot[0]) / max(own_s, on_slot[0])) ** 2)
            else:
                stays.append(0.0)
                alike.append(0.0)
    return {"neighbours_stay": float(np.mean(stays)), "neighbours_alike": float(np.mean(alike))}


AFTER_STATE_COLUMNS = (
    "shortlisted",
    "capacity_loss",
    *(f"routability_loss_{scale}" for scale in (2, 5, 12, 40)),
    *(f"runs_loss_{scale}" for scale in (1, 3)),
    "blocking_loss",
)


def after_state(network: NaiveNetwork, candidate: tuple[int, int, int]) -> dict[str, float]:
    """The after-state columns of a candidate that was looked at, from their definitions."""
    before = routability(network)
    path, first_slot, num_slots = candidate
    network.admit(path, first_slot, num_slots, math.inf)
    after = routability(network)
    *_, (_, units, _, _) = network.active
    network.active.pop()
    for unit in units:
        network.free[unit][first_slot : first_slot + num_slots] = [True] * num_slots
    columns = dict.fromkeys(AFTER_STATE_COLUMNS, 0.0) | {"shortlisted": 1.0}
    for key, (starts_before, runs_before, carried_before) in before.items():
        share = expected_share(network.plant, key)
        starts_after, runs_after, carried_after = after[key]
        columns["blocking_loss"] += share * (carried_before - carried_after)
        columns["capacity_loss"] += share * (starts_before - starts_after) / 256
        for scale in (2, 5, 12, 40):
            rise = math.exp(-starts_after / scale) - math.exp(-starts_before / scale)
            columns[f"routability_loss_{scale}"] += share * rise
        for scale in (1, 3):
            columns[f"runs_loss_{scale}"] += share * (
                math.exp(-runs_after / scale) - math.exp(-runs_before / scale)
            )
    return columns


def expected_share(plant: Plant, key: tuple[int, int, int]) -> float:
    """How often the pair (source, destination) asks for future bit rate ``index``; 1 over all by mean."""
    source, destination, index = key
    spec, names, forecast = plant.spec, plant.topology.node_names, plant.forecast
    if forecast is None:
        return spec.future_shares[index] / sum(spec.future_shares)
    weight = dict(zip(forecast.pairs, forecast.weights, strict=True))[names[source], names[destination]]
    return (
        weight * dict(zip(forecast.rates_gbps, forecast.shares, strict=True))[spec.future_rates_gbps[index]]
    )


def routability(network: NaiveNetwork) -> dict[tuple[int, int, int], tuple[int, int, bool]]:
    """Of every node pair and future bit rate: starting positions on its best paths, free runs that hold them,
    and whether any path of the table has room."""
    plant = network.plant
    result: dict[tuple[int, int, int], tuple[int, int, bool]] = {}
    for source in range(plant.num_nodes):
        for destination in range(plant.num_nodes):
            if source == destination or (plant.spec.shared_spectrum and source > destination):
                continue
            every = list(plant.path_table.paths_of(source, destination))
            paths = every[: plant.spec.shortlist_paths]
            frees = [network.on_path(path) for path in paths]
            for index, rate_gbps in enumerate(plant.spec.future_rates_gbps):
                num_starts, num_runs = 0, 0
                for path, free in zip(paths, frees, strict=True):
                    size = slots_needed(plant, path, rate_gbps)
                    lengths = [end - start for start, end in runs(free) if end - start >= size]
                    num_starts += sum(length - size + 1 for length in lengths)
                    num_runs += len(lengths)
                carried = any(
                    end - start >= slots_needed(plant, path, rate_gbps)
                    for path in every
                    for start, end in runs(network.on_path(path))
                )
                result[source, destination, index] = num_starts, num_runs, carried
    return result


def free_pairs(free: list[bool], sizes: dict[int, float]) -> float:
    """Capacity of a path: weighted number of (start, size) pairs that fit."""
    return sum(
        weight
        for size, weight in sizes.items()
        for start in range(len(free) - size + 1)
        if all(free[start : start + size])
    )


def capacity_loss(
    network: NaiveNetwork, path: int, first_slot: int, num_slots: int, rates_gbps: tuple[float, ...]
) -> float:
    """Capacity that all paths sharing a unit with ``path`` lose when the block is taken."""
    plant = network.plant
    units = set(network.units(path))
    total = 0.0
    for other in range(plant.path_table.num_paths):
        crossed = set(network.units(other)) & units
        if not crossed:
            continue
        sizes: dict[int, float] = {}
        for rate_gbps in rates_gbps:
            size = slots_needed(plant, other, rate_gbps)
            sizes[size] = sizes.get(size, 0.0) + 1 / len(rates_gbps)
        free = network.on_path(other)
        after = [
            is_free and not first_slot <= slot < first_slot + num_slots for slot, is_free in enumerate(free)
        ]
        total += free_pairs(free, sizes) - free_pairs(after, sizes)
    return total


def erlang_b(load_erlang: float, servers: int) -> float:
    """Blocking of M/M/c/c by the usual recursion (Erlang 1917)."""
    blocking = 1.0
    for server in range(1, servers + 1):
        blocking = load_erlang * blocking / (server + load_erlang * blocking)
    return blocking
