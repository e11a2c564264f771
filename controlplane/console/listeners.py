"""Open pages that are told of every change. Not here: what they are told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Listeners(Generic[T]):
    """Who is told; a defect of one page does not stop the others."""

    def __init__(self) -> None:
        self._told: set[Callable[[T], None]] = set()

    def __len__(self) -> int:
        return len(self._told)

    def add(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Tell a listener too, from now on; call the answer to end that."""
        self._told.add(listener)
        return lambda: self._told.discard(listener)

    def tell(self, news: T) -> None:
        """Tell all of them."""
        for listener in tuple(self._told):
            try:
                listener(news)
            except Exception:
                logger.exception("a page could not show the news")
