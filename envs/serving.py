"""The one request loop: departures, a decision, what it changes, what is counted.

``serve`` takes any policy. A policy is a NamedTuple of what it needs, scratch included; its class selects the
function that decides (``decided_by``) at compile time, so that the loop is as fast as one written for that
policy alone. The environments step many networks with the same pieces: ``lockstep.py``.

Arrays are unpacked once, at the top of a kernel: see docs/adr/0002.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from envs.blocks import Block, Index
from envs.compiled import HELPER_OPTIONS, inlined, kernel, plain, uncached_kernel
from envs.parts import SetUp, count_listed, draw_parts_kw, set_up_parts
from envs.plant import PlantArrays
from envs.request import Asked, KnownLife
from envs.reward import RewardWeights
from envs.state import NetworkStates, OneNetwork, admit, depart_until
from envs.statistics import Statistics, count
from envs.traffic import Requests


class Placement(NamedTuple):
    """What was decided about a request."""

    path: Index  # row of the path table; negative: blocked
    first_slot: Index
    num_slots: Index
    format_row: Index
    candidate: Index  # place among the listed candidates; -1: blocked, or the policy lists none
    margin_10db: float  # as listed with the candidate, else 0
    marginal_kw: float


@inlined
def placed(plant, path, first_slot, num_slots):
    """The ``Placement`` of a block of slots with its path's format; blocked where ``path`` is negative."""
    format_row = np.int64(plant.path_format[max(path, 0)])
    return Placement(np.int64(path), np.int64(first_slot), np.int64(num_slots), format_row, -1, 0.0, 0.0)


@inlined
def placed_as_listed(candidates, n, c):
    """The ``Placement`` of candidate ``c`` of row ``n``; blocked where no candidate has that number."""
    if not 0 <= c < candidates.listed[n]:
        return Placement(-1, 0, 0, 0, -1, 0.0, 0.0)
    return Placement(
        np.int64(candidates.path[n, c]),
        np.int64(candidates.first_slot[n, c]),
        np.int64(candidates.num_slots[n, c]),
        np.int64(candidates.format[n, c]),
        np.int64(c),
        np.float64(candidates.margin_10db[n, c]),
        np.float64(candidates.marginal_kw[n, c]),
    )


@inlined
def reward_of_carried(weights, slack, margin_10db, power_kw):
    """Reward of a carried request, ``power_kw`` being drawn with it."""
    return weights.slack * slack + weights.margin * margin_10db - weights.energy * power_kw


@inlined
def reward_of_blocked(weights, power_kw):
    """Reward of a blocked request, ``power_kw`` being drawn without it."""
    return -1.0 - weights.energy * power_kw


_DECISIONS: dict[type, Callable[..., Any]] = {}


