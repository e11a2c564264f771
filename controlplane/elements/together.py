"""Edits that come while others are stored are made together afterwards, by one thread, in one transaction.

A thread for each of them would cost more than the edit itself. Not here: what an edit does (``host.py``),
HTTP (``app.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from controlplane.elements.host import ElementHost
from controlplane.elements.interface import CrossConnect, Edit

Held = tuple[CrossConnect, ...]


@dataclass(frozen=True, eq=False)
class _WaitingEdit:
    node: str
    edit: Edit
    held: asyncio.Future[Held]


class EditsTogether:
    """Makes edits for one event loop. Those of one element are made in the order of their arrival.

    Args:
        host: the elements.
    """

    def __init__(self, host: ElementHost) -> None:
        self._host = host
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edits")
        self._waiting: list[_WaitingEdit] = []
        self._turns: asyncio.Task[None] | None = None

    async def edit(self, node: str, edit: Edit) -> Held:
        """As ``ElementHost.edit``."""
        loop = asyncio.get_running_loop()
        mine = _WaitingEdit(node, edit, loop.create_future())
        self._waiting.append(mine)
        if self._turns is None:
            self._turns = loop.create_task(self._make())
        return await mine.held

    async def _make(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                together = self._next()
                edits = [(item.node, item.edit) for item in together]
                done: Sequence[Held | Exception]
                try:
                    done = await loop.run_in_executor(self._thread, self._host.edit_together, edits)
                except Exception as error:
                    done = [error] * len(together)
                for item, held in zip(together, done, strict=True):
                    if item.held.done():  # who asked is gone
                        continue
                    if isinstance(held, Exception):
                        item.held.set_exception(held)
                    else:
                        item.held.set_result(held)
        finally:
            self._turns = None

    def _next(self) -> list[_WaitingEdit]:
        """The first that waits at each element; the others stay."""
        first: dict[str, _WaitingEdit] = {}
        left: list[_WaitingEdit] = []
        for item in self._waiting:
            if first.setdefault(item.node, item) is not item:
                left.append(item)
        self._waiting = left
        return list(first.values())
