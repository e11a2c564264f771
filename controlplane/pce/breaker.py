"""A circuit breaker: an endpoint that does not answer is left alone for a moment, then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Says whether an endpoint may be asked.

    Closed: yes. After ``failures`` in a row it opens: no, for ``pause_s``. Then half-open: one caller may
    try; success closes it, failure opens it again. Decisions asked meanwhile fall back at once.

    Args:
        failures: consecutive failures that open it. More than one, so that a single late answer does
            not cost a second of decisions.
        pause_s: how long it stays open.
        clock: monotonic seconds.
    """

    def __init__(
        self, failures: int = 3, pause_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._pause_s = pause_s
        self._clock = clock
        self._in_a_row = 0
        self._opened_s: float | None = None
        self._trial = False

    @property
    def state(self) -> BreakerState:
        """``closed``, ``open`` or ``half-open``."""
        if self._opened_s is None:
            return "closed"
        return "half-open" if self._clock() - self._opened_s >= self._pause_s else "open"

    def allows(self) -> bool:
        """Whether to ask now. Who is allowed must report ``success``, ``failure`` or ``abandoned``."""
        state = self.state
        if state == "half-open" and not self._trial:
            self._trial = True
            return True
        return state == "closed"

    def success(self) -> None:
        """It answered in time."""
        self._in_a_row, self._opened_s, self._trial = 0, None, False

    def failure(self) -> None:
        """It did not answer, or not in time."""
        self._in_a_row += 1
        self._trial = False
        if self._opened_s is not None or self._in_a_row >= self._failures:
            self._opened_s = self._clock()

    def abandoned(self) -> None:
        """The caller went away before there was an answer: nothing is known."""
        self._trial = False
