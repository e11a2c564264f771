"""One path computation from question to stored decision: bring up to date, observe, choose, check, log.

The sentence of the PCE. Not here: HTTP and TAPI (``app.py``, ``answers.py``), the pieces it names.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from controlplane.lightpath import Lightpath
from controlplane.pce.databases import Databases
from controlplane.pce.decide import Blocked, Choice, choose, still_feasible, why_blocked
from controlplane.pce.decision_log import DecisionLog
from controlplane.pce.decision_record import DecidedBy, DecisionRecord, FallbackReason
from controlplane.pce.endpoint import EndpointInUse, Serving
from controlplane.pce.fallback import policy_scores
from controlplane.pce.inference import InferenceError
from controlplane.tapi import ids
from controlplane.tapi.purpose import NOBODY, Purpose
from envs.candidates import Candidate, Observation, observe
from envs.features import CONTEXT_NAMES, FEATURE_NAMES, FEATURE_SCHEMA_VERSION
from envs.network import Network
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.request import Request

_logger = logging.getLogger(__name__)
_ENDPOINTS_TRIED = 3


@dataclass(frozen=True)
class Query:
    """What one computation is asked.

    Attributes:
        decision_id: names the decision, and through it the path.
        request: source, destination, bit rate, latency bound.
        state_version: state of the controller to decide on; None for what it has now.
        allowed: the client's own constraints on a route given as node indices; None without any.
        purpose: for whom; logged, and nothing else.
        waiting: how many more wait for their turn at whoever asks.
        ends_s: when the service ends, as its client told it; None: not told.
    """

    decision_id: str
    request: Request
    state_version: int | None = None
    allowed: Callable[[tuple[int, ...]], bool] | None = None
    purpose: Purpose = NOBODY
    waiting: int = 0
    ends_s: float | None = None


@dataclass(frozen=True)
class _Chosen:
    choice: Choice
    decided_by: DecidedBy
    policy: str
    model_version: str | None = None
    fallback_reason: FallbackReason | None = None
    inference_ms: float | None = None


@dataclass(frozen=True)
class _Look:
    """What was seen of the network at once, and with whose forecast."""

    in_use: Serving
    observation: Observation
    candidates: tuple[Candidate, ...]
    blocked: Blocked | None
    state_version: int
    network: Network
    revision: int


class PathComputer:
    """Computes paths on the databases with the endpoint in use, or the fallback, and logs each decision.

    Where more than ``max_waiting`` requests wait, here for the model or at the controller for their turn, the
    fallback decides at once until the queue is short again: waiting is bounded by a number of requests.
    """

    def __init__(
        self,
        databases: Databases,
        endpoint: EndpointInUse,
        fallback: ScoringPolicy,
        log: DecisionLog,
        keep: int,
        max_waiting: int,
    ) -> None:
        self.databases = databases
        self.endpoint = endpoint
        self.fallback = fallback
        self.num_decisions = 0
        self.num_fallbacks = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=keep)
        self._log = log
        self._max_waiting = max_waiting

    async def compute(self, query: Query) -> DecisionRecord:
        """The decision on one request, after its row is on disk.

        Raises:
            DatabasesError: the state asked for cannot be reached.
            DecisionLogError: the decision could not be stored; it counts as not made.
        """
        time_s, started = time.time(), time.perf_counter()
        await self.databases.bring_to(query.state_version)
        synced = time.perf_counter()
        look = self._look(query)
        observed = time.perf_counter()
        look, chosen = await self._choose(query, look)
        if chosen is not None and self._has_changed(look):
            plant, network, index = self.databases.plant, self.databases.network, chosen.choice.index
            if not still_feasible(plant, network, query.request, look.candidates[index]):
                # The network changed while the model was asked. Decide again on what is now, at once.
                look, asked_ms = self._look(query), chosen.inference_ms
                chosen = self._fall_back(look, "state-changed", asked_ms) if look.blocked is None else None
        record = self._record(query, time_s, look, chosen)
        total_ms = (time.perf_counter() - started) * 1000
        record = dataclasses.replace(
            record,
            sync_ms=(synced - started) * 1000,
            observe_ms=(observed - synced) * 1000,
            total_ms=total_ms,
            lightpath=record.lightpath and dataclasses.replace(record.lightpath, decision_ms=total_ms),
        )
        await self._log.stored(record)
        self.num_decisions += 1
        self.num_fallbacks += record.decided_by == "fallback"
        self.recent.append(record.row())
        return record

    def _look(self, query: Query) -> _Look:
        """What the network shows now, with the forecast of the endpoint that is in use now."""
        in_use, request = self.endpoint.in_use, query.request
        plant = in_use.plant
        observation, candidates = observe(plant, self.databases.network, request)
        some = bool(observation.action_mask.any())
        if some and query.allowed is not None:
            observation = _restricted(observation, candidates, query.allowed)
        blocked = None
        if not observation.action_mask.any():
            blocked = why_blocked(plant, request, self.databases.failed_links, constrained=some)
        network = self.databases.network
        return _Look(
            in_use, observation, candidates, blocked, self.databases.version, network, network.revision
        )

    def _has_changed(self, look: _Look) -> bool:
        network = self.databases.network
        return network is not look.network or network.revision != look.revision

    async def _choose(self, query: Query, look: _Look) -> tuple[_Look, _Chosen | None]:
        """The choice, None where there is nothing to choose, and the look that it was made on.

        An endpoint is asked about a look that was taken with its own forecast, never with another's.
        """
        started = time.perf_counter()
        for tried in range(1, _ENDPOINTS_TRIED + 1):
            if look.blocked is not None:
                break
            endpoint, client = look.in_use.endpoint, look.in_use.client
            if endpoint is None or client is None:
                return look, self._fall_back(look, "no-endpoint", None)
            if client.in_flight + query.waiting > self._max_waiting:
                return look, self._fall_back(look, "queue-full", None)
            try:
                choice = await client.choose(look.observation)
                asked_ms = (time.perf_counter() - started) * 1000
                return look, _Chosen(
                    choice, "model", endpoint.policy, endpoint.model_version, inference_ms=asked_ms
                )
            except InferenceError as error:
                if self.endpoint.in_use is not look.in_use and tried < _ENDPOINTS_TRIED:
                    # Switched away from while it was asked: the new one is there to answer, and has a
                    # forecast of its own.
                    look = self._look(query)
                    continue
                if error.reason == "breaker-open":  # the failures that opened it were told
                    return look, self._fall_back(look, error.reason, None)
                _logger.warning("fallback, %s: %s", error.reason, error)
                asked_ms = (time.perf_counter() - started) * 1000
                return look, self._fall_back(look, error.reason, asked_ms)
        return look, None

    def _fall_back(self, look: _Look, reason: FallbackReason, inference_ms: float | None) -> _Chosen:
        observation = look.observation
        choice = choose(observation.action_mask, policy_scores(self.fallback, observation))
        return _Chosen(
            choice, "fallback", self.fallback.name, fallback_reason=reason, inference_ms=inference_ms
        )

    def _record(
        self,
        query: Query,
        time_s: float,
        look: _Look,
        chosen: _Chosen | None,
    ) -> DecisionRecord:
        observation, blocked, forecast = look.observation, look.blocked, look.in_use.plant.forecast
        topology, request = self.databases.plant.topology, query.request
        names = topology.node_names
        record = DecisionRecord(
            decision_id=query.decision_id,
            time_s=time_s,
            topology=topology.name,
            topology_hash=topology.content_hash,
            feature_schema_version=FEATURE_SCHEMA_VERSION,
            source=names[request.source],
            destination=names[request.destination],
            bit_rate_gbps=request.bit_rate_gbps,
            max_latency_ms=request.max_latency_ms,
            state_version=look.state_version,
            forecast=forecast.content_hash if forecast else None,
            num_candidates=int(observation.action_mask.sum()),
            decided_by="none",
            outcome="blocked",
            reason=blocked.reason if blocked else None,
            context=tuple(zip(CONTEXT_NAMES, observation.context.tolist(), strict=True)),
            features=tuple((name, math.nan) for name in FEATURE_NAMES),
            service_uuid=query.purpose.service_uuid or None,
            cause=query.purpose.cause or None,
            service_class=query.purpose.service_class or None,
            ends_s=query.ends_s,
            is_constrained=query.allowed is not None,
        )
        if chosen is None:
            return record
        candidate = look.candidates[chosen.choice.index]
        return dataclasses.replace(
            record,
            outcome="accepted",
            chosen=chosen.choice.index,
            lightpath=Lightpath(
                uuid=ids.path_uuid(query.decision_id),
                nodes=tuple(names[node] for node in candidate.nodes),
                first_slot=candidate.first_slot,
                num_slots=candidate.num_slots,
                modulation_format=candidate.modulation_format,
                latency_ms=candidate.latency_ms,
                decided_by=chosen.decided_by,
                policy=chosen.policy,
                model_version=chosen.model_version or "",
                decision_id=query.decision_id,
                band=candidate.band,
                gsnr_db=_known(candidate.gsnr_db),
                margin_db=_known(candidate.margin_db),
                marginal_w=_known(candidate.marginal_w),
            ),
            decided_by=chosen.decided_by,
            fallback_reason=chosen.fallback_reason,
            policy=chosen.policy,
            model_version=chosen.model_version,
            score_chosen=chosen.choice.score,
            score_second=chosen.choice.second_score,
            inference_ms=chosen.inference_ms,
            features=tuple(
                zip(FEATURE_NAMES, observation.features[chosen.choice.index].tolist(), strict=True)
            ),
        )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def warm_up(plant: Plant, fallback: ScoringPolicy) -> None:
    """Compile what a first request would otherwise wait for; changes nothing."""
    network = Network(plant)
    observation, candidates = observe(plant, network, Request(0, 1, 1.0))
    first = candidates[choose(observation.action_mask, policy_scores(fallback, observation)).index]
    network.provision(first.nodes, first.first_slot, first.num_slots, first.modulation_format)
    network.release(first.nodes, first.first_slot, first.num_slots)


def _restricted(
    observation: Observation, candidates: tuple[Candidate, ...], allowed: Callable[[tuple[int, ...]], bool]
) -> Observation:
    mask = observation.action_mask.copy()
    for index, candidate in enumerate(candidates):
        mask[index] &= allowed(candidate.nodes)
    features = np.where(mask[:, None], observation.features, np.float32(0))
    return dataclasses.replace(observation, features=features, action_mask=mask)
