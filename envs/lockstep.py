"""N networks stepped together, one request each: what the environments and the evaluation run on.

A step carries out the chosen candidates, books them, brings in the next requests, releases what has departed
and writes the next observations, all in one compiled call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from envs.around import Around
from envs.candidates import observe_request
from envs.compiled import inlined, kernel
from envs.describe import Seen
from envs.errors import ActionError
from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.listed import CandidateArrays, new_candidates
from envs.parts import count_listed, draw_parts_kw
from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.request import Asked
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.rng import stream_states
from envs.serving import carry_out, placed_as_listed
from envs.snapshot import StandingSnapshot, down_of
from envs.state import NetworkStates, OneNetwork, clear, depart_until, new_states
from envs.statistics import Statistics, clear_statistics, count, new_statistics
from envs.traffic import PoissonTraffic, Requests, TrafficArrays, draw_requests, new_requests, traffic_arrays
from topologies.detours import Avoided

Buffers = tuple[np.ndarray, np.ndarray, np.ndarray]  # features, action mask, context of N networks

BEGIN_SEED = 300_000_000  # of the ends of what stands at first
CHUNK = 512  # requests drawn at a time per network
_NO_REWARDS = np.zeros(0, np.float32)


@inlined
def asked_of(requests, n, t):
    """Request ``t`` of row ``n``, of the types that the PCE has too: kernels are compiled for types."""
    return Asked(
        np.int64(requests.pair[n, t]),
        np.int64(requests.service_class[n, t]),
        requests.bit_rate_gbps[n, t],
        requests.max_latency_ms[n, t],
        requests.arrival_s[n, t],
        requests.holding_s[n, t],
        requests.told_end_s[n, t],
        np.int64(requests.life_row[n, t]),
    )


class Served(NamedTuple):
    """How far N networks are."""

    position: np.ndarray  # (N,) int64, row of the pending request
    served: np.ndarray  # (N,) int64, requests answered since the reset
    warmup: int  # requests of each that are not counted


class Turn(NamedTuple):
    """What one call does: answer the pending requests, show the next ones, or both."""

    answers: bool
    actions: np.ndarray  # (N,) int64; one that names no candidate blocks the request
    rewards: np.ndarray  # (N,) float32, written: what the answers earn, see ``reward.py``
    shows: bool
    seen: Seen  # of N networks, each array with one more axis in front; written


@kernel
def advance_all(plant, states, requests, answered, candidates, turn, reward, statistics):
    """Carry out actions on the pending requests, then release what departs by the next and observe those.

    One call, not two: it is given more than a hundred arrays, and handing them over costs as much as a step
    of a small network.
    """
    position, served = answered.position, answered.served
    for n in range(len(position)):
        net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
        if turn.answers:
            counted = served[n] >= answered.warmup
            asked, used_before = asked_of(requests, n, position[n]), net.counters[0].used_slots
            power_kw = draw_parts_kw(plant.parts, states.parts, net.free, n, statistics.parts, counted)
            placement = placed_as_listed(candidates, n, turn.actions[n])
            if counted:
                chosen = placement.candidate
                count_listed(plant.parts, net.free, n, statistics.parts, candidates, chosen, asked)
            turn.rewards[n] = carry_out(plant, states, net, n, asked, placement, reward, power_kw)
            if counted:
                statistics.reward[n] += turn.rewards[n]
                count(plant, statistics, n, asked, used_before, placement.path)
            if served[n] < statistics.taken.shape[1]:
                statistics.taken[n, served[n]] = placement.path
            served[n] += 1
            position[n] += 1
        if turn.shows:
            asked = asked_of(requests, n, position[n])
            depart_until(plant, states, net, n, asked.now_s)
            room = Seen(turn.seen.features[n], turn.seen.mask[n], turn.seen.context[n])
            observe_request(plant, net.free, states.parts, asked, candidates, n, room)


@kernel
def refill(traffic, rng_states, clock_s, requests, position):
    """Draw new requests for the networks that have used theirs up."""
    for n in range(len(position)):
        if position[n] == requests.arrival_s.shape[1]:
            draw_requests(traffic, rng_states, clock_s, requests, n)
            position[n] = 0


@dataclass
class Lockstep:
    """N networks, their pending requests and counts. Mutable: it is the running state of a simulation.

    Made by ``lockstep_on_traffic`` (endless) or ``lockstep_on_requests`` (a fixed list).
    """

    plant: Plant
    states: NetworkStates
    requests: Requests
    candidates: CandidateArrays
    statistics: Statistics
    position: np.ndarray  # (N,) int64, row of the pending request
    served: np.ndarray  # (N,) int64, requests answered since the reset
    warmup: int
    reward: RewardWeights
    traffic: PoissonTraffic | None = None
    begin: StandingSnapshot | None = None  # what each network has at first; None: nothing
    detours: Mapping[tuple[Avoided, int], int] = field(default_factory=dict)  # see ``Around.rows``
    _stream: tuple[TrafficArrays, np.ndarray, np.ndarray] | None = None  # (TrafficArrays, rng states, clocks)

    def reset(self, seed: int | Sequence[int] | None = None) -> None:
        """Networks as at their begin, zero counts; with ``seed``, new streams of requests and ends.

        Args:
            seed: one for all, or one for each network, which then lives as it would alone with that seed.
        """
        num = len(self.position)
        first = num * (seed or 0) if seed is None or isinstance(seed, int) else None
        for n in range(num):
            clear(self.states, self.plant, n)
            if self.begin is not None:
                own = first + n if first is not None else seed[n]  # type: ignore[index]
                self.begin.put_into(self.plant, self.states, n, BEGIN_SEED + own)
        self.served[:] = 0
        self.position[:] = 0
        clear_statistics(self.statistics)
        if self.traffic is not None:
            if seed is not None or self._stream is None:
                streams = (
                    stream_states(seed or 0, num)
                    if seed is None or isinstance(seed, int)
                    else np.concatenate([stream_states(each, 1) for each in seed])
                )
                traffic = traffic_arrays(self.traffic, self.plant)
                if self.begin is not None:
                    down = down_of(self.plant, self.begin.failed_links)
                    traffic = Around(self.plant, self.detours).drawn_from(traffic, down)
                self._stream = (
                    traffic,
                    streams,
                    np.zeros(num),
                )
            self._stream[2][:] = 0.0
            self.position[:] = self.requests.arrival_s.shape[1]
            self._refill()

    def _refill(self) -> None:
        if self._stream is not None:
            traffic, rng_states, clock_s = self._stream
            refill(traffic, rng_states, clock_s, self.requests, self.position)

    def take_in(self, network: int, other: Lockstep) -> None:
        """Go on with one network as ``other`` has it: one network alone, of the same plant and traffic."""
        assert self._stream is not None
        assert other._stream is not None
        for ours, theirs in (
            (self.states, other.states),
            (self.requests, other.requests),
            (self.candidates, other.candidates),
            (self.statistics, other.statistics),
            (self.position, other.position),
            (self.served, other.served),
            (self._stream[1], other._stream[1]),
            (self._stream[2], other._stream[2]),
        ):
            _put_row(ours, network, theirs)

    def warm_up_into(self, features: np.ndarray, mask: np.ndarray, context: np.ndarray) -> None:
        """Serve ``warmup`` requests by the first candidate (KSP-FF); write the observations after them."""
        first, rewards = np.zeros(len(self.position), np.int64), np.zeros(len(self.position), np.float32)
        self.observe_into(features, mask, context)
        for _ in range(self.warmup):
            self.step_into(first, features, mask, context, rewards)

    def observe_into(self, features: np.ndarray, mask: np.ndarray, context: np.ndarray) -> None:
        """Write the pending observations: (N, M, F) float32, (N, M) bool, (N, C) float32.

        Raises:
            ActionError: an array of another shape.
        """
        seen = self._room(features, mask, context)
        self._advance(Turn(False, self.position, _NO_REWARDS, True, seen))

    def step_into(
        self,
        actions: np.ndarray,
        features: np.ndarray,
        mask: np.ndarray,
        context: np.ndarray,
        rewards: np.ndarray,
        more: bool = True,
    ) -> None:
        """Carry out ``actions`` (N,) int64, write rewards (N,) float32; if there is ``more``, observe.

        Raises:
            ActionError: an array of another shape.
        """
        for name, given in (("actions", actions), ("rewards", rewards)):
            if given.shape != self.position.shape:
                raise ActionError(f"{name} have the shape {given.shape}; {self.position.shape} is needed")
        drawn = self.requests.arrival_s.shape[1]
        used_up = self._stream is not None and int(self.position.max()) + 1 == drawn
        seen = self._room(features, mask, context)
        self._advance(Turn(True, actions, rewards, more and not used_up, seen))
        if used_up:
            self._refill()
            if more:
                self.observe_into(features, mask, context)

    def _room(self, features: np.ndarray, mask: np.ndarray, context: np.ndarray) -> Seen:
        num, size = len(self.position), self.plant.spec.max_candidates
        needed = ((num, size, NUM_FEATURES), (num, size), (num, NUM_CONTEXT))
        given = (features.shape, mask.shape, context.shape)
        if given != needed:
            raise ActionError(f"arrays to observe into have the shapes {given}; {needed} are needed")
        return Seen(features, mask, context)

    def _advance(self, turn: Turn) -> None:
        advance_all(
            self.plant.arrays,
            self.states,
            self.requests,
            Served(self.position, self.served, self.warmup),
            self.candidates,
            turn,
            self.reward,
            self.statistics,
        )

    def play(
        self, policy: ScoringPolicy, num_steps: int, buffers: Buffers, goes_on: bool = False
    ) -> Iterator[int]:
        """Let a policy decide; gives the number of steps done, from 0, with the pending observation shown.

        Args:
            policy: what decides.
            num_steps: requests of each network.
            buffers: as ``observation_buffers`` makes them, written. After the last step they show the next
                request only where it ``goes_on``.
            goes_on: there are requests after ``num_steps``.
        """
        features, mask, context = buffers
        rewards = np.zeros(len(self.position), np.float32)
        self.observe_into(features, mask, context)
        yield 0
        for done in range(1, num_steps + 1):
            actions = choose(policy.scores(features, mask, context))
            self.step_into(actions, features, mask, context, rewards, more=goes_on or done < num_steps)
            yield done

    def observation_buffers(self) -> Buffers:
        """Arrays to observe into."""
        num, size = len(self.position), self.plant.spec.max_candidates
        return (
            np.zeros((num, size, NUM_FEATURES), np.float32),
            np.zeros((num, size), np.bool_),
            np.zeros((num, NUM_CONTEXT), np.float32),
        )


def _put_row(into: Any, network: int, one: Any) -> None:
    """Copy what is one network's own; what networks share has one shape in both."""
    if isinstance(into, np.ndarray):
        if into.shape != one.shape:
            into[network] = one[0]
    elif isinstance(into, tuple):
        for ours, theirs in zip(into, one, strict=True):
            _put_row(ours, network, theirs)


