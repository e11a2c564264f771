"""Paths around failed and excluded links: rows of a plant's path table beyond those of its node pairs.

The stored rows of every pair stay where they are, so lightpaths, figures and the after-state columns go on
meaning what they meant; a request of a pair that is concerned is asked with a row of its own, which holds the
pair's paths on what is left (``topologies.detours``). Nothing here is compiled: to a kernel a row is a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from envs.cached_placements import unit_bits
from envs.detour_book import DetourBook
from envs.gsnr.qot_plant import least_noise
from envs.plant import Plant
from envs.traffic import Requests, TrafficArrays
from topologies.detours import Avoided, Detours, Route
from topologies.paths import stacked

MOST_ROWS = 512  # in a book; it begins anew then


def with_paths(plant: Plant, rows: Sequence[Sequence[Route]]) -> Plant:
    """The plant with further rows of paths behind those that it has.

    Raises:
        TopologyError: a path over two nodes that are no neighbours.
    """
    arrays, num_paths = plant.arrays, plant.path_table.num_paths
    table = plant.path_table.with_rows(plant.topology, rows)
    links, hops = table.path_links[num_paths:], table.path_hops[num_paths:].astype(np.int32)
    length_km = table.path_length_km[num_paths:]
    units = np.where(links >= 0, plant.unit_of_link[links], -1).astype(np.int32)
    latency_ms = plant.latency_model.path_latency_ms(length_km, hops).astype(np.float32)
    reach_km = [item.reach_km for item in plant.formats]
    formats = [next(f for f, reach in enumerate(reach_km) if km <= reach) for km in length_km]
    parts, after = arrays.parts, arrays.after
    if plant.power:
        parts = parts._replace(energy=parts.energy._replace(path_nodes=table.path_nodes.astype(np.int32)))
    if plant.thresholds_db:
        further = least_noise(parts.qot, units, hops)
        least = np.concatenate([parts.qot.least_noise, further])
        parts = parts._replace(qot=parts.qot._replace(least_noise=least))
    if after.shortlist:
        crossed = unit_bits(units, hops, plant.num_units)
        after = after._replace(crossed=np.concatenate([after.crossed, crossed]))
    arrays = arrays._replace(
        first_path=table.first_path,
        path_units=stacked(arrays.path_units, units),
        path_hops=np.concatenate([arrays.path_hops, hops]),
        path_latency_ms=np.concatenate([arrays.path_latency_ms, latency_ms]),
        path_length_km=table.path_length_km,
        path_format=np.concatenate([arrays.path_format, np.array(formats, np.int32)]),
        parts=parts,
        after=after,
    )
    return replace(plant, path_table=table, arrays=arrays, detours=DetourBook(plant.topology, table))


def _with_paths_of(plant: Plant, known: Plant) -> Plant:
    """A plant with the rows of another that differs in its forecast and its further rows only."""
    if known.forecast is plant.forecast:
        return known
    ours, theirs = plant.arrays, known.arrays
    arrays = theirs._replace(
        after=theirs.after._replace(shares=ours.after.shares),
        parts=theirs.parts._replace(departures=ours.parts.departures),
    )
    return replace(known, arrays=arrays, forecast=plant.forecast)


@dataclass(frozen=True)
class Around:
    """A plant that knows the paths of some pairs around some failures.

    Attributes:
        plant: with further rows.
        rows: the row of a pair, by what is avoided and pair; one that is not in here keeps its own.
    """

    plant: Plant
    rows: Mapping[tuple[Avoided, int], int]

    def row(self, avoided: Avoided, pair: int) -> int:
        """The row that a pair is asked with."""
        return self.rows.get((avoided, pair), pair)

    def drawn_from(self, traffic: TrafficArrays, avoided: Avoided) -> TrafficArrays:
        """Traffic of which every request is asked as while that is down; bounds stay those of its pair."""
        num_pairs = traffic.max_latency_ms.shape[1]
        rows = np.array([self.row(avoided, pair) for pair in range(num_pairs)], np.int32)
        bounds = np.zeros((len(traffic.max_latency_ms), len(self.plant.arrays.first_path)), np.float32)
        bounds[:, :num_pairs] = traffic.max_latency_ms
        bounds[:, rows] = traffic.max_latency_ms
        return traffic._replace(pair=rows[traffic.pair], max_latency_ms=bounds)

    def redirected(self, requests: Requests, avoided: Avoided) -> Requests:
        """Requests as they are asked while that is down; those of before are not changed."""
        pairs, place = np.unique(requests.pair, return_inverse=True)
        rows = np.array([self.row(avoided, int(pair)) for pair in pairs], np.int32)
        return requests._replace(pair=np.ascontiguousarray(rows[place].reshape(requests.pair.shape)))

    def grown(self, detours: Detours, wanted: Iterable[tuple[Avoided, int]]) -> Around:
        """With the rows of more pairs. One that keeps its paths, or is cut off, keeps its row too.

        On the stored paths of a pair that is cut off nothing is free, so that nothing is a candidate.
        """
        rows = dict(self.rows)
        further: list[tuple[Route, ...]] = []
        for avoided, pair in wanted:
            ends = divmod(pair, self.plant.num_nodes)
            if (avoided, pair) in rows or not detours.is_affected(*ends, avoided):
                continue
            routes = detours.routes(*ends, avoided)
            rows[avoided, pair] = len(self.plant.arrays.first_path) - 1 + len(further) if routes else pair
            further += [routes] if routes else []
        return Around(with_paths(self.plant, further) if further else self.plant, rows)


def look_around(plant: Plant, pair: int, avoided: Avoided) -> tuple[Plant, int]:
    """The plant that knows a pair's paths on what is left, and the row that they stand in.

    What was found is kept in the plant's book; one thread at a time.
    """
    if not _is_affected(plant, avoided, pair):
        return plant, pair
    known = _found(plant, [(avoided, pair)])
    return _with_paths_of(plant, known.plant), known.row(avoided, pair)


def look_around_for(plant: Plant, wanted: Iterable[tuple[Avoided, int]]) -> None:
    """Have the paths of several pairs in the plant's book before each is looked at.

    With each growth of the book every path of the network is copied, so they are found together: after a cut
    in a large network that is half of what they cost.
    """
    asked = [each for each in dict.fromkeys(wanted) if _is_affected(plant, *each)]
    if asked:
        _found(plant, asked)


def _is_affected(plant: Plant, avoided: Avoided, pair: int) -> bool:
    return bool(avoided) and plant.detours.paths.is_affected(*divmod(pair, plant.num_nodes), avoided)


def _found(plant: Plant, wanted: Sequence[tuple[Avoided, int]]) -> Around:
    book = plant.detours
    known = book.known
    if not isinstance(known, Around) or (
        len(known.rows) >= MOST_ROWS and any(asked not in known.rows for asked in wanted)
    ):
        known = Around(plant, {})
    book.known = known = known.grown(book.paths, wanted)
    return known


def around(plant: Plant, failures: Iterable[Avoided] = (), routes: Iterable[Route] = ()) -> Around:
    """A plant that knows the paths of all pairs around given failures, and given routes, for many requests.

    Raises:
        TopologyError: a route over two nodes that are no neighbours.
    """
    detours = plant.detours.paths
    times = dict.fromkeys(failures)
    wanted = [(avoided, pair) for avoided in times for pair in detours.affected_pairs(avoided)]
    known = Around(plant, {}).grown(detours, wanted)
    further = [[nodes] for nodes in dict.fromkeys(routes) if known.plant.path_table.path_of(nodes) is None]
    return replace(known, plant=with_paths(known.plant, further)) if further else known
