"""Who has which slots before their lightpath is stored: two requests can never have the same.

A path is verified and its slots are reserved in one short section; what is lit and what is reserved count
alike. Not here: whether a path is valid (``verify.py``), what is done while slots are reserved
(``setting_up.py``).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from controlplane.controller.network import SpectrumMap, Unit
from controlplane.controller.state import NetworkState
from controlplane.controller.verify import verify_path
from controlplane.lightpath import Lightpath
from controlplane.tapi.service_body import ServiceRequest


@dataclass(frozen=True, eq=False)
class Reservation:
    """Slots along a route for one service.

    Attributes:
        path: as it was verified.
        ended: set when the slots are lit, or free again.
    """

    path: Lightpath
    ended: threading.Event = field(default_factory=threading.Event)


class Reservations:
    """Reserves slots of a network; safe to share between threads.

    Args:
        state: what is lit.
    """

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._given_back = threading.Condition(self._lock)
        self._kept: Counter[Unit] = Counter()
        self._open: dict[Reservation, None] = {}
        self._reserved = SpectrumMap(state.plant)
        self._left: list[Reservation] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def moment(self) -> tuple[int, int]:
        """Another one after anything was lit, reserved, released, cut or repaired."""
        return self._state.version, self._count

    def reserve(self, path: Lightpath, request: ServiceRequest, patience_s: float = 0.0) -> Reservation:
        """Verify a path and reserve its slots; who calls this ends the reservation.

        Args:
            path: as proposed.
            request: what it is to carry.
            patience_s: to wait so long for spectrum on its way that somebody else keeps.

        Raises:
            PathRejected: it may not carry the request now.
        """
        state = self._state
        units = state.plant.units(path.nodes)
        with self._lock:
            self._given_back.wait_for(lambda: not any(map(self._kept.__getitem__, units)), patience_s)
            standing: list[Lightpath] = []
            if state.plant.quality:
                lit = (service.path for service in state.services())
                standing = [path for path in lit if path] + [item.path for item in self._open]
            verified = verify_path(path, request, state.plant, self, state.failed_links, standing)
            made = Reservation(verified)
            self._reserved.light(verified.nodes, verified.first_slot, verified.num_slots)
            self._open[made] = None
            self._count += 1
        return made

    def end(self, reservation: Reservation) -> None:
        """Its slots are lit by now, or needed no more."""
        path = reservation.path
        with self._lock:
            del self._open[reservation]
            self._reserved.release(path.nodes, path.first_slot, path.num_slots)
            self._count += 1
        reservation.ended.set()

    @contextmanager
    def kept(self, unit: Unit) -> Iterator[None]:
        """Whoever has patience reserves nothing there during the block: who was overtaken comes first."""
        with self._lock:
            self._kept[unit] += 1
        try:
            yield
        finally:
            with self._lock:
                self._kept[unit] -= 1
                self._kept += Counter()  # without the zeros
                self._given_back.notify_all()

    @contextmanager
    def none(self) -> Iterator[None]:
        """Nothing is reserved during the block."""
        with self._lock:
            yield

    def leave(self, reservation: Reservation) -> None:
        """Keep its slots until ``end_left``: nobody knows yet whether its lightpath is stored."""
        with self._lock:
            self._left.append(reservation)

    def end_left(self) -> None:
        """End the reservations that were left; the state was read anew since."""
        with self._lock:
            left, self._left = self._left, []
        for reservation in left:
            self.end(reservation)

    def in_the_way_of(self, path: Lightpath) -> tuple[tuple[Reservation, Unit], ...]:
        """Reservations that have a slot of a path, and where."""
        plant = self._state.plant
        wanted = set(plant.units(path.nodes))
        found = []
        with self._lock:
            for item in self._open:
                theirs = item.path
                if (
                    theirs.first_slot < path.first_slot + path.num_slots
                    and path.first_slot < theirs.first_slot + theirs.num_slots
                ):
                    found += [(item, unit) for unit in plant.units(theirs.nodes) if unit in wanted][:1]
        return tuple(found)

    def taken_by_link(self) -> dict[Unit, int]:
        """Slots that are lit or reserved on each directed link, bit i = slot i."""
        with self._lock:
            reserved = self._reserved.by_link()
        # Read second: what is lit meanwhile is in one of the two.
        return {ends: lit | reserved[ends] for ends, lit in self._state.lit_by_link().items()}

    def clash(self, nodes: tuple[str, ...], first_slot: int, num_slots: int) -> Unit | None:
        """As ``Occupied.clash``: the slots that are lit, and those that are reserved."""
        clash = self._reserved.clash(nodes, first_slot, num_slots)
        return clash or self._state.lit.clash(nodes, first_slot, num_slots)
