"""Slots that were decided on and whose set-up the controller has not told of yet: taken for a moment.

So two decisions that are taken side by side do not propose the same slots. A hold is no allocation: the
controller alone allocates, and what it tells counts. A hold ends when the controller tells of its lightpath
or of another one in its place, when its service asks again, when a link of it is cut, and after a moment. Not
here: who decides (``computation.py``), what the controller tells (``databases.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from envs.candidates import Candidate
from envs.network import Network, ServiceLife

HELD_S = 5.0  # a set-up takes much less where every element answers


@dataclass(frozen=True)
class _Hold:
    service_uuid: str
    nodes: tuple[int, ...]
    first_slot: int
    num_slots: int
    modulation_format: str
    life: ServiceLife
    until_s: float  # by the clock of the holds
    units: frozenset[int]  # of the spectrum, on its way

    def crosses(self, units: frozenset[int], first_slot: int, num_slots: int) -> bool:
        """Whether it has a slot of a block on one of its units."""
        is_same = first_slot < self.first_slot + self.num_slots and self.first_slot < first_slot + num_slots
        return is_same and not units.isdisjoint(self.units)


class Holds:
    """The holds on one network, by decision; whoever has the network to himself may call this.

    Args:
        network: on which the slots are taken.
        held_s: the moment.
        clock: in seconds.
    """

    def __init__(
        self, network: Network, held_s: float = HELD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._network = network
        self._held_s = held_s
        self._clock = clock
        self._by_decision: dict[str, _Hold] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._by_decision)

    def __contains__(self, decision_id: str) -> bool:
        return decision_id in self._by_decision

    def take(self, decision_id: str, service_uuid: str, candidate: Candidate, life: ServiceLife) -> None:
        """Take the slots of a candidate, which are free; an earlier hold of the same service ends.

        Raises:
            SpectrumError: they are not free.
        """
        self.end_of(service_uuid)
        block = candidate.nodes, candidate.first_slot, candidate.num_slots, candidate.modulation_format
        self._network.provision(*block, life)
        units = frozenset(self._network.plant.units_of_nodes(candidate.nodes))
        self._by_decision[decision_id] = _Hold(
            service_uuid, *block, life, self._clock() + self._held_s, units
        )

    def end(self, decision_ids: Iterable[str]) -> None:
        """Give the slots of some decisions back; of one that holds none, nothing."""
        for decision_id in decision_ids:
            hold = self._by_decision.pop(decision_id, None)
            if hold is not None:
                self._network.release(hold.nodes, hold.first_slot, hold.num_slots)

    def end_of(self, service_uuid: str) -> None:
        """End what is held for a service: it asks again, so what it was told before did not come to be."""
        self.end([held for held, hold in self._by_decision.items() if hold.service_uuid == service_uuid])

    def expire(self) -> None:
        """End those whose moment is over."""
        now_s = self._clock()
        self.end([held for held, hold in self._by_decision.items() if hold.until_s <= now_s])

    def make_way(self, nodes: Sequence[int], first_slot: int = 0, num_slots: int | None = None) -> None:
        """End those that have a slot of a block on a way or its way back; without a block, any slot."""
        if not self._by_decision:
            return
        plant = self._network.plant
        size = plant.spec.num_slots if num_slots is None else num_slots
        units = frozenset((*plant.units_of_nodes(nodes), *plant.units_of_nodes(nodes[::-1])))
        held = self._by_decision.items()
        self.end([decision for decision, hold in held if hold.crosses(units, first_slot, size)])

    @contextmanager
    def lifted(self, decision_ids: Iterable[str] | None = None) -> Iterator[None]:
        """The network without the holds of some decisions, or of all, for as long as the block lasts."""
        chosen = self._by_decision if decision_ids is None else decision_ids
        lifted = [self._by_decision[decision_id] for decision_id in chosen]
        for hold in lifted:
            self._network.release(hold.nodes, hold.first_slot, hold.num_slots)
        try:
            yield
        finally:
            for hold in lifted:
                block = hold.nodes, hold.first_slot, hold.num_slots, hold.modulation_format
                self._network.provision(*block, hold.life)
