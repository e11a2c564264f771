"""A network in which lightpaths stand where a log says, with the slots kept twice.

Once as a plain table of who holds which slot, written from the definition; once as the PCE keeps them
(``network.py``). A change that does not fit changes nothing, and says why. Not here: the order of the changes
(``fidelity.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from envs.errors import SpectrumError
from envs.network import UNTOLD, Network, ServiceLife
from envs.plant import Plant
from envs.standing import power_w, put_up, take_down
from envs.state import NetworkStates, new_states
from envs.window import Placed, WindowError
from topologies.model import TopologyError

UNTIL_TAKEN_DOWN_S = 0.0  # the clock of the meter's network stands still, so nothing departs by itself


def unlived(plant: Plant) -> LoggedNetwork:
    """An empty one."""
    return LoggedNetwork(plant, Network(plant), _meter(plant))


def _meter(plant: Plant) -> NetworkStates | None:
    return new_states(plant, 1, load_erlang=64.0, mean_holding_s=1.0) if plant.power else None


@dataclass
class LoggedNetwork:
    """What stands, as logged changes make it. Mutable: the state of a walk through a window.

    Attributes:
        network: as the PCE keeps it.
        meter: for power, where the plant has a power model and knows every route.
        holder: (unit, slot): service.
        standing: where the lightpath of a service stands.
        left_s: when that of a service was last removed.
        failed: units.
    """

    plant: Plant
    network: Network
    meter: NetworkStates | None
    holder: dict[tuple[int, int], str] = field(default_factory=dict)
    standing: dict[str, Placed] = field(default_factory=dict)
    left_s: dict[str, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)

    def units(self, placed: Placed) -> tuple[int, ...]:
        """Spectrum units of a lightpath.

        Raises:
            TopologyError: a node or link that the network does not have.
        """
        return self.plant.units_of_nodes(self.nodes(placed))

    def nodes(self, placed: Placed) -> tuple[int, ...]:
        """Node indices of a lightpath's route."""
        return tuple(self.plant.topology.node_index(name) for name in placed.nodes)

    def add(self, service: str, placed: Placed, bit_rate_gbps: float, life: ServiceLife = UNTOLD) -> str:
        """Set a lightpath up, with what is known of its life; why that cannot be, or nothing."""
        if service in self.standing:
            return f"service {service} stands already"
        try:
            units, nodes = self.units(placed), self.nodes(placed)
        except TopologyError as error:
            return str(error)
        for unit in units:
            if unit in self.failed:
                return f"{where_of(placed)} crosses a failed link"
            for slot in range(placed.first_slot, placed.first_slot + placed.num_slots):
                if (holder := self.holder.get((unit, slot))) is not None:
                    return f"slot {slot} of {where_of(placed)} is held by service {holder}"
        try:
            self.network.provision(nodes, placed.first_slot, placed.num_slots, placed.modulation_format, life)
        except SpectrumError as error:
            return str(error)
        if self.meter is not None:
            try:
                put_up(self.plant, self.meter, service, placed, bit_rate_gbps, UNTIL_TAKEN_DOWN_S)
            except WindowError:
                self.meter = None
        for unit in units:
            for slot in range(placed.first_slot, placed.first_slot + placed.num_slots):
                self.holder[unit, slot] = service
        self.standing[service] = placed
        return ""

    def remove(self, service: str, time_s: float) -> str:
        """Take the lightpath of a service down, which stands; why the PCE could not, or nothing."""
        placed, reason = self.standing.pop(service), ""
        self.left_s[service] = time_s
        try:
            self.network.release(self.nodes(placed), placed.first_slot, placed.num_slots)
        except SpectrumError as error:  # a link came back while it stood there
            reason = str(error)
        if self.meter is not None:
            take_down(self.plant, self.meter, service, placed)
        for unit in self.units(placed):
            for slot in range(placed.first_slot, placed.first_slot + placed.num_slots):
                del self.holder[unit, slot]
        return reason

    def change_link(self, nodes: tuple[str, ...], fails: bool) -> None:
        """Fail or repair a link, told by its ends; twice changes nothing more."""
        a, b = (self.plant.topology.node_index(name) for name in nodes)
        units = {*self.plant.units_of_nodes((a, b)), *self.plant.units_of_nodes((b, a))}
        if fails and not units <= self.failed:
            self.network.fail_link(a, b)
            self.failed |= units
        elif not fails and units <= self.failed:
            self.network.repair_link(a, b)
            self.failed -= units

    def power_differing_w(self, at_end: Mapping[str, Placed], rates_gbps: Mapping[str, float]) -> float:
        """The meter after all that came and went, less one that sees only what stands at the end; or NaN."""
        fresh = _meter(self.plant)
        if self.meter is None or fresh is None:
            return math.nan
        for service, placed in at_end.items():
            put_up(self.plant, fresh, service, placed, rates_gbps.get(service, 0.0), UNTIL_TAKEN_DOWN_S)
        return power_w(self.plant, self.meter) - power_w(self.plant, fresh)


def where_of(placed: Placed | None) -> str:
    """Route, slots and format in words."""
    if placed is None:
        return "nowhere"
    last = placed.first_slot + placed.num_slots - 1
    return f"{'-'.join(placed.nodes)} slots {placed.first_slot} to {last} {placed.modulation_format}".rstrip()