def lockstep_on_traffic(
    plant: Plant,
    traffic: PoissonTraffic,
    num_networks: int,
    warmup: int = 0,
    reward: RewardWeights = ONLY_BLOCKING,
    begin: StandingSnapshot | None = None,
) -> Lockstep:
    """Networks fed by an endless stream, from ``begin`` on or empty; call ``reset(seed)`` before use."""
    known = Around(plant, {}) if begin is None else begin.known_to(plant)
    plant = known.plant
    return Lockstep(
        plant=plant,
        states=new_states(plant, num_networks, traffic.load_erlang, traffic.mean_holding_s),
        requests=new_requests(num_networks, CHUNK),
        candidates=new_candidates(plant, num_networks),
        statistics=new_statistics(plant, num_networks, len(traffic.classes)),
        position=np.zeros(num_networks, np.int64),
        served=np.zeros(num_networks, np.int64),
        warmup=warmup,
        reward=reward,
        traffic=traffic,
        begin=begin,
        detours=known.rows,
    )


def lockstep_on_requests(
    plant: Plant,
    requests: Requests,
    warmup: int = 0,
    num_classes: int | None = None,
    reward: RewardWeights = ONLY_BLOCKING,
    num_noted: int = 0,
) -> Lockstep:
    """Networks fed by given requests, one row each; call ``reset()`` before use.

    ``num_noted``: what becomes of so many of the first requests of each is kept, one by one.
    """
    num_networks = len(requests.arrival_s)
    load_erlang, mean_holding_s = offered_load(requests)
    return Lockstep(
        plant=plant,
        states=new_states(plant, num_networks, load_erlang, mean_holding_s),
        requests=requests,
        candidates=new_candidates(plant, num_networks),
        statistics=new_statistics(
            plant, num_networks, num_classes or int(requests.service_class.max()) + 1, num_noted
        ),
        position=np.zeros(num_networks, np.int64),
        served=np.zeros(num_networks, np.int64),
        warmup=warmup,
        reward=reward,
    )


def offered_load(requests: Requests) -> tuple[float, float]:
    """``(load_erlang, mean_holding_s)`` as the requests themselves show."""
    mean_holding_s = float(requests.holding_s.mean())
    span_s = float((requests.arrival_s[:, -1] - requests.arrival_s[:, 0]).mean())
    count = requests.arrival_s.shape[1]
    return max(mean_holding_s * count / span_s, 1.0) if span_s > 0 else 1.0, mean_holding_s
