"""Has ``lightloop loop`` tell the loop's document while a page is open. Not here: reading what is stored.

One runs for all pages; it ends with the last of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from controlplane.console.listeners import Listeners
from controlplane.console.loop.document import LoopDocument
from controlplane.console.program import COMMAND, begin, last_words

logger = logging.getLogger(__name__)

EVERY_S = 3.0
AGAIN_S = 5.0  # after the command has ended by itself
LINGER_S = 20.0  # without a page, before it is ended: a page that is loaded anew finds it running
MOST_LINE_BYTES = 32 * 1024 * 1024
LINEAGE_LIMIT_S = 60.0


class LineageUnknown(ValueError):  # noqa: N818 - an answer, not a failure of the program
    """The chain of a decision could not be walked; repeats the command's words."""


@dataclass(frozen=True)
class LoopSnapshot:
    """What the page shows.

    Attributes:
        document: the last that was told; None: none yet.
        fault: why there is no newer one; empty: all is well, or it is on its way.
        is_late: nobody has looked for a while, and a newer one is being made.
    """

    document: LoopDocument | None = None
    fault: str = ""
    is_late: bool = False


class LoopFeed:
    """Tells open pages the loop as it changes.

    Args:
        command: program and its first arguments.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._listeners: Listeners[LoopSnapshot] = Listeners()
        self._task: asyncio.Task[None] | None = None
        self.snapshot = LoopSnapshot()

    def subscribe(self, listener: Callable[[LoopSnapshot], None]) -> Callable[[], None]:
        """Have a listener told every change; call the answer to end that."""
        unsubscribe = self._listeners.add(listener)
        if self._task is None or self._task.done():
            self.snapshot = replace(self.snapshot, is_late=self.snapshot.document is not None)
            self._task = asyncio.create_task(self._run())
        return unsubscribe

    async def close(self) -> None:
        """End the program, if it runs."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def lineage(self, of: str) -> dict[str, Any]:
        """The chain behind a decision, a service or a version, as ``lightloop lineage --json`` tells it.

        Raises:
            LineageUnknown: nothing is known under that name, or the command does not answer.
        """
        process = await self._start("lineage", "--json", "--", of)
        try:
            told, said = await asyncio.wait_for(process.communicate(), LINEAGE_LIMIT_S)
        except TimeoutError:
            raise LineageUnknown(f"no answer within {LINEAGE_LIMIT_S:g} s") from None
        finally:
            await _end(process)
        try:
            # A chain that is not whole is told, and the command ends with status 1 all the same.
            found: dict[str, Any] = json.loads(told)
        except ValueError:
            raise LineageUnknown(last_words(said)) from None
        return found

    async def _run(self) -> None:
        """Follow while anybody looks."""
        while True:
            process = await self._start("loop", "--json", "--every-s", str(EVERY_S))
            try:
                if not await self._follow(process):
                    return
            finally:
                await _end(process)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self, process: Process) -> bool:
        """Tell what the program tells until it ends; False: nobody has looked for a while."""
        assert process.stdout is not None
        assert process.stderr is not None
        lonely_s = 0.0
        while line := await process.stdout.readline():
            if line.strip():
                self._take(line)
            lonely_s = 0.0 if self._listeners else lonely_s + EVERY_S
            if lonely_s > LINGER_S:
                return False
        said = last_words(await process.stderr.read())
        logger.warning("lightloop loop has ended: %s", said)
        self._tell(LoopSnapshot(self.snapshot.document, said))
        return True

    def _take(self, line: bytes) -> None:
        try:
            self._tell(LoopSnapshot(LoopDocument.model_validate_json(line)))
        except ValidationError as error:
            logger.error("the loop's document is not as expected: %s", error)
            self._tell(LoopSnapshot(self.snapshot.document, "the command and this page are of two versions"))

    def _tell(self, snapshot: LoopSnapshot) -> None:
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self._listeners.tell(snapshot)

    async def _start(self, *words: str) -> Process:
        return await begin(self._command, words, MOST_LINE_BYTES)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it changes nothing, so nothing is left half done
        await process.wait()
