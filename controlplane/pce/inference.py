"""Scores from a model endpoint, within a deadline: the client of one MLflow inference server.

Which server is in use, and the switch from one to the next: ``endpoint.py``. What is done when there are
no scores: ``computation.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import numpy as np
import orjson

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.pce.breaker import BreakerState, CircuitBreaker
from controlplane.pce.decide import Choice, WrongScoresError, choose
from controlplane.pce.reasons import FallbackReason
from envs.candidates import Observation

_logger = logging.getLogger(__name__)
_HEADERS = {"Content-Type": "application/json"}
IDENTITY_TIMEOUT_S = 5.0
KEPT_S = 30.0  # that an idle connection is kept: less than the server does


class InferenceError(Exception):
    """No usable scores; ``reason`` is what the decision log says, the message what happened."""

    def __init__(self, reason: FallbackReason, message: str) -> None:
        super().__init__(message)
        self.reason: FallbackReason = reason


class InferenceClient:
    """One inference server over kept-alive connections.

    Args:
        url: base address; ``/invocations`` is asked.
        deadline_s: from asking to checked scores, a retry included.
        breaker: decides when an unresponsive server is left alone.
        credentials: what the server asks for; None where it asks for none.
    """

    def __init__(
        self,
        url: str,
        deadline_s: float,
        breaker: CircuitBreaker | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._address = f"{self.url}/invocations"
        self.deadline_s = deadline_s
        self._breaker = breaker or CircuitBreaker()
        # The deadline stands around the whole, so the client's own limits per phase are off.
        no_limits = aiohttp.ClientTimeout(total=None)
        self._headers = _HEADERS | (bearer_header(credentials) if credentials else {})
        self._kept = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S), timeout=no_limits
        )
        self._fresh = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=no_limits
        )
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def used(self) -> Iterator[None]:
        """It is not idle, and so not closed, for as long as the block lasts."""
        self._users += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle.set()

    @property
    def breaker_state(self) -> BreakerState:
        """State of this server's circuit breaker."""
        return self._breaker.state

    async def choose(self, observation: Observation, body: bytes | None = None) -> Choice:
        """The model's choice among the candidates of one observation; as ``choose_all``.

        Raises:
            InferenceError: as there.
        """
        (answer,) = await self.choose_all([observation], body)
        if isinstance(answer, InferenceError):
            raise answer
        return answer

    async def choose_all(
        self, observations: Sequence[Observation], body: bytes | None = None, within_s: float | None = None
    ) -> list[Choice | InferenceError]:
        """The model's choices, asked in one question and each checked against its mask.

        Args:
            observations: what is asked about; all with the same number of candidates.
            body: their ``request_body``, where it has been made already.
            within_s: how long the answer may take; the client's deadline where it is not told.

        Returns:
            A choice for each; ``wrong`` in the place of one whose scores are not finite or choose what is
            masked.

        Raises:
            InferenceError: ``breaker-open`` without asking; ``late`` after the deadline; ``down`` when
                there is no answer or the server fails; ``wrong`` when the answer is not scores.
        """
        if not self._breaker.allows():
            raise InferenceError("breaker-open", f"{self.url} did not answer lately; left alone for a moment")
        asked = request_body(*observations) if body is None else body
        try:
            with self.used():
                content = await self._ask(asked, self.deadline_s if within_s is None else within_s)
        except InferenceError as error:
            if error.reason == "wrong":  # it answered in time: it costs no deadline
                self._breaker.success()
            else:
                self._breaker.failure()
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.success()
        return self._chosen(observations, content)

    async def scores(self, observations: Sequence[Observation], within_s: float) -> list[np.ndarray]:
        """(M,) scores of each observation, asked by a person: whatever comes of it, the breaker is not told.

        Raises:
            InferenceError: as ``choose_all``, but for ``breaker-open``.
        """
        with self.used():
            content = await self._ask(request_body(*observations), within_s)
        try:
            return response_scores(content, len(observations))
        except WrongScoresError as error:
            raise InferenceError("wrong", f"{self.url}: {error}") from None

    def _chosen(self, observations: Sequence[Observation], content: bytes) -> list[Choice | InferenceError]:
        chosen: list[Choice | InferenceError] = []
        try:
            rows = response_scores(content, len(observations))
        except WrongScoresError as error:
            raise InferenceError("wrong", f"{self.url}: {error}") from None
        for observation, scores in zip(observations, rows, strict=True):
            try:
                chosen.append(choose(observation.action_mask, scores))
            except WrongScoresError as error:
                chosen.append(InferenceError("wrong", f"{self.url}: {error}"))
        return chosen

    async def served_uri(self) -> str | None:
        """The model that the server says it has loaded; None where it does not answer or does not say."""
        try:
            async with (
                asyncio.timeout(IDENTITY_TIMEOUT_S),
                self._fresh.get(f"{self.url}/version", headers=self._headers) as response,
            ):
                return str(orjson.loads(await response.read())["model_uri"]) if response.ok else None
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError):
            return None

    async def close(self, drain_s: float = 0.0) -> None:
        """Close the connections, after requests in flight have ended or ``drain_s`` has passed."""
        try:
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
        except TimeoutError:
            _logger.warning("%s: what it is still asked is cut off after %g s", self.url, drain_s)
        await self._kept.close()
        await self._fresh.close()

    async def _ask(self, body: bytes, within_s: float) -> bytes:
        try:
            async with asyncio.timeout(within_s):
                status, content = await self._post(body)
        except TimeoutError:
            raise InferenceError("late", f"{self.url}: no answer in {within_s * 1000:.0f} ms") from None
        except (aiohttp.ClientError, OSError) as error:
            raise InferenceError("down", f"{self.url}: {error!r}") from None
        if status != HTTPStatus.OK:
            reason: FallbackReason = "down" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "wrong"
            raise InferenceError(reason, f"{self.url} answered {status}: {content[:200]!r}")
        return content

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            return await self._posted(self._kept, body)
        except aiohttp.ClientConnectionError as error:
            # A server that ended may have closed a kept-alive connection just as it was used. Asking for
            # scores changes nothing, so asking again is safe.
            _logger.debug("%s: %r; once more on a fresh connection", self.url, error)
            return await self._posted(self._fresh, body)

    async def _posted(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, bytes]:
        if session.closed:
            raise aiohttp.ClientConnectionError("it is asked no more")
        async with session.post(self._address, data=body, headers=self._headers) as response:
            return response.status, await response.read()


def request_body(*observations: Observation) -> bytes:
    """The body of ``POST /invocations`` for some observations. float32 values arrive as they are."""
    inputs = {
        "features": [item.features.tolist() for item in observations],
        "action_mask": [item.action_mask.astype(np.float32).tolist() for item in observations],
        "context": [item.context.tolist() for item in observations],
    }
    return orjson.dumps({"inputs": inputs})


def response_scores(content: bytes, num_observations: int) -> list[np.ndarray]:
    """The scores of each of the observations asked about, of whatever shape they came in.

    Raises:
        WrongScoresError: not JSON, no scores in it, or not the scores of so many observations.
    """
    try:
        document: Any = json.loads(content)
        rows = list(document["predictions"]["scores"])
        scores = [np.asarray(row) for row in rows]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise WrongScoresError(f"no scores in the answer {content[:80]!r}: {error!r}") from None
    if len(scores) != num_observations:
        raise WrongScoresError(f"scores of {len(scores)} request(s); of {num_observations} were asked for")
    return scores