def decided_by(policy_class: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a compiled helper the way in which policies of a class decide.

    The helper takes ``(policy, plant, states, net, n, asked)`` and returns a ``Placement``. These are the
    policy, PlantArrays, NetworkStates, the ``OneNetwork`` with index ``n`` in them, ``n``, and an ``Asked``.
    A class with a field ``candidates`` (CandidateArrays) lists candidates there, and row ``n`` holds those of
    the request when the helper returns.
    """

    def register(helper: Callable[..., Any]) -> Callable[..., Any]:
        _DECISIONS[policy_class] = helper
        return helper

    return register


def decide(policy: Any, plant: Any, states: Any, net: Any, n: int, asked: Any) -> Any:
    """The ``Placement`` that a policy decides on; compiled code finds the helper by the policy's class."""
    return _DECISIONS[type(policy)](policy, plant, states, net, n, asked)


@overload(decide, jit_options=HELPER_OPTIONS)  # type: ignore[arg-type]
def _decide(policy, plant, states, net, n, asked):
    helper = _DECISIONS[policy.instance_class]

    def decision(policy, plant, states, net, n, asked):
        return helper(policy, plant, states, net, n, asked)

    return decision


def count_chosen(policy: Any, plant: Any, net: Any, n: int, counts: Any, asked: Any, chosen: int) -> None:
    """Count in the parts' own ``counts`` the candidate ``chosen``, for policies that list candidates."""


@overload(count_chosen, jit_options=HELPER_OPTIONS)  # type: ignore[arg-type]
def _count_chosen(policy, plant, net, n, counts, asked, chosen):
    if "candidates" not in policy.instance_class._fields:
        return lambda policy, plant, net, n, counts, asked, chosen: None

    def counted(policy, plant, net, n, counts, asked, chosen):
        count_listed(plant.parts, net.free, n, counts, policy.candidates, chosen, asked)

    return counted


@inlined
def carry_out(plant, states, net, n, asked, placement, reward, power_kw):
    """Set up what was decided about a request of network ``n``; returns what that earns.

    Args:
        plant: PlantArrays.
        states: NetworkStates.
        net: OneNetwork of row ``n``.
        n: row.
        asked: Asked.
        placement: Placement.
        reward: RewardWeights.
        power_kw: that the network draws before.
    """
    path = placement.path
    if path < 0:
        return reward_of_blocked(reward, power_kw)
    block = Block(plant.path_units[path, : plant.path_hops[path]], placement.first_slot, placement.num_slots)
    departure_s = asked.now_s + asked.holding_s
    entry, rate_gbps = net.counters[0].vacant, asked.bit_rate_gbps
    admit(net, path, block, departure_s)
    life = KnownLife(asked.now_s, asked.told_end_s, np.int64(asked.life_row))
    change = SetUp(entry, block, placement.format_row, rate_gbps, life)
    set_up_parts(plant.parts, states.parts, n, change)
    bound_ms = asked.max_latency_ms
    slack = 1.0 if bound_ms == np.inf else 1.0 - plant.path_latency_ms[path] / bound_ms
    return reward_of_carried(reward, slack, placement.margin_10db, power_kw + placement.marginal_kw)


def serve(
    plant: PlantArrays,
    states: NetworkStates,
    requests: Requests,
    n: int,
    policy: Any,
    warmup: int,
    reward: RewardWeights,
    statistics: Statistics,
) -> None:
    """Serve all requests of row ``n`` in network ``n``; the first ``warmup`` are not counted.

    Args:
        plant: the network.
        states: the networks in time, changed.
        requests: rows of them.
        n: network and row.
        policy: of a class that ``decided_by`` knows.
        warmup: see above.
        reward: weights of what is added to ``statistics.reward``.
        statistics: counts, added to.
    """
    # The kernel cache names classes by their modules. One that another process cannot import would break it
    # for all, so rules from elsewhere are compiled anew by each process.
    run = serve_row if type(policy).__module__.startswith("envs.") else _serve_row_uncached
    run(plant, states, requests, n, policy, warmup, reward, statistics)


@kernel
def serve_row(plant, states, requests, n, policy, warmup, reward, statistics):
    """``serve`` for the rules of this package; one compilation for each class."""
    net = OneNetwork(states.free[n], states.wheel[n], states.lightpaths[n], states.counters[n : n + 1])
    free, counters = states.free[n], states.counters[n : n + 1]
    arrival_s, holding_s, pairs = requests.arrival_s[n], requests.holding_s[n], requests.pair[n]
    bit_rate_gbps, max_latency_ms = requests.bit_rate_gbps[n], requests.max_latency_ms[n]
    service_class, told_end_s = requests.service_class[n], requests.told_end_s[n]
    life_row = requests.life_row[n]
    parts, of_parts, counts = plant.parts, states.parts, statistics.parts
    earned, taken = statistics.reward[n : n + 1], statistics.taken[n]
    for t in range(len(arrival_s)):
        now_s, counted = arrival_s[t], t >= warmup
        depart_until(plant, states, net, n, now_s)
        power_kw = draw_parts_kw(parts, of_parts, free, n, counts, counted)
        used_before = counters[0].used_slots
        asked = Asked(
            np.int64(pairs[t]), np.int64(service_class[t]), bit_rate_gbps[t], max_latency_ms[t], now_s,
            holding_s[t], told_end_s[t], np.int64(life_row[t]),
        )  # fmt: skip
        placement = decide(policy, plant, states, net, n, asked)
        if counted:
            count_chosen(policy, plant, net, n, counts, asked, placement.candidate)
        worth = carry_out(plant, states, net, n, asked, placement, reward, power_kw)
        if counted:
            earned[0] += worth
            count(plant, statistics, n, asked, used_before, placement.path)
        if t < len(taken):
            taken[t] = placement.path


_serve_row_uncached = uncached_kernel(plain(serve_row))
