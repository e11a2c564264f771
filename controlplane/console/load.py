"""Offered traffic, started and stopped by a person: ``lightloop offer`` in a process, one at a time.

The command tells a line of figures whenever they have changed. Not here: sending requests
(``lightloop.offering``), looks (``load_panel.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from controlplane.auth import Identity
from controlplane.console import viewmodel
from controlplane.console.listeners import Listeners
from controlplane.console.permit import need
from controlplane.console.program import COMMAND, begin, last_words
from controlplane.console.viewmodel import Snapshot
from controlplane.roles import Role

logger = logging.getLogger(__name__)

EVERY_S = 1.0
STOP_S = 30.0  # that it may take to answer what is under way and to clear what stands
MOST_LINE_BYTES = 4 * 1024 * 1024

Source = Literal["scenario", "trace", "last day"]
State = Literal["idle", "starting", "running", "stopping", "ended"]


class OfferedLoadError(ValueError):
    """Traffic that cannot be offered; says why, and the remedy."""


@dataclass(frozen=True)
class AskedLoad:
    """What is to be offered.

    Attributes:
        source: ``scenario``: drawn from the running scenario's traffic; ``trace``: a stored one;
            ``last day``: what was asked of this network in the last 24 hours.
        speed: seconds of the trace per second.
        requests: how many, from the first.
        trace: id, of a stored trace.
    """

    source: Source
    speed: float
    requests: int
    trace: str = ""

    def __post_init__(self) -> None:
        if not self.speed > 0:
            raise OfferedLoadError(f"the speed is {self.speed:g}; it must be above 0, e.g. 900")
        if self.requests < 1:
            raise OfferedLoadError(f"{self.requests} requests; at least one is needed")
        if self.source == "trace" and not self.trace:
            raise OfferedLoadError("name a stored trace by its id")

    def words(self, trace: str = "") -> tuple[str, ...]:
        """Arguments of the command; ``trace``: id of what the last day was made into."""
        named = trace or self.trace
        drawn = ("--trace", named) if named else ()
        figures = ("--speed", f"{self.speed:g}", "--requests", str(self.requests))
        return ("offer", *drawn, *figures, "--clear", "--json", "--every-s", f"{EVERY_S:g}")


@dataclass(frozen=True)
class Load:
    """Where it is.

    Attributes:
        state: ``starting`` until the first figures, ``ended`` after the last.
        asked: what is, or was, offered; None before the first.
        by: who started it.
        began_s: when, in seconds since 1970 UTC.
        figures: what ``lightloop offer --json`` told last; None before the first.
        fault: why it ended without success; empty where it did not.
    """

    state: State = "idle"
    asked: AskedLoad | None = None
    by: str = ""
    began_s: float = 0.0
    figures: dict[str, Any] | None = None
    fault: str = ""

    @property
    def is_on(self) -> bool:
        """A process runs."""
        return self.state in ("starting", "running", "stopping")


class LoadRunner:
    """Offers traffic, at most one offer at a time.

    Args:
        command: program and its first arguments.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._listeners: Listeners[Load] = Listeners()
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self.load = Load()

    def subscribe(self, listener: Callable[[Load], None]) -> Callable[[], None]:
        """Have a listener told every change; call the answer to end that."""
        return self._listeners.add(listener)

    def start(self, asked: AskedLoad, who: Identity) -> None:
        """Begin to offer.

        Raises:
            NotPermittedError: it takes an operator.
            OfferedLoadError: an offer is under way.
        """
        need(Role.OPERATOR, who, "offering traffic")
        if self.load.is_on:
            raise OfferedLoadError(f"traffic is offered already, started by {self.load.by}; stop it first")
        self._tell(Load("starting", asked, who.name, time.time()))
        self._task = asyncio.create_task(self._run(asked))

    def stop(self, who: Identity) -> None:
        """End the offer: what is under way is answered, what stands of it is deleted.

        Raises:
            NotPermittedError: it takes an operator.
        """
        need(Role.OPERATOR, who, "stopping traffic")
        self._stop()

    def _stop(self) -> None:
        if not self.load.is_on:
            return
        self._tell(replace(self.load, state="stopping"))
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)

    async def close(self) -> None:
        """Stop, and wait until it has ended."""
        self._stop()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._task, STOP_S)

    async def _run(self, asked: AskedLoad) -> None:
        fault = ""
        try:
            trace = ""
            if asked.source == "last day":
                trace = str(await self._ask("trace", "from-operation", "--from", "-1d", "--json"))
            if self.load.state != "stopping":
                fault = await self._offer(asked.words(trace))
        except OfferedLoadError as error:
            fault = str(error)
        except Exception as error:  # a defect must not leave the page with an offer that never ends
            logger.exception("offered traffic")
            fault = f"{type(error).__name__}: {error}"
        finally:
            self._process = None
            self._tell(replace(self.load, state="ended", fault=fault))

    async def _ask(self, *words: str) -> str:
        """The trace that the last day was made into."""
        self._process = await self._started(*words)
        told, said = await self._process.communicate()
        try:
            return str(json.loads(told)["trace"])
        except (ValueError, KeyError):
            raise OfferedLoadError(last_words(said)) from None

    async def _offer(self, words: Sequence[str]) -> str:
        """Follow an offer to its end; why it failed, or nothing."""
        self._process = process = await self._started(*words)
        assert process.stdout is not None
        assert process.stderr is not None
        saying = asyncio.create_task(process.stderr.read())
        while line := await process.stdout.readline():
            figures = json.loads(line)
            if self.load.figures is None and self.load.state == "stopping":
                process.send_signal(signal.SIGINT)  # the one before came too early to be heard
            state: State = "stopping" if self.load.state == "stopping" else "running"
            self._tell(replace(self.load, state=state, figures=figures))
        said = await saying
        status = await process.wait()
        was_stopped = self.load.state == "stopping"
        return "" if status == 0 or was_stopped else last_words(said)

    def _tell(self, load: Load) -> None:
        self.load = load
        self._listeners.tell(load)

    async def _started(self, *words: str) -> Process:
        return await begin(self._command, words, MOST_LINE_BYTES)


