"""Requests that wait for one endpoint are asked about together: whoever waits when it is free goes along.

Nobody waits for company: where the endpoint is free a request goes alone, at once. All of a batch are looked
at in one state of the network and put before the endpoint in one question. Then their choices are settled one
after the other, so that none proposes slots that one before it holds; one that comes too late goes along once
more, on the network as it is then. Not here: the wire (``inference.py``), what is done without a choice
(``computation.py``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from controlplane.pce.databases import Databases
from controlplane.pce.decide import Choice
from controlplane.pce.endpoint import Serving
from controlplane.pce.inference import InferenceClient, InferenceError, request_body
from controlplane.pce.look import Look, Query, looks_at, settle

FEW = 2  # are looked at in less time than it takes to hand them to a thread
MOST = 64  # of a question; its answer takes a few ms
TRIES = 4  # of a request whose choices others overtake


@dataclass(frozen=True)
class Settled:
    """What came of asking.

    Attributes:
        look: what was asked about last.
        choice: what the endpoint chose; None where there was nothing to choose.
        is_late: each time the network had changed meanwhile, so that the choice was not to be had any more.
    """

    look: Look
    choice: Choice | None
    is_late: bool = False


class NoChoiceError(Exception):
    """The endpoint gave no choice; ``look``: what it was asked about, None where it was asked nothing."""

    def __init__(self, why: InferenceError, look: Look | None) -> None:
        super().__init__(str(why))
        self.why = why
        self.look = look


@dataclass(eq=False)
class _InLine:
    query: Query
    until_s: float  # by ``time.monotonic``
    answer: asyncio.Future[Settled]
    look: Look | None = None
    tried: int = 0
    is_settling: bool = False


@dataclass
class _Line:
    """Who waits for one client, and who is being asked about."""

    serving: Serving
    waiting: list[_InLine] = field(default_factory=list)
    num_open: int = 0


class Batches:
    """Asks endpoints about requests, one question at a time to each.

    Args:
        databases: where requests are looked at.
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._lines: dict[InferenceClient, _Line] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def num_waiting(self, client: InferenceClient) -> int:
        """Requests without an answer of this client yet, those it is being asked about included."""
        line = self._lines.get(client)
        return line.num_open if line else 0

    async def choose(self, serving: Serving, query: Query) -> Settled:
        """The endpoint's choice for one request, settled: its slots are held where it is for a service.

        Raises:
            NoChoiceError: no choice of the endpoint that could be followed, within its deadline.
            DatabasesError: see ``looks_at``.
        """
        client = serving.client
        assert client is not None
        loop = asyncio.get_running_loop()
        asked = _InLine(query, time.monotonic() + client.deadline_s, loop.create_future())
        line = self._lines.get(client)
        if line is None:
            line = self._lines[client] = _Line(serving)
            task = asyncio.create_task(self._ask_while_some_wait(line))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        line.waiting.append(asked)
        line.num_open += 1
        late = loop.call_later(client.deadline_s, self._give_up, line, asked)
        try:
            return await asked.answer
        finally:
            late.cancel()
            line.num_open -= 1

    async def close(self) -> None:
        """Give up every question under way."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _give_up(self, line: _Line, asked: _InLine) -> None:
        """The deadline has come: whoever is not being settled by now is late."""
        if asked.is_settling or asked.answer.done():
            return
        if asked in line.waiting:
            line.waiting.remove(asked)
        client = line.serving.client
        assert client is not None
        why = InferenceError("late", f"{client.url}: no answer in {client.deadline_s * 1000:g} ms")
        asked.answer.set_exception(NoChoiceError(why, asked.look))

    async def _ask_while_some_wait(self, line: _Line) -> None:
        client = line.serving.client
        assert client is not None
        batch: list[_InLine] = []
        try:
            with client.used():
                while line.waiting:
                    batch, line.waiting = line.waiting[:MOST], line.waiting[MOST:]
                    await self._ask(line, client, batch)
        except BaseException as error:
            _fail([*batch, *line.waiting], error)
            if not isinstance(error, Exception):
                raise
        finally:
            del self._lines[client]

    async def _ask(self, line: _Line, client: InferenceClient, batch: Sequence[_InLine]) -> None:
        queries = [asked.query for asked in batch]
        alone = self._databases.alone_shortly if len(batch) <= FEW else self._databases.alone
        looks, body = await alone(_seen, line.serving, queries, self._databases)
        open_: list[_InLine] = []
        for asked, look in zip(batch, looks, strict=True):
            asked.look = look
            if look.blocked is None:
                open_.append(asked)
            elif not asked.answer.done():
                asked.answer.set_result(Settled(look, None))
        if not open_:
            return
        observations = [asked.look.observation for asked in open_ if asked.look]
        left_s = max(asked.until_s for asked in open_) - time.monotonic()
        try:
            answers = await client.choose_all(observations, body, left_s)
        except InferenceError as error:
            _fail(open_, error)
            return
        chosen: list[tuple[_InLine, Look, Choice]] = []
        for asked, answer in zip(open_, answers, strict=True):
            if isinstance(answer, InferenceError):
                _fail([asked], answer)
            elif not asked.answer.done() and asked.look is not None:
                asked.is_settling = True
                chosen.append((asked, asked.look, answer))
        holds = await alone(_settle_all, [(look, choice) for _, look, choice in chosen])
        for (asked, look, choice), hold in zip(chosen, holds, strict=True):
            asked.tried += 1
            if hold or asked.tried == TRIES or time.monotonic() > asked.until_s:
                asked.answer.set_result(Settled(look, choice, is_late=not hold))
            else:
                asked.is_settling = False
                line.waiting.insert(0, asked)


def _seen(serving: Serving, queries: Sequence[Query], databases: Databases) -> tuple[list[Look], bytes]:
    """Looks, all in one state, and the question about those that have something to choose."""
    looks = looks_at(serving, queries, databases)
    return looks, request_body(*(look.observation for look in looks if look.blocked is None))


def _settle_all(choices: Sequence[tuple[Look, Choice]]) -> list[bool]:
    return [settle(look, choice) for look, choice in choices]


def _fail(several: Sequence[_InLine], error: BaseException) -> None:
    for asked in several:
        if not asked.answer.done():
            no_choice = NoChoiceError(error, asked.look) if isinstance(error, InferenceError) else error
            asked.answer.set_exception(no_choice)
