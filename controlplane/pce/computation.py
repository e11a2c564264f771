"""One path computation from question to stored decision: bring up to date, observe, choose, check, log.

The sentence of the PCE. Not here: HTTP and TAPI (``app.py``, ``answers.py``), the pieces it names.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from controlplane.failpoints import hit, now_s
from controlplane.lightpath import Lightpath
from controlplane.metrics import PceMetrics
from controlplane.pce.batches import Batches, NoChoiceError
from controlplane.pce.challenger import Beside, ChallengerInUse, is_canary
from controlplane.pce.considered import Considered, LastConsidered
from controlplane.pce.databases import Databases
from controlplane.pce.decide import Choice, choose
from controlplane.pce.decision_log import DecisionLog
from controlplane.pce.decision_record import (
    ChallengerOutcome,
    DecidedBy,
    DecisionRecord,
    shown,
)
from controlplane.pce.endpoint import EndpointInUse, Serving
from controlplane.pce.fallback import policy_scores
from controlplane.pce.inference import request_body
from controlplane.pce.look import Look, Query, around_drained, looks_at, settle
from controlplane.pce.reasons import FallbackReason
from controlplane.pce.shadow import Decided, Shadow
from controlplane.tapi import ids
from controlplane.tapi.context import Drained
from controlplane.tapi.purpose import MOVE, NOBODY, PROTECT, RESTORE
from envs.candidates import Observation, observe
from envs.features import CONTEXT_NAMES, FEATURE_NAMES, FEATURE_SCHEMA_VERSION
from envs.network import Network
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.request import Request

_logger = logging.getLogger(__name__)
_ENDPOINTS_TRIED = 3


@dataclass(frozen=True)
class _Chosen:
    choice: Choice
    decided_by: DecidedBy
    policy: str
    model_version: str | None = None
    fallback_reason: FallbackReason | None = None
    inference_ms: float | None = None


@dataclass
class _Turn:
    """Whose turn one decision is, and what the challenger said where it is a canary.

    Attributes:
        beside: the challenger that stood beside when the request came; None where it has no part in it.
        is_canary: the decision is its to take.
        is_passed_on: it cannot be asked, and the champion decides in its place.
        outcome, chosen, ms, observation: of a canary; None where it was not asked.
    """

    beside: Beside | None
    is_canary: bool
    is_passed_on: bool = False
    outcome: ChallengerOutcome | None = None
    chosen: int | None = None
    ms: float | None = None
    observation: Observation | None = None


class PathComputer:
    """Computes paths on the databases with the endpoint in use, or the fallback, and logs each decision.

    Many requests may be computed for at once; those that wait for one endpoint are asked about together.
    Where more than ``max_waiting`` requests wait, here for the model or at the controller for their turn, the
    fallback decides at once until the queue is short again: waiting is bounded by a number of requests.
    A challenger, where one stands beside the champion, is asked the same way about the share that is its own;
    about the rest it is asked by ``shadow``, when the answer has left.
    """

    def __init__(
        self,
        databases: Databases,
        endpoint: EndpointInUse,
        challenger: ChallengerInUse,
        fallback: ScoringPolicy,
        log: DecisionLog,
        keep: int,
        max_waiting: int,
    ) -> None:
        self.databases = databases
        self.endpoint = endpoint
        self.challenger = challenger
        self.shadow = Shadow(challenger, log)
        self._batches = Batches(databases)
        self.fallback = fallback
        self.num_decisions = 0
        self.num_fallbacks = 0
        self.metrics = PceMetrics()
        self.recent: deque[dict[str, Any]] = deque(maxlen=keep)
        self.considered = LastConsidered()
        self.log = log
        self._max_waiting = max_waiting

    async def compute(self, query: Query) -> DecisionRecord:
        """The decision on one request, after its row is on disk.

        Raises:
            DatabasesError: the state asked for cannot be reached.
            DecisionLogError: the decision could not be stored; it counts as not made.
        """
        time_s, started = now_s(), time.perf_counter()
        query = dataclasses.replace(query, request=dataclasses.replace(query.request, arrival_s=time_s))
        await self.databases.bring_to(query.state_version)
        synced = time.perf_counter()
        drained = self.databases.drained if query.purpose == NOBODY else Drained()
        if drained:  # of its services the controller says itself what they avoid
            query = around_drained(query, drained, self.databases.plant.topology)
        turn = self._turn(query)
        look, chosen = await self._choose(query, turn)
        record = _with_turn(self._record(query, time_s, look, chosen), turn)
        total_ms = (time.perf_counter() - started) * 1000
        record = dataclasses.replace(
            record,
            sync_ms=(synced - started) * 1000,
            observe_ms=look.took_ms,
            total_ms=total_ms,
            reason=record.reason and record.reason + (f" (being drained: {drained})" if drained else ""),
            lightpath=record.lightpath and dataclasses.replace(record.lightpath, decision_ms=total_ms),
        )
        hit("pce.decided")
        row = shown(await self.log.stored(record))
        hit("pce.logged")
        self.num_decisions += 1
        self.num_fallbacks += record.decided_by == "fallback"
        self._count(record, turn, look)
        self.recent.append(row)
        self.considered.add(Considered(record, look, chosen.choice if chosen else None))
        if turn.beside is not None and chosen is not None:
            if not turn.is_canary:
                self.shadow.hold(Decided(turn.beside, look, chosen.choice.index, row))
            elif look.in_use is turn.beside.serving:
                turn.beside.counts.canary_decisions += chosen.decided_by == "model"
        return record

    @property
    def num_waiting(self) -> int:
        """Requests that are put before the model in service and have no answer yet."""
        client = self.endpoint.client
        return self._batches.num_waiting(client) if client else 0

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._batches.close()
        await self.shadow.close()

    def _count(self, record: DecisionRecord, turn: _Turn, look: Look) -> None:
        is_challengers = turn.beside is not None and look.in_use is turn.beside.serving
        by_whom = "canary" if is_challengers and record.decided_by == "model" else record.decided_by
        self.metrics.decisions.labels(by_whom).inc()
        if record.fallback_reason:
            self.metrics.fallbacks.labels(record.fallback_reason).inc()
        if look.blocked:
            self.metrics.blocked.labels(look.blocked.by).inc()
        self.metrics.computation.observe(record.total_ms / 1000.0)
        if record.inference_ms is not None:
            self.metrics.model_answer.observe(record.inference_ms / 1000.0)

    def _turn(self, query: Query) -> _Turn:
        beside = self.challenger.in_use
        if beside is None or query.purpose.cause in (RESTORE, MOVE, PROTECT):
            return _Turn(None, False)
        return _Turn(beside, is_canary(query.decision_id, beside.challenger.share))

    def _in_charge(self, turn: _Turn) -> Serving:
        """Who is to be asked now; a challenger that has gone meanwhile is not."""
        beside = turn.beside
        if beside is None or not turn.is_canary or turn.is_passed_on or self.challenger.in_use is not beside:
            return self.endpoint.in_use
        return beside.serving

    async def _choose(self, query: Query, turn: _Turn) -> tuple[Look, _Chosen | None]:
        """The choice, None where there is nothing to choose, and the look that it was made on.

        An endpoint is asked about a look that was taken with its own forecast, never with another's. Where a
        canary's challenger was asked and gave no choice, the time of a second question is not there, and the
        fallback decides; where it cannot be asked, nothing is lost, and the champion decides.
        """
        started = time.perf_counter()

        def asked_ms() -> float:
            return (time.perf_counter() - started) * 1000.0

        for tried in range(1, _ENDPOINTS_TRIED + 1):
            serving = self._in_charge(turn)
            endpoint, client = serving.endpoint, serving.client
            if endpoint is None or client is None:
                return await self._fall_back(query, serving, "no-endpoint", None)
            if self._batches.num_waiting(client) + query.waiting > self._max_waiting:
                return await self._fall_back(query, serving, "queue-full", None)
            try:
                settled = await self._batches.choose(serving, query)
            except NoChoiceError as error:
                reason = error.why.reason
                _note(turn, serving, error.look, reason, asked_ms())
                turn.is_passed_on |= reason == "breaker-open"
                if self._in_charge(turn) is not serving and tried < _ENDPOINTS_TRIED:
                    # Switched away from while it was asked: the new one is there to answer, and has a
                    # forecast of its own.
                    continue
                if reason == "breaker-open":  # the failures that opened it were told
                    return await self._fall_back(query, serving, reason, None)
                _logger.warning("fallback, %s: %s", reason, error)
                return await self._fall_back(query, serving, reason, asked_ms())
            look, choice = settled.look, settled.choice
            if choice is None:
                return look, None
            _note(turn, serving, look, "answered", asked_ms(), choice.index)
            if settled.is_late:
                return await self._fall_back(query, serving, "state-changed", asked_ms())
            chosen = _Chosen(
                choice, "model", endpoint.policy, endpoint.model_version, inference_ms=asked_ms()
            )
            return look, chosen
        raise AssertionError("the last turn of the loop returns")

    async def _fall_back(
        self, query: Query, serving: Serving, reason: FallbackReason, inference_ms: float | None
    ) -> tuple[Look, _Chosen | None]:
        """The fallback's choice on the network as it is now."""
        look, choice = await self.databases.alone_shortly(self._chosen_at_once, query, serving)
        if choice is None:
            return look, None
        name = self.fallback.name
        return look, _Chosen(choice, "fallback", name, fallback_reason=reason, inference_ms=inference_ms)

    def _chosen_at_once(self, query: Query, serving: Serving) -> tuple[Look, Choice | None]:
        (look,) = looks_at(serving, [query], self.databases)
        if look.blocked is not None:
            return look, None
        choice = choose(look.observation.action_mask, policy_scores(self.fallback, look.observation))
        settle(look, choice)
        return look, choice

    def _record(
        self,
        query: Query,
        time_s: float,
        look: Look,
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
            ends_s=request.told_end_s if math.isfinite(request.told_end_s) else None,
            is_constrained=query.constraint is not None or look.shows_holds,
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


def _note(
    turn: _Turn,
    serving: Serving,
    look: Look | None,
    outcome: ChallengerOutcome,
    ms: float,
    chosen: int | None = None,
) -> None:
    """Remember what came of asking, where it was a canary's challenger that was asked."""
    if turn.beside is not None and serving is turn.beside.serving:
        turn.outcome, turn.chosen, turn.ms = outcome, chosen, ms
        turn.observation = None if look is None or outcome == "breaker-open" else look.observation


def _with_turn(record: DecisionRecord, turn: _Turn) -> DecisionRecord:
    """The record with what a challenger had to do with it."""
    if turn.beside is None:
        return record
    seen = turn.observation
    return dataclasses.replace(
        record,
        is_canary=turn.is_canary,
        challenger_version=turn.beside.challenger.model_version,
        challenger_outcome=turn.outcome,
        challenger_chosen=turn.chosen,
        challenger_ms=turn.ms,
        challenger_observation=None if seen is None else request_body(seen).decode(),
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
