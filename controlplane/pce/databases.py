"""The traffic-engineering and lightpath databases (RFC 4655, RFC 8231), kept in step with the controller.

The controller owns the state; this is a copy that follows its change feed, ``GET /changes?since=N``.
Applying changes never waits, so between two awaits the copy is one version of the controller's state.
Not here: candidates (``envs``), the decision (``decide.py``).
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from envs.errors import SpectrumError
from envs.network import Network, ServiceLife
from envs.plant import Plant
from topologies.errors import TopologyError

_logger = logging.getLogger(__name__)
_PAUSE_S = 0.02
ENDING = ("delete", "ended")  # causes with which a service is gone, not only its lightpath

Key = tuple[str, tuple[str, ...], int, int]  # service, nodes, first slot, number of slots


class DatabasesError(ValueError):
    """The databases cannot be brought to the version asked for; says which and why."""


class FeedEntry(BaseModel):
    """One entry of the controller's change feed (``docs/contracts.md``)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    kind: Literal["lightpath-added", "lightpath-removed", "link-failed", "link-repaired", "service-removed"]
    nodes: tuple[str, ...] = Field(min_length=2)
    service_uuid: str = ""
    first_slot: int = 0
    num_slots: int = 0
    modulation_format: str = ""  # empty in a store of a version that did not tell it
    ends_s: float | None = None  # when its service ends, as the client told it; since 1970 UTC
    service_class: str = ""
    cause: str = ""
    time_s: float = 0.0  # since 1970 UTC

    @property
    def key(self) -> Key:
        """Which lightpath is meant: a service that is moved has two for a moment."""
        return self.service_uuid, self.nodes, self.first_slot, self.num_slots


class ChangeFeed(BaseModel):
    """What ``GET /changes`` answers. With ``reset`` the changes build the state from nothing.

    ``store`` names the controller's database: versions of two databases do not compare.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    reset: bool = False
    store: str | None = None
    changes: tuple[FeedEntry, ...] = ()


FetchChanges = Callable[[int], Awaitable[ChangeFeed]]


def controller_changes(client: httpx.AsyncClient) -> FetchChanges:
    """Fetches the controller's feed with a client whose base address and credentials are the controller's."""

    async def fetch(since: int) -> ChangeFeed:
        try:
            response = await client.get("/changes", params={"since": since})
            response.raise_for_status()
            return ChangeFeed.model_validate_json(response.content)
        except httpx.HTTPStatusError as error:
            raise DatabasesError(
                f"the controller answered {error.response.status_code} to {error.request.url}"
            ) from None
        except httpx.HTTPError as error:
            raise DatabasesError(f"no answer from the controller at {client.base_url}: {error!r}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DatabasesError(
                f"the controller's change feed is not as agreed: {place}: {first['msg']}"
            ) from None

    return fetch


class Databases:
    """A copy of the network's state at ``version``, with the lightpaths and the failed links by name.

    Args:
        plant: the network; the controller's names must be its names.
        fetch: gets the changes after a version.
        patience_s: how long ``bring_to`` waits for a version that the controller has not reached yet.
    """

    def __init__(self, plant: Plant, fetch: FetchChanges, patience_s: float = 2.0) -> None:
        self.plant = plant
        self.network = Network(plant)
        self.version = 0
        self.lightpaths: dict[Key, FeedEntry] = {}
        self.failed_links: set[frozenset[str]] = set()
        self._began_s: dict[str, float] = {}  # service: when it was set up first
        self._store: str | None = None
        self._fetch = fetch
        self._patience_s = patience_s
        self._pulling = asyncio.Lock()
        self._whole = True  # False while, or after, changes were applied in part
        self._in_step = False

    async def bring_to(self, version: int | None) -> None:
        """Return once the databases show ``version`` or later; without one, what the controller has now.

        Raises:
            DatabasesError: the controller does not answer, does not reach the version, or sends what
                does not fit this plant.
        """
        if version is not None and version == self.version and self._in_step and self._whole:
            return
        deadline = time.monotonic() + self._patience_s
        while True:
            async with self._pulling:
                await self._pull()
            if version is None or self.version >= version:
                return
            if time.monotonic() > deadline:
                raise DatabasesError(f"the controller is at version {self.version}, asked for is {version}")
            await asyncio.sleep(_PAUSE_S)

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
        feed = await self._fetch(self.version)
        other_store = self._store is not None and feed.store != self._store
        if not feed.reset and not other_store:
            try:
                self._apply(feed)
                return
            except SpectrumError as error:
                _logger.warning(
                    "change after version %d does not fit (%s); starting over", self.version, error
                )
                feed = await self._fetch(0)
        elif not feed.reset or (not feed.changes and feed.version > 0):
            feed = await self._fetch(0)
        self._start_over(feed)

    def _start_over(self, feed: ChangeFeed) -> None:
        self.network = Network(self.plant)
        self.version = 0
        self.lightpaths = {}
        self.failed_links = set()
        self._began_s = {}
        try:
            self._apply(feed)
        except SpectrumError as error:
            raise DatabasesError(f"the controller's whole state does not fit this plant: {error}") from None
        _logger.info("databases rebuilt: version %d, %d lightpaths", self.version, len(self.lightpaths))

    def _apply(self, feed: ChangeFeed) -> None:
        self._whole = False
        for change in feed.changes:
            try:
                self._apply_change(change)
            except TopologyError as error:
                raise DatabasesError(f"the controller speaks of another network: {error}") from None
        self.version, self._store, self._whole = feed.version, feed.store, True
        if not self._in_step:
            _logger.info("in step with the controller at version %d", self.version)
        self._in_step = True

    def _apply_change(self, change: FeedEntry) -> None:
        nodes = [self.plant.topology.node_index(name) for name in change.nodes]
        match change.kind:
            case "lightpath-added":
                if change.key in self.lightpaths:
                    raise SpectrumError(f"lightpath {change.service_uuid!r} is added twice")
                block = change.first_slot, change.num_slots, change.modulation_format
                self.network.provision(nodes, *block, self._life_of(change))
                self.lightpaths[change.key] = change
            case "lightpath-removed":
                if self.lightpaths.pop(change.key, None) is None:
                    raise SpectrumError(f"lightpath {change.service_uuid!r} is removed but was never added")
                self.network.release(nodes, change.first_slot, change.num_slots)
                if change.cause in ENDING:
                    self._began_s.pop(change.service_uuid, None)
            case "link-failed":
                if frozenset(change.nodes) not in self.failed_links:
                    self.network.fail_link(*nodes)
                    self.failed_links.add(frozenset(change.nodes))
            case "link-repaired":
                if frozenset(change.nodes) in self.failed_links:
                    self.network.repair_link(*nodes)
                    self.failed_links.discard(frozenset(change.nodes))
            case "service-removed":
                # It had no lightpath: nothing stands or falls with it.
                self._began_s.pop(change.service_uuid, None)

    def _life_of(self, change: FeedEntry) -> ServiceLife:
        """What is known of how long a service stays; one that is restored keeps its age."""
        began_s = self._began_s.setdefault(change.service_uuid, change.time_s)
        ends_s = math.inf if change.ends_s is None else change.ends_s
        return ServiceLife(began_s, ends_s, change.service_class)
