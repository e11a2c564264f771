"""What the challenger would have chosen, asked after the answer has left; logged and never followed.

One question at a time: a decision that is taken while one is under way is skipped and counted, so a shadow
that is slow or hangs holds up nothing and piles up nothing. Not here: which challenger (``challenger.py``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from controlplane.pce.challenger import Beside, ChallengerInUse
from controlplane.pce.decide import is_same_lightpath
from controlplane.pce.decision_log import DecisionLog
from controlplane.pce.inference import InferenceError, request_body
from controlplane.pce.look import Look, look_again

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decided:
    """A decision that a shadow may be asked about.

    Attributes:
        beside: the challenger that stood beside when it was taken.
        look: what the decision was taken on.
        chosen: index of the candidate that was taken.
        row: of the decision, as it is shown.
    """

    beside: Beside
    look: Look
    chosen: int
    row: dict[str, Any]


class Shadow:
    """Asks the challenger about decisions, one at a time.

    Args:
        challenger: who stands beside now; another one is not asked any more.
        log: gets the answers.
    """

    def __init__(self, challenger: ChallengerInUse, log: DecisionLog) -> None:
        self._challenger = challenger
        self._log = log
        self._next: Decided | None = None
        self._asking: asyncio.Task[None] | None = None

    def hold(self, decided: Decided) -> None:
        """Keep a decision until its answer has left; skipped where one is kept or asked about already."""
        if self._next is not None or self._asking is not None:
            decided.beside.counts.skipped += 1
        else:
            self._next = decided

    def go_on(self) -> None:
        """An answer has left: ask about the decision that is kept. Returns at once."""
        decided, self._next = self._next, None
        if decided is not None:
            self._asking = asyncio.create_task(self._ask(decided))
            self._asking.add_done_callback(self._ended)

    async def close(self) -> None:
        """Give up the question under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self, decided: Decided) -> None:
        beside = decided.beside
        columns: dict[str, Any] = {}
        look = None
        if self._challenger.in_use is beside:
            look = await decided.look.databases.alone(_seen_by, beside, decided)
        if look is None:
            beside.counts.skipped += 1
            return
        beside.counts.asked += 1
        # One that is left alone for a moment is asked nothing, so nothing is made up for it.
        body = b"" if beside.client.breaker_state == "open" else request_body(look.observation)
        started = time.perf_counter()
        try:
            choice = await beside.client.choose(look.observation, body)
        except InferenceError as error:
            beside.counts.failed += 1
            columns["challenger_outcome"] = error.reason
            _logger.debug("shadow, %s: %s", error.reason, error)
        else:
            taken, meant = decided.look.candidates[decided.chosen], look.candidates[choice.index]
            agrees = is_same_lightpath(taken, meant)
            beside.counts.agreed += agrees
            columns |= {
                "challenger_outcome": "answered",
                "challenger_chosen": choice.index,
                "challenger_agrees": agrees,
            }
        columns["challenger_ms"] = (time.perf_counter() - started) * 1000
        decided.row.update(columns)
        columns["challenger_observation"] = body.decode() or None
        self._log.amend(decided.row["decision_id"], columns)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("a defect in what asks the shadow", exc_info=error)


def _seen_by(beside: Beside, decided: Decided) -> Look | None:
    """What the challenger sees where the champion looked; None where the network is another by now.

    But for what the decision itself holds, which is lifted. For who has the databases alone.
    """
    look = decided.look
    forecasts = (beside.serving.plant.forecast, look.in_use.plant.forecast)
    if len({forecast and forecast.content_hash for forecast in forecasts}) == 1:
        return look
    return look_again(beside.serving, look)
