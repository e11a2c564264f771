"""A network that begins where operation was: what stood, put up again with the rest of life that it may have.

Not here: the requests that were asked then (``replay_window.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from envs.around import Around, around
from envs.failures import fail_fibre
from envs.holding import HoldingTimes
from envs.lived_times import ALL
from envs.plant import Plant
from envs.standing import put_up
from envs.state import NetworkStates
from envs.window import Placed, Standing, Window, WindowError
from topologies.detours import Avoided
from topologies.model import TopologyError


@dataclass(frozen=True)
class StandingSnapshot:
    """What stood at a moment.

    Attributes:
        standing: lightpaths, with their ages.
        failed_links: ends of the links that were cut.
        holding: times by class and, under ``ALL``, of all; what the rest of a life is drawn from where no end
            was told. A class without any, where there is no ``ALL`` either, keeps the departure it has.
    """

    standing: tuple[Standing, ...]
    failed_links: tuple[tuple[str, str], ...]
    holding: Mapping[str, HoldingTimes]

    @classmethod
    def of(cls, window: Window, holding: Mapping[str, HoldingTimes], speed: float = 1.0) -> StandingSnapshot:
        """The begin of a window, on a clock that runs ``speed`` times as fast as the window's."""
        standing = tuple(
            replace(
                item,
                age_s=item.age_s * speed,
                departs_s=item.departs_s * speed,
                told_end_s=None if item.told_end_s is None else item.told_end_s * speed,
            )
            for item in window.standing
        )
        return cls(standing, window.failed_links, holding)

    def drawn(self, seed: int) -> tuple[Standing, ...]:
        """What stands, departing at its told end, else at an end drawn among lives that reached its age."""
        shares = 1.0 - np.random.default_rng(seed).random(len(self.standing))
        return tuple(map(self._drawn, self.standing, shares))

    def put_into(self, plant: Plant, states: NetworkStates, network: int, seed: int) -> None:
        """Put everything up in an empty network at time 0; the seed draws how long it stays.

        Raises:
            WindowError: a link, or a lightpath, that does not fit the plant; names it.
        """
        put_standing(plant, states, self.drawn(seed), self.failed_links, network)

    def _drawn(self, item: Standing, share: float) -> Standing:
        times = self.holding.get(item.service_class, self.holding.get(ALL))
        if item.told_end_s is not None:
            return replace(item, departs_s=item.told_end_s)
        if times is None:
            return item
        return replace(item, departs_s=times.quantile(item.age_s, float(share)) - item.age_s)

    def known_to(self, plant: Plant) -> Around:
        """The plant with the routes of what stood, and the paths around what had failed.

        Raises:
            WindowError: a link, or a lightpath, that does not fit the plant; names it.
        """
        stood = [(item.service, item.placed) for item in self.standing]
        return plant_that_knows(plant, stood, [self.failed_links])


def plant_that_knows(
    plant: Plant,
    lightpaths: Iterable[tuple[str, Placed]],
    failures: Iterable[Collection[tuple[str, str]]] = (),
) -> Around:
    """The plant with the routes of lightpaths that its table may lack, and the paths around failures.

    Restored lightpaths, and those whose clients excluded something, stand on routes of their own.

    Args:
        plant: the network.
        lightpaths: (service, where it stands).
        failures: the ends of the links that are down, each time.

    Raises:
        WindowError: a link, or a route, that the network does not have; names link or service.
    """
    routes: dict[tuple[int, ...], None] = {}
    for service, placed in lightpaths:
        try:
            nodes = tuple(plant.topology.node_index(name) for name in placed.nodes)
            plant.units_of_nodes(nodes)
        except TopologyError as error:
            raise WindowError(f"service {service}: {error}; the window is of another network") from None
        routes[nodes] = None
    return around(plant, [down_of(plant, links) for links in failures], routes)


def down_of(plant: Plant, links: Iterable[tuple[str, str]]) -> Avoided:
    """Failed links, told by their ends, as what no path may cross.

    Raises:
        WindowError: one that the network does not have.
    """
    return Avoided(frozenset(fibre_of(plant, ends) for ends in links))


def put_standing(
    plant: Plant,
    states: NetworkStates,
    standing: tuple[Standing, ...],
    failed_links: tuple[tuple[str, str], ...],
    network: int = 0,
) -> None:
    """Fail links and put lightpaths up in an empty network at time 0, each until it departs.

    Raises:
        WindowError: a link, or a lightpath, that does not fit the plant; names it.
    """
    for fibre in {fibre_of(plant, ends) for ends in failed_links}:
        fail_fibre(plant, states, network, fibre)
    for item in standing:
        put_up(
            plant,
            states,
            item.service,
            item.placed,
            item.bit_rate_gbps,
            item.departs_s,
            network=network,
            life=item.life,
        )


def fibre_of(plant: Plant, ends: tuple[str, str]) -> int:
    """The fibre pair between two nodes.

    Raises:
        WindowError: there is none.
    """
    try:
        return plant.topology.link_index(*ends) // 2
    except TopologyError as error:
        raise WindowError(f"link {'-'.join(ends)}: {error}; the window is of another network") from None
