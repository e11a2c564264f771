"""What an element accepts as its configuration. Pure: configurations in, configurations out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def apply_edit(spec: ElementSpec, running: Mapping[str, CrossConnect], edit: Edit) -> dict[str, CrossConnect]:
    """The configuration after an edit; taking out a service that is not there is no error.

    Raises:
        ElementError: ``invalid-value``; nothing is changed.
    """
    result = {uuid: item for uuid, item in running.items() if uuid not in edit.remove}
    for item in edit.put:
        _check(spec, item)
        result[item.service_uuid] = item
    _check_no_overlap(spec, result.values())
    return result


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


def _check_no_overlap(spec: ElementSpec, items: Iterable[CrossConnect]) -> None:
    taken: dict[tuple[str, str], list[CrossConnect]] = {}
    for item in items:
        for side in _sides(spec, item):
            for other in taken.setdefault(side, []):
                if (
                    item.first_slot < other.first_slot + other.num_slots
                    and other.first_slot < item.first_slot + item.num_slots
                ):
                    raise ElementError(
                        spec.node,
                        "invalid-value",
                        f"port {side[0]!r}: slots of service {item.service_uuid} overlap with those of "
                        f"{other.service_uuid}",
                    )
            taken[side].append(item)


def _sides(spec: ElementSpec, item: CrossConnect) -> list[tuple[str, str]]:
    """Spectra that a cross-connect takes slots of: ``(port, direction)``, one per port where shared."""
    if spec.shared_spectrum:
        sides = {(item.in_port, "both"), (item.out_port, "both")}
    else:
        sides = {(item.in_port, "in"), (item.out_port, "out")}
        if item.bidirectional:
            sides |= {(item.in_port, "out"), (item.out_port, "in")}
    return sorted(side for side in sides if side[0] != ADD_DROP)
