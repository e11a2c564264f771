"""The network as the controller tells it, and changes applied to it. Not here: HTTP, looks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi.names import LOCAL_NAME, as_dict
from topologies.errors import TopologyError
from topologies.grid import SpectrumBand
from topologies.model import Fibre, Node, Topology

NUM_COLOURS = 10  # service colours in the palette
# After which nothing on the map has changed; drains are asked for beside the changes.
STILL = ("service-removed", "drained", "undrained", "locked", "unlocked")


class ChangeError(ValueError):
    """A change that cannot be applied to the network shown; names the change and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class ShownLightpath(Lightpath):
    """A lightpath on the page, and the service that it carries."""

    service_uuid: str
    bit_rate_gbps: float
    version: int  # of the change that set it up; the most recent has the highest
    colour: int  # index of a palette colour
    protects: str = ""  # UUID of the service whose second lightpath it is

    @property
    def owner(self) -> str:
        """UUID of the service that a person asked for."""
        return self.protects or self.service_uuid

    @property
    def label(self) -> str:
        """``A → B``."""
        return f"{self.nodes[0]} → {self.nodes[-1]}"


@dataclass(frozen=True)
class NetworkCopy:
    """Everything the controller has said up to ``version``."""

    topology: Topology
    bands: tuple[SpectrumBand, ...]  # of each row of the grid, in order of frequency
    shared_spectrum: bool  # True: both directions of a fibre pair share one spectrum
    version: int = 0
    store: str = ""  # that the version is of; empty before anything was said
    lightpaths: Mapping[str, ShownLightpath] = field(default_factory=dict)  # by service, in order of set-up
    failed: frozenset[frozenset[str]] = frozenset()  # fibre pairs that are cut, by their two ends
    drained: frozenset[frozenset[str]] = frozenset()  # what takes nothing new: links likewise, nodes alone
    # directed links of a topology by route, shared by all that this becomes
    _links: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def num_slots(self) -> int:
        """Columns of the spectrum grid."""
        return self.bands[-1].end_slot

    @property
    def num_units(self) -> int:
        """Rows of the spectrum grid: fibre pairs if they share a spectrum, else directed links."""
        return len(self.topology.fibres) if self.shared_spectrum else self.topology.num_links

    def units(self, nodes: Iterable[str]) -> tuple[int, ...]:
        """Rows of the spectrum grid that a route crosses.

        Raises:
            TopologyError: two neighbours on the route have no link.
        """
        route = tuple(nodes)
        links = self._links.get(route)
        if links is None:
            links = self._links[route] = tuple(self.topology.link_index(a, b) for a, b in pairwise(route))
        return tuple(link // 2 for link in links) if self.shared_spectrum else links

    def unit_name(self, unit: int) -> str:
        """``A – B`` for a fibre pair, ``A → B`` for a directed link."""
        link = 2 * unit if self.shared_spectrum else unit
        ends = (self.topology.link_source[link], self.topology.link_destination[link])
        names = [self.topology.node_names[end] for end in ends]
        return (" – " if self.shared_spectrum else " → ").join(names)

    def latest(self) -> ShownLightpath | None:
        """The lightpath set up last, if there is one."""
        return max(self.lightpaths.values(), key=lambda path: path.version, default=None)

    def apply(self, version: int, changes: Iterable[Mapping[str, Any]]) -> NetworkCopy:
        """The network after some changes, told in order.

        Args:
            version: the controller's version after them.
            changes: as ``GET /changes`` lists them (docs/contracts.md).

        Raises:
            ChangeError: an unknown kind, a missing field, or a route that the topology does not have.
        """
        lightpaths, failed = dict(self.lightpaths), set(self.failed)
        colours: dict[int, Counter[int]] = defaultdict(Counter)  # lightpaths of each colour, by row
        for shown in lightpaths.values():
            for unit in self.units(shown.nodes):
                colours[unit][shown.colour] += 1
        for change in changes:
            kind = change.get("kind")
            try:
                if kind in ("lightpath-added", "lightpath-removed"):
                    if gone := lightpaths.pop(str(change["service_uuid"]), None):
                        for unit in self.units(gone.nodes):
                            colours[unit][gone.colour] -= 1
                    if kind == "lightpath-added":
                        added = self._lightpath(change, colours)
                        lightpaths[added.service_uuid] = added
                        for unit in self.units(added.nodes):
                            colours[unit][added.colour] += 1
                elif kind == "link-failed":
                    failed.add(frozenset(change["nodes"]))
                elif kind == "link-repaired":
                    failed.discard(frozenset(change["nodes"]))
                elif kind not in STILL:
                    raise ChangeError(f"change {change.get('version')}: unknown kind {kind!r}")
            except KeyError as error:
                field_name = error.args[0]
                raise ChangeError(
                    f"change {change.get('version')} ({kind}): {field_name!r} is missing"
                ) from None
            except (TopologyError, TypeError) as error:
                raise ChangeError(f"change {change.get('version')} ({kind}): {error}") from None
        return replace(self, version=version, lightpaths=lightpaths, failed=frozenset(failed))

    def _lightpath(self, change: Mapping[str, Any], colours: Mapping[int, Counter[int]]) -> ShownLightpath:
        nodes = tuple(str(node) for node in change["nodes"])
        met = sum((colours[unit] for unit in self.units(nodes)), Counter[int]())
        # the colour least seen on the links crossed, so that neighbours in the grid can be told apart
        turn = int(change["version"]) % NUM_COLOURS
        colour = min(range(NUM_COLOURS), key=lambda index: (met[index], (index - turn) % NUM_COLOURS))
        return ShownLightpath.read(
            "",
            change,
            service_uuid=str(change["service_uuid"]),
            bit_rate_gbps=float(change["bit_rate_gbps"]),
            version=int(change["version"]),
            colour=colour,
            protects=str(change.get("protects") or ""),
        )


def topology_from_context(context: Mapping[str, Any], known: Topology) -> Topology:
    """The topology of a TAPI context; what TAPI left out (coordinates, lengths) comes from ``known``.

    Args:
        context: the object under ``tapi-common:context``.
        known: the configured topology, the answer too when the context describes none.
    """
    listed = context.get("tapi-topology:topology-context", {}).get("topology", [])
    if not listed:
        return known
    places = {node.name: node for node in known.nodes}
    lengths_km = {frozenset((f.node_a, f.node_b)): f.length_km for f in known.fibres}
    try:
        names_by_uuid = {node["uuid"]: as_dict(node["name"])[LOCAL_NAME] for node in listed[0]["node"]}
        nodes = []
        for node in listed[0]["node"]:
            pairs, name = as_dict(node["name"]), names_by_uuid[node["uuid"]]
            if "latitude-deg" in pairs and "longitude-deg" in pairs:
                nodes.append(Node(name, float(pairs["latitude-deg"]), float(pairs["longitude-deg"])))
            else:
                nodes.append(places[name])
        fibres = []
        for link in listed[0]["link"]:
            ends = [names_by_uuid[point["node-uuid"]] for point in link["node-edge-point"]]
            length_km = _length_km(link) or lengths_km[frozenset(ends)]
            fibres.append(Fibre(ends[0], ends[1], length_km))
        return Topology(as_dict(listed[0]["name"])[LOCAL_NAME], known.source, tuple(nodes), tuple(fibres))
    except (KeyError, IndexError, ValueError):
        return known


def _length_km(link: Mapping[str, Any]) -> float | None:
    costs = {cost["cost-name"]: float(cost["cost-value"]) for cost in link.get("cost-characteristic", ())}
    return costs.get("length-km")
