"""The blocking of many linear policies at once, on the same traffic: what a direct search needs.

Here every candidate is scored inside the kernel, so a policy costs about a microsecond a request. The search
itself (CMA-ES) is in ``agents/search.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.calendar import note_end
from envs.candidates import new_candidates, observe_request
from envs.compiled import kernel
from envs.energy.meter import charge, is_metered, read_power
from envs.errors import PolicyError
from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.gsnr.carriers import light_block
from envs.gsnr.counting import count_lit
from envs.lockstep import offered_load
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights, reward_of_blocked, reward_of_carried
from envs.state import admit, depart_until, new_states
from envs.tally import Tally, count, new_tally
from envs.trace import Trace
from envs.traffic import Requests, requests_of


@kernel
def serve_linear(plant, states, requests, n, row, weights, warmup, candidates, reward, tally):
    """Serve the requests of row ``row`` in network ``n`` by the linear score ``weights`` (F,) float64.

    ``reward``: weights of what is earned, booked into ``tally.reward``.
    """
    path_units, path_hops, path_latency_ms = plant.path_units, plant.path_hops, plant.path_latency_ms
    free, wheel, lightpaths, book = (
        states.free[n],
        states.wheel[n],
        states.lightpaths[n],
        states.book[n : n + 1],
    )
    offered, blocked, carried = tally.offered[n], tally.blocked[n], tally.carried[n]
    bounds, sums = tally.bounds[n], tally.sums[n : n + 1]
    calendar = states.calendars.end_s[n]
    power, metered = plant.power, is_metered(plant.power)
    readings = tally.power[n : n + 1]
    words = np.empty(plant.num_words, np.uint64)
    scratch = np.empty(plant.num_words, np.uint64)
    features = np.empty((candidates.path.shape[1], NUM_FEATURES), np.float32)
    mask = np.empty(candidates.path.shape[1], np.bool_)
    context = np.empty(NUM_CONTEXT, np.float32)
    for t in range(requests.arrival_s.shape[1]):
        now_s = requests.arrival_s[row, t]
        depart_until(free, wheel, lightpaths, book, path_units, path_hops, power, now_s)
        power_kw = 0.0
        if metered:
            power_kw = read_power(power, free, book, t >= warmup, readings) / 1000.0
        used_before = book[0].used_slots
        bit_rate_gbps = requests.bit_rate_gbps[row, t]
        max_latency_ms = requests.max_latency_ms[row, t]
        pair = requests.pair[row, t]
        end_s = now_s + requests.holding_s[row, t]
        observe_request(
            plant, free, states.carriers, calendar, pair, bit_rate_gbps, max_latency_ms, now_s, end_s, words,
            scratch, candidates, n, features, mask, context,
        )  # fmt: skip
        chosen = -1
        best = -np.inf
        action = 0
        for c in range(candidates.listed[n]):
            score = 0.0
            for f in range(NUM_FEATURES):
                score += weights[f] * features[c, f]
            if score > best:
                best = score
                action = c
                chosen = candidates.path[n, c]
        earned = reward_of_blocked(reward, power_kw)
        if plant.lit.num_channels > 0 and t >= warmup:
            count_lit(
                plant.lit,
                free,
                tally.margins[n],
                tally.by_band[n],
                tally.flow[n : n + 1],
                candidates,
                n,
                action if chosen >= 0 else -1,
                bit_rate_gbps,
                now_s,
                requests.holding_s[row, t],
            )
        if chosen >= 0:
            slack = 1.0 if max_latency_ms == np.inf else 1.0 - path_latency_ms[chosen] / max_latency_ms
            earned = reward_of_carried(
                reward,
                slack,
                candidates.margin_10db[n, action],
                power_kw + candidates.marginal_kw[n, action],
            )
            if metered:
                charge(power, lightpaths, book, book[0].vacant, candidates.format[n, action], bit_rate_gbps)
            first_slot = np.int64(candidates.first_slot[n, action])
            num_slots = np.int64(candidates.num_slots[n, action])
            hops = path_hops[chosen]
            admit(free, wheel, lightpaths, book, path_units, chosen, hops, first_slot, num_slots, end_s)
            if plant.ends_known:
                note_end(calendar, path_units, chosen, hops, first_slot, num_slots, end_s)
            if plant.lit.num_channels > 0:
                format_row = candidates.format[n, action]
                light_block(
                    plant.lit, states.carriers, n, path_units, chosen, hops, first_slot, num_slots, format_row
                )
        if t >= warmup:
            tally.reward[n] += earned
            count(
                offered,
                blocked,
                carried,
                bounds,
                sums,
                requests.service_class[row, t],
                bit_rate_gbps,
                max_latency_ms,
                used_before,
                chosen,
                path_latency_ms,
            )


def replay_linear(
    plant: Plant,
    requests: Requests,
    weights: np.ndarray,
    warmup: int,
    num_classes: int,
    reward: RewardWeights = ONLY_BLOCKING,
) -> Tally:
    """Counts of one linear policy on every row of ``requests``, each row on a network of its own."""
    num_networks = len(requests.arrival_s)
    states = new_states(plant, num_networks, *offered_load(requests))
    tally = new_tally(plant, num_networks, num_classes)
    candidates = new_candidates(plant, num_networks)
    for n in range(num_networks):
        serve_linear(
            plant.arrays, states, requests, n, n, _checked(weights), warmup, candidates, reward, tally
        )
    return tally


def linear_costs_on(
    plant: Plant,
    traces: Sequence[Trace],
    weights: np.ndarray,
    warmup: int,
    reward: RewardWeights = ONLY_BLOCKING,
) -> np.ndarray:
    """(P,) cost of P linear policies over given traces: the negative mean reward per request.

    With ``ONLY_BLOCKING`` this is the request blocking.
    """
    table = requests_of(list(traces), plant)
    num_classes = max(len(trace.class_names) for trace in traces)
    costs = np.zeros(len(weights))
    for index, row in enumerate(weights):
        tally = replay_linear(plant, table, row, warmup, num_classes, reward)
        costs[index] = -tally.reward.sum() / tally.offered.sum()
    return costs


def _checked(weights: np.ndarray) -> np.ndarray:
    values = np.ascontiguousarray(weights, np.float64)
    if values.shape != (NUM_FEATURES,):
        raise PolicyError(f"weights have shape {values.shape}; ({NUM_FEATURES},) is needed")
    if not np.isfinite(values).all():
        raise PolicyError("a weight is not finite")
    return values
