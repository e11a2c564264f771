"""N networks stepped together, one request each: what the environments and the evaluation run on.

A step carries out the chosen candidates, books them, brings in the next requests, releases what has departed
and writes the next observations, all in one compiled call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.calendar import note_end
from envs.candidates import CandidateArrays, new_candidates, observe_request
from envs.compiled import inlined, kernel
from envs.energy.meter import charge, is_metered, read_power
from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.gsnr.carriers import light_block
from envs.gsnr.counting import count_lit
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights, reward_of_blocked, reward_of_carried
from envs.rng import stream_states
from envs.state import NetworkStates, admit, clear, depart_until, new_states
from envs.tally import Tally, count, new_tally
from envs.traffic import PoissonTraffic, Requests, TrafficArrays, draw_requests, new_requests, traffic_arrays

CHUNK = 512  # requests drawn at a time per network


@inlined
def _bring_next(plant, states, requests, n, t, words, scratch, candidates, features, mask, context):
    """Release what has departed by request ``t`` and write its observation into row ``n``."""
    free, wheel, lightpaths, book = (
        states.free[n],
        states.wheel[n],
        states.lightpaths[n],
        states.book[n : n + 1],
    )
    now_s = requests.arrival_s[n, t]
    depart_until(free, wheel, lightpaths, book, plant.path_units, plant.path_hops, plant.power, now_s)
    observe_request(
        plant, free, states.carriers, states.calendars.end_s[n], requests.pair[n, t],
        requests.bit_rate_gbps[n, t], requests.max_latency_ms[n, t], now_s,
        now_s + requests.holding_s[n, t], words, scratch, candidates, n, features[n], mask[n], context[n],
    )  # fmt: skip


@kernel
def observe_all(plant, states, requests, position, candidates, features, mask, context):
    """Write the observations of the pending requests."""
    words = np.empty(plant.num_words, np.uint64)
    scratch = np.empty(plant.num_words, np.uint64)
    for n in range(len(position)):
        _bring_next(
            plant, states, requests, n, position[n], words, scratch, candidates, features, mask, context
        )


@kernel
def step_all(plant, states, requests, position, served, warmup, candidates, actions, reward, rewards, tally):
    """Carry out ``actions`` on the pending requests, fill ``rewards``, move every network on by one.

    An action that names no candidate blocks the request. What a step earns: ``reward.py``. Observations are
    written by ``observe_all`` afterwards.
    """
    path_units, path_hops, path_latency_ms = plant.path_units, plant.path_hops, plant.path_latency_ms
    power, metered = plant.power, is_metered(plant.power)
    for n in range(len(position)):
        t = position[n]
        free, wheel, lightpaths, book = (
            states.free[n],
            states.wheel[n],
            states.lightpaths[n],
            states.book[n : n + 1],
        )
        used_before = book[0].used_slots
        action = actions[n]
        chosen = -1
        max_latency_ms = requests.max_latency_ms[n, t]
        power_kw = 0.0
        if metered:
            counted = served[n] >= warmup
            power_kw = read_power(power, free, book, counted, tally.power[n : n + 1]) / 1000.0
        rewards[n] = reward_of_blocked(reward, power_kw)
        if plant.lit.num_channels > 0 and served[n] >= warmup:
            count_lit(
                plant.lit,
                free,
                tally.margins[n],
                tally.by_band[n],
                tally.flow[n : n + 1],
                candidates,
                n,
                action if action < candidates.listed[n] else -1,
                requests.bit_rate_gbps[n, t],
                requests.arrival_s[n, t],
                requests.holding_s[n, t],
            )
        if 0 <= action < candidates.listed[n]:
            chosen = candidates.path[n, action]
            if metered:
                rate_gbps = requests.bit_rate_gbps[n, t]
                charge(power, lightpaths, book, book[0].vacant, candidates.format[n, action], rate_gbps)
            hops = path_hops[chosen]
            first_slot = np.int64(candidates.first_slot[n, action])
            num_slots = np.int64(candidates.num_slots[n, action])
            end_s = requests.arrival_s[n, t] + requests.holding_s[n, t]
            admit(free, wheel, lightpaths, book, path_units, chosen, hops, first_slot, num_slots, end_s)
            if plant.ends_known:
                note_end(states.calendars.end_s[n], path_units, chosen, hops, first_slot, num_slots, end_s)
            if plant.lit.num_channels > 0:
                format_row = candidates.format[n, action]
                light_block(
                    plant.lit, states.carriers, n, path_units, chosen, hops, first_slot, num_slots, format_row
                )
            slack = 1.0 if max_latency_ms == np.inf else 1.0 - path_latency_ms[chosen] / max_latency_ms
            rewards[n] = reward_of_carried(
                reward,
                slack,
                candidates.margin_10db[n, action],
                power_kw + candidates.marginal_kw[n, action],
            )
        if served[n] >= warmup:
            tally.reward[n] += rewards[n]
            count(
                tally.offered[n],
                tally.blocked[n],
                tally.carried[n],
                tally.bounds[n],
                tally.sums[n : n + 1],
                requests.service_class[n, t],
                requests.bit_rate_gbps[n, t],
                max_latency_ms,
                used_before,
                chosen,
                path_latency_ms,
            )
        served[n] += 1
        position[n] += 1


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
    tally: Tally
    position: np.ndarray  # (N,) int64, row of the pending request
    served: np.ndarray  # (N,) int64, requests answered since the reset
    warmup: int
    reward: RewardWeights
    traffic: PoissonTraffic | None = None
    _stream: tuple[TrafficArrays, np.ndarray, np.ndarray] | None = None  # (TrafficArrays, rng states, clocks)

    def reset(self, seed: int | None = None) -> None:
        """Empty networks, zero counts; with ``seed``, new streams of requests."""
        for n in range(len(self.position)):
            clear(self.states, self.plant, n)
        self.served[:] = 0
        self.position[:] = 0
        for array in self.tally:
            array[...] = np.zeros((), array.dtype)
        if self.traffic is not None:
            if seed is not None or self._stream is None:
                streams = stream_states(seed or 0, len(self.position))
                self._stream = (
                    traffic_arrays(self.traffic, self.plant),
                    streams,
                    np.zeros(len(self.position)),
                )
            self._stream[2][:] = 0.0
            self.position[:] = self.requests.arrival_s.shape[1]
            self._refill()

    def _refill(self) -> None:
        if self._stream is not None:
            traffic, rng_states, clock_s = self._stream
            refill(traffic, rng_states, clock_s, self.requests, self.position)

    def observe_into(self, features: np.ndarray, mask: np.ndarray, context: np.ndarray) -> None:
        """Write the pending observations: (N, M, F) float32, (N, M) bool, (N, C) float32."""
        observe_all(
            self.plant.arrays,
            self.states,
            self.requests,
            self.position,
            self.candidates,
            features,
            mask,
            context,
        )

    def step_into(
        self,
        actions: np.ndarray,
        features: np.ndarray,
        mask: np.ndarray,
        context: np.ndarray,
        rewards: np.ndarray,
        more: bool = True,
    ) -> None:
        """Carry out ``actions`` (N,) int64, write rewards (N,) float32; if there is ``more``, observe."""
        step_all(
            self.plant.arrays,
            self.states,
            self.requests,
            self.position,
            self.served,
            self.warmup,
            self.candidates,
            actions,
            self.reward,
            rewards,
            self.tally,
        )
        self._refill()
        if more:
            self.observe_into(features, mask, context)

    def observation_buffers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arrays to observe into."""
        num, size = len(self.position), self.plant.spec.max_candidates
        return (
            np.zeros((num, size, NUM_FEATURES), np.float32),
            np.zeros((num, size), np.bool_),
            np.zeros((num, NUM_CONTEXT), np.float32),
        )