def facts(figures: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What is shown of the figures: name and value."""
    answered = figures["carried"] + figures["blocked"]
    blocking = "–"
    if answered:
        low, high = figures["ci95"]
        blocking = f"{figures['request_blocking']:.2%} (95 %: {low:.2%} to {high:.2%})"
    times = figures["answer_ms"]
    answers = "–" if times["p50"] is None else f"{times['p50']:.0f} ms, 99 %: {times['p99']:.0f} ms"
    return (
        ("Offered", f"{figures['offered']:,} of {figures['requests']:,}, {figures['standing']:,} stand"),
        ("Blocked live", blocking),
        ("In the twin", in_the_twin(figures["twin"])),
        ("At its gate", at_its_gate(figures["twin"])),
        ("Answers, median", answers),
        ("Behind", f"{figures['behind_s']['at_end']:.1f} s"),
    )


def in_the_twin(twin: dict[str, Any]) -> str:
    """What the twin blocks of the requests that were answered."""
    if twin["source"] != "twin" or twin["request_blocking"] is None:
        return "–"
    return f"{twin['request_blocking']:.2%}, the same requests"


def at_its_gate(twin: dict[str, Any]) -> str:
    """What the version in service promised."""
    gate = twin["gate"]
    if gate is None:
        return "–"
    low, high = gate["ci95"]
    ends = "" if low is None or high is None else f" (95 %: {low:.2%} to {high:.2%})"
    return f"{gate['request_blocking']:.2%}{ends}"


def network_facts(snapshot: Snapshot, began_s: float) -> tuple[tuple[str, str], ...]:
    """What the network says meanwhile: who decided since the offer began, and the plant's own figure.

    Of several that it tells the first: the GSNR margin, else the energy that a bit takes.
    """
    now = viewmodel.counts(snapshot)
    decided = [each for each in snapshot.decisions if each.time_s >= began_s and each.accepted]
    by_model = sum(each.decided_by == "model" for each in decided)
    by_fallback = sum(each.decided_by == "fallback" for each in decided)
    who = f"model {by_model}, fallback {by_fallback}, of the last {len(decided)}" if decided else "–"
    told = [("Decided by", who)]
    if now.mean_margin_db is not None:
        told.append(("GSNR margin", f"{now.mean_margin_db:.1f} dB, lowest {now.least_margin_db:.1f} dB"))
    elif now.energy_per_bit_pj is not None:
        told.append(("Energy per bit", f"{now.energy_per_bit_pj:,.0f} pJ, switched on at set-up"))
    return tuple(told)
