"""From what a file says to a ``Topology``: what every importer does after reading.

Every fault of a file is told at once. With ``repair`` those that can be mended are, and each is said.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, ImportOptions, Link
from topologies.importers.faults import Fault, FileFaultsError
from topologies.importers.geography import EARTH_RADIUS_KM, fill_positions, great_circle_km
from topologies.model import Fibre, Node, Topology

HALF_EARTH_KM = math.pi * EARTH_RADIUS_KM
MOST_OFF_THE_GLOBE = 0.1  # share of nodes; above it the coordinates are no map
LEAST_KM = 1.0  # length of a link between two sites at the same coordinates, where repaired
MOST_NAMED = 8
# No fibre is shorter than the way it spans, nor many times as long: beyond these the unit is another one.
LEAST_OF_GREAT_CIRCLE, MOST_OF_GREAT_CIRCLE = 0.8, 20.0


@dataclass(frozen=True)
class Imported:
    """A network from a file, and what was mended on the way."""

    topology: Topology
    repairs: tuple[str, ...]


@dataclass
class _Bench:
    """A draft under repair: what is wrong, what was mended, what was computed."""

    draft: Draft
    options: ImportOptions
    faults: list[Fault] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)

    def mend(self, reason: str, text: str, cure: str) -> bool:
        """Whether to mend a fault; where not, it is noted."""
        if not self.options.repair:
            self.faults.append(Fault(reason, text, f"--repair {cure}"))
        return self.options.repair


def assemble(draft: Draft, options: ImportOptions) -> Imported:
    """A topology from what was read.

    A link without a length gets the great-circle distance of its ends; nodes without a position get one for
    pictures. Both are said in the topology's source.

    Raises:
        FileFaultsError: all that is wrong and was not mended.
        TopologyError: what ``Topology`` refuses.
    """
    bench = _Bench(draft, options, repairs=list(draft.repairs))
    if not draft.links:
        raise FileFaultsError(draft.path, [Fault("no links", "no links in it")])
    position_deg = _positions(bench)
    links = _one_link_a_pair(bench, _known_ends(bench))
    names, links = _largest_part(bench, *_without_unplaced(bench, position_deg, links))
    position_deg = {name: position_deg[name] for name in names if name in position_deg}
    fibres, remark = _fibres(bench, names, position_deg, links)
    if bench.faults:
        raise FileFaultsError(draft.path, bench.faults)
    num_unplaced = len(names) - len(position_deg)
    if num_unplaced:
        remark += f" Coordinates of {num_unplaced} of {len(names)} nodes: made up, for pictures."
    lengths = [(fibre.node_a, fibre.node_b, max(fibre.length_km, 1e-3)) for fibre in fibres]
    placed = fill_positions(position_deg, names, lengths) if num_unplaced else position_deg
    mended = "".join(f" Repaired: {text.rstrip('.')}." for text in bench.repairs)
    try:
        topology = Topology(
            name=draft.name,
            source=f"{draft.source.rstrip('.')}.{remark}{mended}",
            nodes=tuple(Node(node, *placed[node]) for node in names),
            fibres=tuple(fibres),
        )
    except TopologyError as error:
        raise TopologyError(f"{draft.path}: {error}") from None
    return Imported(topology, tuple(bench.repairs))


def _label(link: Link) -> str:
    return f"{link.where}: link {link.node_a!r}-{link.node_b!r}"


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
    return ", ".join(items[:MOST_NAMED]) + more


def _positions(bench: _Bench) -> dict[str, tuple[float, float]]:
    on_the_globe = {}
    for name, (latitude_deg, longitude_deg) in bench.draft.position_deg.items():
        if -90 <= latitude_deg <= 90 and -180 <= longitude_deg <= 180:
            on_the_globe[name] = (latitude_deg, longitude_deg)
            continue
        text = (
            f"node {name!r} lies at ({latitude_deg}, {longitude_deg}); latitude must be within ±90°, "
            "longitude within ±180°"
        )
        if bench.mend("coordinates off the globe", text, "takes the node as one without coordinates"):
            bench.repairs.append(f"{name!r} lay off the globe and counts as a node without coordinates")
    if len(bench.draft.position_deg) - len(on_the_globe) > MOST_OFF_THE_GLOBE * len(bench.draft.position_deg):
        return {}  # pixels of a picture: those that happen to lie within the bounds are no places either
    return on_the_globe


def _known_ends(bench: _Bench) -> list[Link]:
    """The links between two different nodes that exist."""
    names = set(bench.draft.names)
    kept = []
    for link in bench.draft.links:
        strange = [end for end in (link.node_a, link.node_b) if end not in names]
        if strange:
            known = _some(sorted(names))
            text = f"{_label(link)}: unknown node {strange[0]!r}; known: {known}"
            bench.faults.append(Fault("unknown node", text))
        elif link.node_a != link.node_b:
            kept.append(link)
        elif bench.mend("loop", f"{_label(link)}: both ends are the same node", "leaves it out"):
            bench.repairs.append(f"a link from {link.node_a!r} to itself is left out")
    return kept


def _one_link_a_pair(bench: _Bench, links: Sequence[Link]) -> list[Link]:
    """Parallel links made one of the least length; the two directions of a pair made one of the longer."""
    given = {(link.node_a, link.node_b) for link in links}
    both_ways = bench.draft.lists_both_ways or (
        bench.draft.directed and any((b, a) in given for a, b in given)
    )
    by_pair: dict[frozenset[str], list[Link]] = {}
    for link in links:
        by_pair.setdefault(frozenset((link.node_a, link.node_b)), []).append(link)
    merged = []
    for group in by_pair.values():
        first = group[0]
        forth = [link for link in group if link.node_a == first.node_a or not both_ways]
        back = [link for link in group if link not in forth]
        if both_ways and not back:
            text = (
                f"{_label(first)}: the direction {first.node_b!r} to {first.node_a!r} is missing, "
                "while the file gives links both ways"
            )
            if bench.mend("one direction missing", text, "takes it as a fibre pair"):
                bench.repairs.append(f"{first.node_a!r}-{first.node_b!r} was given one way, taken both ways")
        if max(len(forth), len(back)) > 1:
            places = _some([link.where for link in (forth if len(forth) > 1 else back)])
            text = f"{_label(first)}: is given twice ({places}); parallel fibres are not modelled"
            if bench.mend("parallel links", text, "merges them into one of the least length"):
                bench.repairs.append(
                    f"{max(len(forth), len(back))} parallel links {first.node_a!r}-{first.node_b!r} "
                    "are one, of the least length; room and protection by the others are lost"
                )
        least = [min(km, default=None) for km in (_lengths(forth), _lengths(back))]
        length_km = max((km for km in least if km is not None), default=None)
        merged.append(replace(first, length_km=length_km))
    return merged


def _lengths(links: Sequence[Link]) -> list[float]:
    return [link.length_km for link in links if link.length_km is not None]


def _without_unplaced(
    bench: _Bench, position_deg: Mapping[str, tuple[float, float]], links: Sequence[Link]
) -> tuple[list[str], list[Link]]:
    if not bench.options.leave_out_unplaced:
        return list(bench.draft.names), list(links)
    left_out = {
        end
        for link in links
        if link.length_km is None
        for end in (link.node_a, link.node_b)
        if end not in position_deg
    }
    if left_out:
        bench.repairs.append(f"left out, as they have no coordinates: {_some(sorted(left_out))}")
    return (
        [name for name in bench.draft.names if name not in left_out],
        [link for link in links if not left_out & {link.node_a, link.node_b}],
    )


def _largest_part(bench: _Bench, names: list[str], links: list[Link]) -> tuple[list[str], list[Link]]:
    graph = nx.Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from((link.node_a, link.node_b) for link in links)
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    if len(parts) < 2 or any(fault.reason == "unknown node" for fault in bench.faults):
        return names, links
    outside = sorted(set(names) - parts[0])
    text = f"disconnected; {_some(outside)} cannot reach the rest"
    if bench.mend("several parts", text, f"keeps the largest part, {len(parts[0])} of {len(names)} nodes"):
        bench.repairs.append(
            f"the largest part is kept, {len(parts[0])} of {len(names)} nodes; left out: {_some(outside)}"
        )
        names = [name for name in names if name in parts[0]]
        links = [link for link in links if link.node_a in parts[0]]
    return names, links


def _fibres(
    bench: _Bench,
    names: Sequence[str],
    position_deg: Mapping[str, tuple[float, float]],
    links: Sequence[Link],
) -> tuple[list[Fibre], str]:
    """The links with their lengths; a remark on those that were computed."""
    _check_unit(bench, position_deg, links)
    known = [_computed(bench, link, position_deg) for link in links]
    num_computed = sum(
        link.length_km is None and km is not None for link, km in zip(links, known, strict=True)
    )
    known = _with_unknown_lengths(bench, names, position_deg, links, known)
    fibres = [
        Fibre(link.node_a, link.node_b, km) for link, km in zip(links, known, strict=True) if km is not None
    ]
    remark = ""
    if num_computed:
        share = (
            "Lengths" if num_computed == len(links) else f"Lengths of {num_computed} of {len(links)} links"
        )
        remark = f" {share}: great-circle distance of the coordinates."
    return fibres, remark


def _check_unit(
    bench: _Bench, position_deg: Mapping[str, tuple[float, float]], links: Sequence[Link]
) -> None:
    ratios = []
    for link in links:
        if link.length_km is None:
            continue
        if not (math.isfinite(link.length_km) and link.length_km >= 0):
            text = f"{_label(link)}: length_km is {link.length_km}; a positive number is needed"
            bench.faults.append(Fault("length not positive", text))
        elif link.length_km > HALF_EARTH_KM:
            text = (
                f"{_label(link)}: {link.length_km:,.0f} km is beyond half the earth ({HALF_EARTH_KM:,.0f} km)"
            )
            cure = "say the unit: --length-unit m, km or mi" if bench.draft.unit_is_open else ""
            bench.faults.append(Fault("length beyond half the earth", text, cure))
        elif link.node_a in position_deg and link.node_b in position_deg:
            span_km = great_circle_km(*position_deg[link.node_a], *position_deg[link.node_b])
            if span_km > LEAST_KM:
                ratios.append(link.length_km / span_km)
    ratio = statistics.median(ratios) if ratios else 1.0
    if bench.draft.unit_is_open and not LEAST_OF_GREAT_CIRCLE <= ratio <= MOST_OF_GREAT_CIRCLE:
        text = f"lengths state no unit; read as km they are {ratio:.3g} times the distance of the coordinates"
        bench.faults.append(Fault("unit not stated", text, "say it: --length-unit m, km or mi"))


def _computed(bench: _Bench, link: Link, position_deg: Mapping[str, tuple[float, float]]) -> float | None:
    """The length of a link as given or as computed from coordinates; None where it cannot be known."""
    length_km = link.length_km
    if length_km is None:
        if link.node_a not in position_deg or link.node_b not in position_deg:
            return None
        length_km = round(great_circle_km(*position_deg[link.node_a], *position_deg[link.node_b]), 3)
        reason = "no length, and both ends have the same coordinates; give a length"
    else:
        reason = "length_km is 0; a positive number is needed"
    if length_km == 0:
        text = f"{_label(link)}: {reason}"
        if bench.mend("length of zero", text, f"takes {LEAST_KM:g} km"):
            bench.repairs.append(
                f"{link.node_a!r}-{link.node_b!r} had a length of zero and has the least, {LEAST_KM:g} km"
            )
            return LEAST_KM
    return length_km


def _with_unknown_lengths(
    bench: _Bench,
    names: Sequence[str],
    position_deg: Mapping[str, tuple[float, float]],
    links: Sequence[Link],
    known: Sequence[float | None],
) -> list[float | None]:
    """Lengths of the links to nodes without coordinates: asked for, or estimated where repairs are wanted."""
    default_km, filled = bench.options.default_km, list(known)
    lost = [index for index, km in enumerate(known) if km is None]
    if not lost:
        return filled
    usual_km = [km for km in known if km is not None]
    estimate = bench.options.repair and bool(position_deg)
    edges = [(link.node_a, link.node_b, 1.0) for link in links]
    placed = fill_positions(position_deg, names, edges) if estimate else {}
    guess_km = default_km or (round(statistics.median(usual_km), 3) if estimate and usual_km else None)
    taken, from_places = [], []
    for index in lost:
        link = links[index]
        span_km = great_circle_km(*placed[link.node_a], *placed[link.node_b]) if estimate else 0.0
        if span_km >= LEAST_KM:
            filled[index] = round(span_km, 3)
            from_places.append(f"{link.node_a!r}-{link.node_b!r}")
        elif guess_km is not None:
            filled[index] = guess_km
            taken.append(f"{link.node_a!r}-{link.node_b!r}")
        else:
            bench.faults.append(_unknown_length(bench, link, position_deg))
    if estimate:
        unplaced = sorted(name for name in names if name not in position_deg)
        bench.repairs.append(f"placed at the mean of their neighbours: {_some(unplaced)}")
    if from_places:
        bench.repairs.append(f"lengths estimated from such places: {_some(from_places)}")
    if taken:
        said = "as asked for" if default_km else "the median of the others; --default-km sets another"
        bench.repairs.append(f"lengths not known, taken as {guess_km:g} km ({said}): {_some(taken)}")
    return filled


def _unknown_length(bench: _Bench, link: Link, position_deg: Mapping[str, tuple[float, float]]) -> Fault:
    end = next(end for end in (link.node_a, link.node_b) if end not in position_deg)
    cures = [f"--length {name} takes that attribute as the length" for name in bench.draft.perhaps_lengths]
    cures += ["--default-km KM sets it"]
    if position_deg:
        cures += ["--repair places the node", "--leave-out-unplaced drops it"]
    text = f"{_label(link)}: no length, and no coordinates of {end!r} to compute it from"
    return Fault("no length and no coordinates", text, ", or ".join(cures))
