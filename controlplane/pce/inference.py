"""Scores from a model endpoint, within a deadline: the client of one MLflow inference server.

Which server is in use, and the switch from one to the next: ``endpoint.py``. What is done when there are
no scores: ``computation.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import numpy as np

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.pce.breaker import BreakerState, CircuitBreaker
from controlplane.pce.decide import Choice, WrongScoresError, choose
from controlplane.pce.reasons import FallbackReason
from envs.candidates import Observation

_logger = logging.getLogger(__name__)
_HEADERS = {"Content-Type": "application/json"}
IDENTITY_TIMEOUT_S = 5.0


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
        self._deadline_s = deadline_s
        self._breaker = breaker or CircuitBreaker()
        # The deadline stands around the whole, so httpx's own limits per phase are off. Proxy settings of
        # the environment do not apply between our own processes.
        # Certificates take 20 ms to load and are of no use without TLS.
        verify = self.url.startswith("https")
        no_keeping = httpx.Limits(max_keepalive_connections=0)
        self._headers = _HEADERS | (bearer_header(credentials) if credentials else {})
        self._kept = httpx.AsyncClient(timeout=None, trust_env=False, verify=verify)
        self._fresh = httpx.AsyncClient(timeout=None, trust_env=False, verify=verify, limits=no_keeping)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """Questions that have been asked and not been answered."""
        return self._in_flight

    @property
    def breaker_state(self) -> BreakerState:
        """State of this server's circuit breaker."""
        return self._breaker.state

    async def choose(self, observation: Observation, body: bytes | None = None) -> Choice:
        """The model's choice among the candidates, checked against the mask.

        Args:
            observation: what is asked about.
            body: its ``request_body``, where it has been made already.

        Raises:
            InferenceError: ``breaker-open`` without asking; ``late`` after the deadline; ``down`` when
                there is no answer or the server fails; ``wrong`` when the answer is not scores, not
                finite, or chooses what is masked.
        """
        if not self._breaker.allows():
            raise InferenceError("breaker-open", f"{self.url} did not answer lately; left alone for a moment")
        self._in_flight += 1
        self._idle.clear()
        try:
            choice = await self._ask(observation, request_body(observation) if body is None else body)
        except InferenceError as error:
            if error.reason == "wrong":  # it answered in time: it costs no deadline
                self._breaker.success()
            else:
                self._breaker.failure()
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        else:
            self._breaker.success()
            return choice
        finally:
            self._in_flight -= 1
            if self._in_flight == 0:
                self._idle.set()

    async def served_uri(self) -> str | None:
        """The model that the server says it has loaded; None where it does not answer or does not say."""
        try:
            async with asyncio.timeout(IDENTITY_TIMEOUT_S):
                response = await self._fresh.get(f"{self.url}/version", headers=self._headers)
            return str(response.json()["model_uri"]) if response.is_success else None
        except (TimeoutError, httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    async def close(self, drain_s: float = 0.0) -> None:
        """Close the connections, after requests in flight have ended or ``drain_s`` has passed."""
        try:
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
        except TimeoutError:
            _logger.warning("%s: %d request(s) cut off after %g s", self.url, self._in_flight, drain_s)
        await self._kept.aclose()
        await self._fresh.aclose()

    async def _ask(self, observation: Observation, body: bytes) -> Choice:
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await self._post(body)
        except TimeoutError:
            raise InferenceError("late", f"{self.url}: no answer in {self._deadline_s * 1000:g} ms") from None
        except httpx.HTTPError as error:
            raise InferenceError("down", f"{self.url}: {error!r}") from None
        if response.status_code >= 500:
            raise InferenceError("down", f"{self.url} answered {response.status_code}: {response.text[:200]}")
        if response.status_code != 200:
            raise InferenceError(
                "wrong", f"{self.url} answered {response.status_code}: {response.text[:200]}"
            )
        try:
            return choose(observation.action_mask, response_scores(response.content))
        except WrongScoresError as error:
            raise InferenceError("wrong", f"{self.url}: {error}") from None

    async def _post(self, body: bytes) -> httpx.Response:
        try:
            return await self._kept.post(self._address, content=body, headers=self._headers)
        except httpx.TransportError as error:
            # A server that ended may have closed a kept-alive connection just as it was used. Asking for
            # scores changes nothing, so asking again is safe.
            _logger.debug("%s: %r; once more on a fresh connection", self.url, error)
            return await self._fresh.post(self._address, content=body, headers=self._headers)


def request_body(observation: Observation) -> bytes:
    """The body of ``POST /invocations`` for one observation. float32 values arrive as they are."""
    inputs = {
        "features": [observation.features.tolist()],
        "action_mask": [observation.action_mask.astype(np.float32).tolist()],
        "context": [observation.context.tolist()],
    }
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode()


def response_scores(content: bytes) -> np.ndarray:
    """The scores of the one observation asked about, of whatever shape they came in.

    Raises:
        WrongScoresError: not JSON, no scores in it, or not the scores of one observation.
    """
    try:
        document: Any = json.loads(content)
        scores = np.asarray(document["predictions"]["scores"])
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise WrongScoresError(f"no scores in the answer {content[:80]!r}: {error!r}") from None
    if scores.ndim < 1 or scores.shape[0] != 1:
        raise WrongScoresError(f"scores have shape {scores.shape}; one row is needed")
    return scores[0]