def lockstep_on_traffic(
    plant: Plant,
    traffic: PoissonTraffic,
    num_networks: int,
    warmup: int = 0,
    reward: RewardWeights = ONLY_BLOCKING,
) -> Lockstep:
    """Networks fed by an endless stream; call ``reset(seed)`` before use."""
    return Lockstep(
        plant=plant,
        states=new_states(plant, num_networks, traffic.load_erlang, traffic.mean_holding_s),
        requests=new_requests(num_networks, CHUNK),
        candidates=new_candidates(plant, num_networks),
        tally=new_tally(plant, num_networks, len(traffic.classes)),
        position=np.zeros(num_networks, np.int64),
        served=np.zeros(num_networks, np.int64),
        warmup=warmup,
        reward=reward,
        traffic=traffic,
    )


def lockstep_on_requests(
    plant: Plant,
    requests: Requests,
    warmup: int = 0,
    num_classes: int | None = None,
    reward: RewardWeights = ONLY_BLOCKING,
) -> Lockstep:
    """Networks fed by given requests, one row each; call ``reset()`` before use."""
    num_networks = len(requests.arrival_s)
    load_erlang, mean_holding_s = offered_load(requests)
    return Lockstep(
        plant=plant,
        states=new_states(plant, num_networks, load_erlang, mean_holding_s),
        requests=requests,
        candidates=new_candidates(plant, num_networks),
        tally=new_tally(plant, num_networks, num_classes or int(requests.service_class.max()) + 1),
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
