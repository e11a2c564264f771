"""The traffic-engineering and lightpath databases (RFC 4655, RFC 8231), kept in step with the controller.

The controller owns the state; this is a copy that begins with its snapshot and follows its changes, page by
page. One thread has it to itself: a page is applied there, and candidates are looked at there, each whole, so
that every look sees one version of the controller's state and the event loop goes on meanwhile. What takes
less time than to hand it over is done by the event loop while the thread rests. Beside what the controller
tells stand the holds of decisions on their way (``holds.py``). Not here: the pages (``controller_feed.py``),
candidates (``envs``), the decision (``decide.py``).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from controlplane.pce.controller_feed import (
    ChangePage,
    ControllerFeed,
    DatabasesError,
    FeedEntry,
    Key,
    NotKeptError,
)
from controlplane.pce.holds import Holds
from controlplane.tapi.context import Drained
from envs.errors import SpectrumError
from envs.network import Network, ServiceLife
from envs.plant import Plant
from topologies.errors import TopologyError

_logger = logging.getLogger(__name__)
_PAUSE_S = 0.02
_SNAPSHOTS_TRIED = 3  # one of many pages may be gone before the last of them was asked for
# A version before the one that is shown needs no look at the controller where there was one so lately. After
# longer it might be one of another store.
_LATELY_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class _Copy:
    """The state of one store at one version.

    Attributes:
        is_whole: False before the first page, and for ever where one did not fit.
    """

    def __init__(self, plant: Plant, store: str) -> None:
        self.network = Network(plant)
        self.holds = Holds(self.network)
        self.store = store
        self.version = 0
        self.lightpaths: dict[Key, FeedEntry] = {}
        self.failed_links: set[frozenset[str]] = set()
        self.drained = Drained()
        self.is_whole = False
        self._plant = plant

    def apply(self, changes: Iterable[FeedEntry], version: int) -> None:
        """Follow some changes, after which the controller was at a version.

        Raises:
            SpectrumError: one does not fit what is here; the copy is worth nothing then.
            DatabasesError: the controller speaks of another network.
        """
        try:
            for change in changes:
                self._apply_one(change)
        except TopologyError as error:
            self.is_whole = False
            raise DatabasesError(f"the controller speaks of another network: {error}") from None
        except BaseException:
            self.is_whole = False
            raise
        self.version, self.is_whole = version, True

    def follow(self, page: ChangePage) -> bool:
        """Apply what of a page is not applied yet; whether the state is at its version, or later, now.

        Pages come from more than one side, so one may begin before what is shown, and one may not reach it.

        Raises:
            SpectrumError, DatabasesError: as ``apply``.
        """
        new = [change for change in page.changes if change.version > self.version]
        if new and self.is_whole and new[0].version == self.version + 1:
            self.apply(new, page.version)
        return self.is_whole and self.version >= page.version

    def _apply_one(self, change: FeedEntry) -> None:
        nodes = [self._plant.topology.node_index(name) for name in change.nodes]
        match change.kind:
            case "lightpath-added":
                if change.key in self.lightpaths:
                    raise SpectrumError(f"lightpath {change.service_uuid!r} is added twice")
                self.holds.end([change.decision_id])
                self.holds.make_way(nodes, change.first_slot, change.num_slots)
                block = change.first_slot, change.num_slots, change.modulation_format
                self.network.provision(nodes, *block, _life_of(change))
                self.lightpaths[change.key] = change
            case "lightpath-removed":
                if self.lightpaths.pop(change.key, None) is None:
                    raise SpectrumError(f"lightpath {change.service_uuid!r} is removed but was never added")
                self.network.release(nodes, change.first_slot, change.num_slots)
            case "link-failed":
                if frozenset(change.nodes) not in self.failed_links:
                    self.holds.make_way(nodes)
                    self.network.fail_link(*nodes)
                    self.failed_links.add(frozenset(change.nodes))
            case "link-repaired":
                if frozenset(change.nodes) in self.failed_links:
                    self.network.repair_link(*nodes)
                    self.failed_links.discard(frozenset(change.nodes))
            case "drained" | "undrained":
                self._drain(change.nodes, is_drained=change.kind == "drained")
            case "service-removed" | "locked" | "unlocked":
                pass  # it had no lightpath, or keeps its slots: nothing stands or falls with it

    def _drain(self, nodes: tuple[str, ...], is_drained: bool) -> None:
        links, drained = {ends for ends in self.drained.links if {*ends} != {*nodes}}, set(self.drained.nodes)
        if len(nodes) == 1:
            (drained.add if is_drained else drained.discard)(nodes[0])
        elif is_drained:
            links.add((nodes[0], nodes[1]))
        self.drained = Drained(frozenset(links), frozenset(drained))


def _life_of(change: FeedEntry) -> ServiceLife:
    """What is known of how long a service stays; one that is restored keeps its age."""
    ends_s = math.inf if change.ends_s is None else change.ends_s
    return ServiceLife(change.began_s or change.time_s, ends_s, change.service_class)


class Databases:
    """A copy of the network's state at ``version``, with the lightpaths and the failed links by name.

    ``have_been_in_step``: it has shown a state of the controller yet, and not only the empty network. Network
    and holds are touched by what is handed to ``alone`` only.

    Args:
        plant: the network; the controller's names must be its names.
        feed: what the controller tells.
        patience_s: how long ``bring_to`` waits for a version that the controller has not reached yet.
    """

    def __init__(self, plant: Plant, feed: ControllerFeed, patience_s: float = 2.0) -> None:
        self.plant = plant
        self._copy = _Copy(plant, store="")
        self._feed = feed
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pce-network")
        self._handed_over: list[Future[Any]] = []  # to the thread, and not done yet
        self._pulling = asyncio.Lock()
        self._pulls = 0  # begun
        self._last_good_pull = 0
        self._in_step = False
        self._in_step_s = time.monotonic()  # when they last were, or when they were made
        self.have_been_in_step = False

    async def alone(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns that has network and holds to itself while it runs."""
        future = self._thread.submit(functools.partial(work, *args, **kwargs))
        self._handed_over = [*(item for item in self._handed_over if not item.done()), future]
        return await asyncio.wrap_future(future)

    async def alone_shortly(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ``alone``, for what takes a fraction of a millisecond: done at once where the thread rests."""
        if all(item.done() for item in self._handed_over):
            return work(*args, **kwargs)
        return await self.alone(work, *args, **kwargs)

    def close(self) -> None:
        """Let what is under way end; nothing is looked at any more."""
        self._thread.shutdown()

    @property
    def staleness_s(self) -> float:
        """Since these were last known to be the controller's state; at first, since they were made."""
        return time.monotonic() - self._in_step_s

    @property
    def network(self) -> Network:
        """The spectrum; another object after the copy was begun anew."""
        return self._copy.network

    @property
    def holds(self) -> Holds:
        """What is held on it."""
        return self._copy.holds

    @property
    def is_whole(self) -> bool:
        """False where the controller told what does not fit, until its snapshot has been read anew."""
        return self._copy.is_whole

    @property
    def store(self) -> str:
        """Identity of the controller's database; empty before the first look."""
        return self._copy.store

    @property
    def version(self) -> int:
        """Of the controller's state that is shown."""
        return self._copy.version

    @property
    def lightpaths(self) -> dict[Key, FeedEntry]:
        """What stands."""
        return self._copy.lightpaths

    @property
    def failed_links(self) -> set[frozenset[str]]:
        """Ends of the links that are cut."""
        return self._copy.failed_links

    @property
    def drained(self) -> Drained:
        """What takes nothing new."""
        return self._copy.drained

    async def bring_to(self, version: int | None) -> None:
        """Return once the databases show ``version`` or later; without one, what the controller has now.

        Who waits at the same time shares a look at the controller.

        Raises:
            DatabasesError: the controller does not answer, does not reach the version, or sends what
                does not fit this plant.
        """
        if self._show(version):
            return
        arrived, deadline = self._pulls, time.monotonic() + self._patience_s
        while True:
            async with self._pulling:
                is_seen = self._last_good_pull > arrived if version is None else self._show(version)
                if not is_seen:
                    await self._pull()
            if version is None or self.version >= version:
                return
            if time.monotonic() > deadline:
                raise DatabasesError(f"the controller is at version {self.version}, asked for is {version}")
            await asyncio.sleep(_PAUSE_S)

    async def take(self, told: ChangePage) -> None:
        """Follow changes that the controller brought along, where they go on from what is shown.

        Raises:
            DatabasesError: they speak of another network.
        """
        copy = self._copy
        if told.store != copy.store or told.version < copy.version:
            return
        try:
            if await self.alone_shortly(copy.follow, told):
                self._are_in_step()
        except SpectrumError as error:
            _logger.warning("changes up to version %d do not fit: %s", told.version, error)

    def _show(self, version: int | None) -> bool:
        """Whether a version is shown, or a later one of the same store for all that is known."""
        if version is None or not (self._in_step and self._copy.is_whole):
            return False
        return version == self.version or (version < self.version and self.staleness_s < _LATELY_S)

    async def follow(self, interval_s: float) -> None:
        """Keep in step until cancelled; an unreachable controller is reported once and tried again."""
        while True:
            try:
                await self.bring_to(None)
            except DatabasesError as error:
                if self._in_step:
                    _logger.warning("the databases stay at version %d: %s", self.version, error)
                self._in_step = False
            except Exception:
                _logger.exception("the databases stay at version %d", self.version)
                self._in_step = False
            await asyncio.sleep(interval_s)

    async def _pull(self) -> None:
        self._pulls += 1
        this = self._pulls
        await self._renew()
        self._last_good_pull = this

    async def _renew(self) -> None:
        if self._copy.is_whole:
            try:
                await self._catch_up(self._copy)
                return
            except NotKeptError as error:
                _logger.warning("version %d is nothing to go on from: %s", self.version, error)
            except SpectrumError as error:
                _logger.warning(
                    "change after version %d does not fit (%s); starting over", self.version, error
                )
        try:
            copy = await self._snapshot()
            await self._catch_up(copy)
        except SpectrumError as error:
            raise DatabasesError(f"the controller's whole state does not fit this plant: {error}") from None
        self._copy = copy
        _logger.info("databases rebuilt: version %d, %d lightpaths", self.version, len(self.lightpaths))

    async def _catch_up(self, copy: _Copy) -> None:
        while True:
            since = copy.version
            page = await self._feed.changes(since, copy.store)
            if page.store != copy.store or page.version < since:
                raise NotKeptError(f"the controller is at version {page.version} of store {page.store}")
            if page.changes and not await self.alone(copy.follow, page):
                raise SpectrumError(f"changes up to version {page.version} do not follow on {copy.version}")
            if page.version >= page.last or not page.changes:
                break
        if not self._in_step:
            _logger.info("in step with the controller at version %d", copy.version)
        self._are_in_step()

    def _are_in_step(self) -> None:
        self._in_step, self._in_step_s, self.have_been_in_step = True, time.monotonic(), True

    async def _snapshot(self) -> _Copy:
        """A new copy, of one moment; the one in use stays as it is meanwhile.

        Raises:
            SpectrumError: it does not fit this plant.
        """
        for _ in range(_SNAPSHOTS_TRIED - 1):
            try:
                return await self._read_snapshot()
            except NotKeptError as error:
                _logger.warning("beginning the snapshot again: %s", error)
        return await self._read_snapshot()

    async def _read_snapshot(self) -> _Copy:
        page = await self._feed.snapshot(None, 0)
        copy = _Copy(self.plant, page.store)
        await self.alone(copy.apply, page.changes, page.version)
        while page.next is not None:
            page = await self._feed.snapshot(page.version, page.next)
            await self.alone(copy.apply, page.changes, page.version)
        return copy
