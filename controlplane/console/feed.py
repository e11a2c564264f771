"""Follows the controller and the PCE, survives their absence, tells the open pages. Not here: HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx

from controlplane.auth import Identity
from controlplane.client import ControllerClient, PceClient, ServiceRefused
from controlplane.console.alarms import Alarm, AlarmBook
from controlplane.console.listeners import Listeners
from controlplane.console.network import ChangeError, NetworkCopy, topology_from_context
from controlplane.console.permit import need
from controlplane.console.set_ups import ShownSetUp
from controlplane.console.viewmodel import Decision, PceStatus, Snapshot
from controlplane.metrics import ConsoleMetrics
from controlplane.roles import Role
from topologies.grid import SpectrumBand
from topologies.model import Topology

logger = logging.getLogger(__name__)

REFRESH_S = 2.0  # asked anyway this often, in case a notification was lost
SETTLE_S = 0.15  # shortest time between two questions, so that a burst costs few questions and few pictures
STEP_SETTLE_S = 0.1  # shorter, since the steps of a request are followed with the eye
PCE_SETTLE_S = 0.4  # longer, since the list of decisions is long
FIRST_RETRY_S = 0.25
LAST_RETRY_S = 4.0
NUM_DECISIONS = 100
NUM_SET_UPS = 20
GATHER_S = 0.04  # that other news wait for those of the network, with which most of them come
ALARMS_S = 5.0  # between two questions about what is amiss

Listener = Callable[[Snapshot], None]


class Feed:
    """Keeps a ``Snapshot`` in step with the controller and the PCE.

    Notifications say when something changed; the controller's changes, from its snapshot on, say what. While
    the controller is away the last known state stays, marked as such; when it is back the feed goes on,
    whether its state survived or not.
    """

    def __init__(
        self,
        controller: ControllerClient,
        pce: PceClient,
        topology: Topology,
        bands: tuple[SpectrumBand, ...],
        shared_spectrum: bool,
        alarms: AlarmBook | None = None,
    ) -> None:
        self.controller = controller
        self._pce = pce
        self._known = topology
        self._empty = (bands, shared_spectrum)
        self._alarms = alarms or AlarmBook()
        self.snapshot = Snapshot(alarms=self._alarms.alarms)
        self.metrics = ConsoleMetrics()
        self._listeners: Listeners[Snapshot] = Listeners()
        self._network_asked = asyncio.Lock()
        self._network_stirred = asyncio.Event()
        self._pce_stirred = asyncio.Event()
        self._set_ups_stirred = asyncio.Event()
        self._asking = 0  # requests of open pages that are on their way
        self._told_s = -math.inf  # when the pages were told last, by the event loop's clock
        self._telling: asyncio.TimerHandle | None = None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a listener with every new snapshot; what comes back ends it."""
        return self._listeners.add(listener)

    def measured(self) -> ConsoleMetrics:
        """The metrics with every gauge as it is now."""
        snapshot = self.snapshot
        self.metrics.pages.set(len(self._listeners))
        self.metrics.answers.labels("controller").set(snapshot.controller_fault is None)
        self.metrics.answers.labels("pce").set(snapshot.pce_fault is None)
        self.metrics.state_version.set(snapshot.network.version if snapshot.network else 0)
        return self.metrics

    def trouble(self) -> list[str]:
        """Who of the two does not answer, and why, in words."""
        faults = {"controller": self.snapshot.controller_fault, "PCE": self.snapshot.pce_fault}
        return [f"{name}: {fault}" for name, fault in faults.items() if fault is not None]

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self._follow(self.refresh_network, self._network_stirred, self._controller_gone, SETTLE_S)
            )
            group.create_task(
                self._follow(self._refresh_pce, self._pce_stirred, self._pce_gone, PCE_SETTLE_S)
            )
            group.create_task(
                self._follow(self._refresh_set_ups, self._set_ups_stirred, self._no_set_ups, STEP_SETTLE_S)
            )
            group.create_task(self._watch_alarms())
            group.create_task(self._listen())

    def close(self) -> None:
        """Close the connections."""
        self.controller.close()
        self._pce.close()

    async def refresh_network(self) -> None:
        """Bring the snapshot to the controller's present version.

        Raises:
            ServiceRefused, ChangeError: it does not answer, or not what it should.
        """
        async with self._network_asked:
            state = self.snapshot.network
            if state is None or self.snapshot.controller_fault:
                # after an outage the controller may serve another topology
                topology = topology_from_context(await to_thread(self.controller.topology), self._known)
                if state is None or topology.content_hash != state.topology.content_hash:
                    state = NetworkCopy(topology, *self._empty)
            followed = await to_thread(self._follow_changes, state)
            if followed is not state:
                self._pce_stirred.set()  # a change of the network mostly follows a decision
            state = followed
            self._publish(replace(self.snapshot, network=state, controller_fault=None))

    async def why(self, decision_id: str) -> dict[str, Any]:
        """Why a decision came out as it did, as the PCE says.

        Raises:
            ServiceRefused: it does not answer, or does not know the decision any more.
        """
        return await to_thread(self._pce.why, decision_id)

    def stir(self) -> None:
        """Ask both at once, e.g. because a request was refused."""
        self._network_stirred.set()
        self._pce_stirred.set()
        self._set_ups_stirred.set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Follow the steps of the set-ups closely as long as the block lasts."""
        self._asking += 1
        self._set_ups_stirred.set()
        try:
            yield
        finally:
            self._asking -= 1

    def _follow_changes(self, state: NetworkCopy) -> NetworkCopy:
        """The network as it is now: by the changes since, or by the snapshot where they are not to be had."""
        if state.store:
            try:
                return self._catch_up(state)
            except ServiceRefused as error:
                if error.status != httpx.codes.GONE:
                    raise
                logger.info("taking the state anew: %s", error)
        state = replace(state, lightpaths={}, failed=frozenset())
        for page in self.controller.snapshot():
            state = replace(state, store=page["store"]).apply(page["version"], page["changes"])
        return self._catch_up(state)

    def _catch_up(self, state: NetworkCopy) -> NetworkCopy:
        while True:
            page = self.controller.changes(state.version, state.store)
            if page["version"] != state.version:
                state = state.apply(page["version"], page["changes"])
            if page["version"] >= page["last"]:
                return state

    async def _refresh_pce(self) -> None:
        status = PceStatus.from_json(await to_thread(self._pce.status))
        listed = await to_thread(self._pce.decisions, NUM_DECISIONS)
        decisions = tuple(Decision.from_json(row) for row in listed)
        self._publish(replace(self.snapshot, pce=status, pce_fault=None, decisions=decisions))

    async def _refresh_set_ups(self) -> None:
        listed = await to_thread(self.controller.set_ups, NUM_SET_UPS)
        set_ups = tuple(ShownSetUp.from_json(row) for row in listed)
        self._publish(replace(self.snapshot, set_ups=set_ups))
        if self._asking or any(each.step is not None for each in set_ups):
            self._set_ups_stirred.set()

    def note_alarm(self, key: str, who: Identity) -> Alarm | None:
        """Somebody takes note of an alarm, which is returned; None: it is not there any more.

        Raises:
            NotPermittedError: it takes an operator.
        """
        need(Role.OPERATOR, who, "taking note of an alarm")
        alarm = self._alarms.note(key, who.name)
        self._publish(replace(self.snapshot, alarms=self._alarms.alarms))
        return alarm

    async def refresh_drained(self) -> None:
        """Ask which links and nodes are drained, which the changes do not tell.

        Raises:
            ServiceRefused: the controller does not answer.
        """
        drained = await to_thread(self.controller.drained)
        async with self._network_asked:
            state = self.snapshot.network
            if state is not None and drained != state.drained:
                self._publish(replace(self.snapshot, network=replace(state, drained=drained)))

    async def _watch_alarms(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # that it does not answer is told below
                await self.refresh_drained()
            for source, client in (("controller", self.controller), ("PCE", self._pce)):
                try:
                    reasons = await to_thread(client.amiss)
                except Exception as error:  # whatever it sends, it is not as it should be
                    reasons = [_said(error)]
                self._alarms.tell(source, reasons)
            self._publish(replace(self.snapshot, alarms=self._alarms.alarms))
            await asyncio.sleep(ALARMS_S)

    async def _follow(
        self,
        refresh: Callable[[], Awaitable[None]],
        stirred: asyncio.Event,
        gone: Callable[[str], None],
        settle_s: float,
    ) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            stirred.clear()
            try:
                await refresh()
            except Exception as error:  # whatever the other side sends, go on following
                gone(_said(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
                continue
            retry_s = FIRST_RETRY_S
            await asyncio.sleep(settle_s)
            with contextlib.suppress(TimeoutError):
                # not ``wait_for``, which in Python 3.11 loses a cancellation that comes with the event
                async with asyncio.timeout(REFRESH_S):
                    await stirred.wait()

    async def _listen(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                async for _ in self.controller.notifications():
                    retry_s = FIRST_RETRY_S
                    self._network_stirred.set()
                    self._set_ups_stirred.set()
            except ServiceRefused as error:
                logger.debug("%s", error)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    def _controller_gone(self, reason: str) -> None:
        self._publish(replace(self.snapshot, controller_fault=reason))

    def _no_set_ups(self, reason: str) -> None:
        logger.debug("set-ups: %s", reason)  # that the controller is away is told by the network

    def _pce_gone(self, reason: str) -> None:
        self._publish(replace(self.snapshot, pce_fault=reason))

    def _publish(self, snapshot: Snapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        if snapshot.controller_fault != before.controller_fault:
            logger.info("controller: %s", snapshot.controller_fault or "in step")
        if snapshot.pce_fault != before.pce_fault:
            logger.info("PCE: %s", snapshot.pce_fault or "in step")
        if snapshot.network is not before.network:
            self._tell()
        elif snapshot != before and self._telling is None:
            loop = asyncio.get_running_loop()
            due_s = max(self._told_s + SETTLE_S, loop.time() + GATHER_S)
            self._telling = loop.call_at(due_s, self._tell)

    def _tell(self) -> None:
        """Tell the pages how it is now; whatever waited to be told goes with it."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._told_s = asyncio.get_running_loop().time()
        self._listeners.tell(self.snapshot)


def _said(error: Exception) -> str:
    if isinstance(error.__cause__, httpx.ConnectError):
        return "not reachable"
    if isinstance(error.__cause__, httpx.TimeoutException):
        return "does not answer in time"
    if isinstance(error, ServiceRefused | ChangeError):
        return str(error)
    logger.warning("unexpected answer", exc_info=error)
    return f"answers something unexpected ({type(error).__name__}: {error})"
