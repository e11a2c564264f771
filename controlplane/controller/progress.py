"""Where each set-up is, and how long each of its steps took: those under way and the last ones that ended.

In memory only: it tells a person what happens, and nothing depends on it. Not here: what a set-up does
(``setting_up.py``), how many there were (``controlplane.metrics``).
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from controlplane.metrics import SET_UP_STEPS
from controlplane.tapi.connectivity import Service
from controlplane.tapi.errors import TapiError

KEPT = 200
REQUEST = "request"  # from the arrival until the first step: it waits for its turn
REFUSED_STATUS = 409  # the network cannot carry it; anything else is an error

Outcome = Literal["under-way", "carried", "refused", "failed"]


class TimedSetUp:
    """One set-up; the thread that carries it sets ``step``, others read.

    Args:
        service: to be set up.
        cause: ``create`` or ``restore``.
        began: when its request arrived, by ``time.perf_counter``.
    """

    def __init__(self, service: Service, cause: str, began: float) -> None:
        self.service, self.cause = service, cause
        self.outcome: Outcome = "under-way"
        self.reason: str | None = None
        self._began = self._since = began
        self._began_s = time.time() - (time.perf_counter() - began)
        self._in = REQUEST
        self._ended: float | None = None
        self._spent_ms: dict[str, float] = {}

    @property
    def step(self) -> str:
        """The step it is in, of ``SET_UP_STEPS``; what fails before the first counts against that one."""
        return SET_UP_STEPS[0] if self._in == REQUEST else self._in

    @step.setter
    def step(self, name: str) -> None:
        self._count(time.perf_counter())
        self._in = name

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Note what came of it when the block ends."""
        try:
            yield
        except BaseException as error:
            is_refusal = isinstance(error, TapiError) and error.status == REFUSED_STATUS
            self.reason = error.message if isinstance(error, TapiError) else type(error).__name__
            self._end("refused" if is_refusal else "failed")
            raise
        self._end("carried")

    def told(self) -> dict[str, Any]:
        """As readers get it (docs/contracts.md); of what is under way the time until now."""
        now = self._ended or time.perf_counter()
        spent_ms = dict(self._spent_ms)
        if self._ended is None:
            spent_ms[self._in] = spent_ms.get(self._in, 0.0) + (now - self._since) * 1000.0
        request = self.service.request
        bound_ms = request.max_latency_ms
        return {
            "service_uuid": self.service.uuid,
            "source": request.source,
            "destination": request.destination,
            "bit_rate_gbps": request.bit_rate_gbps,
            "max_latency_ms": bound_ms if math.isfinite(bound_ms) else None,
            "cause": self.cause,
            "began_s": self._began_s,
            "outcome": self.outcome,
            "step": self._in if self._ended is None else None,
            "reason": self.reason,
            "spent_ms": {name: round(ms, 3) for name, ms in spent_ms.items()},
            "total_ms": round((now - self._began) * 1000.0, 3),
        }

    def _count(self, now: float) -> None:
        self._spent_ms[self._in] = self._spent_ms.get(self._in, 0.0) + (now - self._since) * 1000.0
        self._since = now

    def _end(self, outcome: Outcome) -> None:
        now = time.perf_counter()
        self._count(now)
        self.outcome, self._ended = outcome, now


class SetUpProgress:
    """The set-ups of one controller, the newest last; safe to share between threads.

    Args:
        keep: so many; the oldest goes first.
    """

    def __init__(self, keep: int = KEPT) -> None:
        self._set_ups: deque[TimedSetUp] = deque(maxlen=keep)
        self._lock = threading.Lock()

    def begin(self, service: Service, cause: str, began: float) -> TimedSetUp:
        """A set-up that begins; arguments as ``TimedSetUp``."""
        set_up = TimedSetUp(service, cause, began)
        with self._lock:
            self._set_ups.append(set_up)
        return set_up

    def told(self, limit: int) -> list[dict[str, Any]]:
        """The last ones, newest first."""
        with self._lock:
            newest_first = list(self._set_ups)[::-1]
        return [set_up.told() for set_up in newest_first[:limit]]
