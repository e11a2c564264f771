"""What an element accepts as its configuration. Pure: no files, no HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.elements.interface import ADD_DROP, CrossConnect, Edit, ElementError
from topologies.grid import SpectrumBand, band_of
from topologies.model import Topology


@dataclass(frozen=True)
class ElementSpec:
    """The hardware of an element.

    Attributes:
        node: its name.
        line_ports: one per neighbour, named after it. Add and drop are contentionless: any number of
            lightpaths may use the same slots at ``ADD_DROP``.
        bands: spectrum of a line port, in order of frequency.
        shared_spectrum: whether both directions of a line port share one spectrum.
    """

    node: str
    line_ports: frozenset[str]
    bands: tuple[SpectrumBand, ...]
    shared_spectrum: bool


def element_specs(
    topology: Topology, bands: Sequence[SpectrumBand], shared_spectrum: bool
) -> dict[str, ElementSpec]:
    """The elements of a network, by node name."""
    ports: dict[str, set[str]] = {name: set() for name in topology.node_names}
    for fibre in topology.fibres:
        ports[fibre.node_a].add(fibre.node_b)
        ports[fibre.node_b].add(fibre.node_a)
    return {
        name: ElementSpec(name, frozenset(neighbours), tuple(bands), shared_spectrum)
        for name, neighbours in ports.items()
    }


@dataclass(frozen=True)
class EditDifference:
    """What an edit really changes.

    Attributes:
        gone: services whose cross-connect is taken out or replaced.
        new: cross-connects that were not there.
    """

    gone: tuple[str, ...]
    new: tuple[CrossConnect, ...]


class Configuration:
    """The cross-connects of one element. An edit costs what it changes, not what is there.

    Args:
        spec: the element's hardware.
        items: what it holds at first.

    Attributes:
        items: by service.
    """

    def __init__(self, spec: ElementSpec, items: Iterable[CrossConnect] = ()) -> None:
        self._spec = spec
        self.items: dict[str, CrossConnect] = {}
        self._taken: dict[tuple[str, str], int] = {}  # bits of slots, by spectrum
        self.make(self.difference(Edit(put=tuple(items))))

    def difference(self, edit: Edit) -> EditDifference:
        """What an edit changes; nothing is changed yet.

        Raises:
            ElementError: ``invalid-value``.
        """
        after: dict[str, CrossConnect | None] = dict.fromkeys(edit.remove)
        for item in edit.put:
            _check(self._spec, item)
            after[item.service_uuid] = item
        changed = {uuid: item for uuid, item in after.items() if self.items.get(uuid) != item}
        gone = tuple(uuid for uuid in changed if uuid in self.items)
        new = tuple(item for item in changed.values() if item is not None)
        self._check_no_overlap(gone, new)
        return EditDifference(gone, new)

    def make(self, difference: EditDifference) -> None:
        """Change what an edit changes; it was computed on this configuration."""
        for uuid in difference.gone:
            item = self.items.pop(uuid)
            for side in _sides(self._spec, item):
                self._taken[side] &= ~_block(item)
        for item in difference.new:
            self.items[item.service_uuid] = item
            for side in _sides(self._spec, item):
                self._taken[side] = self._taken.get(side, 0) | _block(item)

    def _check_no_overlap(self, gone: Sequence[str], new: Sequence[CrossConnect]) -> None:
        taken: dict[tuple[str, str], int] = {}
        for item in map(self.items.__getitem__, gone):
            for side in _sides(self._spec, item):
                taken[side] = taken.get(side, self._taken[side]) & ~_block(item)
        for item in new:
            for side in _sides(self._spec, item):
                before = taken.get(side, self._taken.get(side, 0))
                if before & _block(item):
                    others = [*(other for uuid, other in self.items.items() if uuid not in gone), *new]
                    clash = next(
                        other
                        for other in others
                        if other is not item
                        and side in _sides(self._spec, other)
                        and _block(other) & _block(item)
                    )
                    raise ElementError(
                        self._spec.node,
                        "invalid-value",
                        f"port {side[0]!r}: slots of service {item.service_uuid} overlap with those of "
                        f"{clash.service_uuid}",
                    )
                taken[side] = before | _block(item)


def _check(spec: ElementSpec, item: CrossConnect) -> None:
    def refuse(message: str) -> ElementError:
        return ElementError(spec.node, "invalid-value", f"service {item.service_uuid}: {message}")

    if not item.service_uuid:
        raise refuse("a UUID is needed")
    for port in (item.in_port, item.out_port):
        if port != ADD_DROP and port not in spec.line_ports:
            raise refuse(f"no port {port!r}; there are {', '.join(sorted(spec.line_ports))} and {ADD_DROP}")
    if item.in_port == item.out_port:
        raise refuse(f"in and out port are both {item.in_port!r}")
    try:
        band_of(spec.bands, item.first_slot, item.num_slots)
    except ValueError as error:
        raise refuse(str(error)) from None
    if bool(item.modulation_format) != (ADD_DROP in (item.in_port, item.out_port)):
        raise refuse("a modulation format is given exactly where the lightpath begins or ends")


def _block(item: CrossConnect) -> int:
    return ((1 << item.num_slots) - 1) << item.first_slot


def _sides(spec: ElementSpec, item: CrossConnect) -> list[tuple[str, str]]:
    """Spectra that a cross-connect takes slots of: ``(port, direction)``, one per port where shared."""
    if spec.shared_spectrum:
        sides = {(item.in_port, "both"), (item.out_port, "both")}
    else:
        sides = {(item.in_port, "in"), (item.out_port, "out")}
        if item.bidirectional:
            sides |= {(item.in_port, "out"), (item.out_port, "in")}
    return sorted(side for side in sides if side[0] != ADD_DROP)
