"""A window of operation lived through again under any policy: what each of its requests would have met.

The requests arrive as they did, from the lightpaths that stood, with the links failing and being repaired
when they did. Arrivals do not depend on the policy, so the outcomes of two policies pair request by request,
and one run of each is the whole answer. On what assumptions: docs/replay.md.

A lightpath that a cut takes is lost, under every policy alike: it is not asked for again, though the network
may have restored it. Not here: whether the twin may be believed (``fidelity.py``), intervals
(``batch_means.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from envs.around import Around
from envs.errors import PolicyError
from envs.failures import fail_fibre, repair_fibre
from envs.lockstep import offered_load
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.simulation import CHUNK, DEFRAGMENTATION, KernelPolicy, Server, refuse_unfit, server_of
from envs.snapshot import fibre_of, plant_that_knows, put_standing
from envs.standing import depart_by
from envs.state import NetworkStates, new_states
from envs.statistics import Statistics, new_statistics
from envs.traffic import PoissonTraffic, Requests, requests_of
from envs.window import Window
from topologies.detours import Avoided

LINK_KINDS = ("link-failed", "link-repaired")


@dataclass(frozen=True)
class Outcomes:
    """What became of the requests of a window under one policy.

    Attributes:
        policy: by name.
        taken: (num_requests,) int32, row of the path table; negative: blocked.
        bit_rate_gbps: (num_requests,) float32, asked for.
        lightpaths_lost: to cuts.
    """

    policy: str
    taken: np.ndarray
    bit_rate_gbps: np.ndarray
    lightpaths_lost: int

    @cached_property
    def blocked(self) -> np.ndarray:
        """(num_requests,) bool."""
        return self.taken < 0

    @property
    def request_blocking(self) -> float:
        """Blocked over offered requests."""
        return float(self.blocked.mean())

    @property
    def bit_rate_blocking(self) -> float:
        """Blocked over offered Gb/s."""
        return float(self.blocked_gbps.sum() / self.bit_rate_gbps.sum(dtype=np.float64))

    @property
    def blocked_gbps(self) -> np.ndarray:
        """(num_requests,) float64, 0 where carried."""
        return np.where(self.blocked, self.bit_rate_gbps.astype(np.float64), 0.0)


def replay_window(
    plant: Plant,
    window: Window,
    policy: ScoringPolicy | KernelPolicy,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcomes:
    """The requests of a window under a policy, from what stood when it began.

    Args:
        plant: the network that the window was lived through on.
        window: what happened.
        policy: what decides. MSCL weighs blocks by the bit rates of the window itself.
        on_progress: called now and then with (requests done, requests in all).

    Raises:
        WindowError: the window does not fit the plant; names the service or the link.
        PolicyError: a policy that cannot run from a snapshot, or not on this plant.
        TraceError: the window's nodes are not the plant's.
    """
    refuse_unfit(plant, policy)
    if policy == KernelPolicy(DEFRAGMENTATION):
        raise PolicyError(
            "defragmentation moves lightpaths, and does not know what those asked for that stood "
            "when the window began; replay another policy"
        )
    requests = window_requests(plant, window)
    traffic, known = _rates_of(window, requests), plant_of_window(plant, window)
    total, num_classes = window.trace.num_requests, len(window.trace.class_names)
    statistics = new_statistics(known.plant, 1, num_classes, total)
    serve = server_of(known.plant, traffic, policy)
    lost = live_through(known, window, requests, serve, statistics, on_progress)
    return Outcomes(policy.name, statistics.taken[0], requests.bit_rate_gbps[0], lost)


def plant_of_window(plant: Plant, window: Window) -> Around:
    """The plant with the routes of what stood, and the paths around all that was down at once.

    Raises:
        WindowError: a link, or a lightpath, that does not fit the plant; names it.
    """
    down, failures = set(window.failed_links), [frozenset(window.failed_links)]
    for change in window.happenings:
        if change.kind in LINK_KINDS:
            ends = (change.nodes[0], change.nodes[1])
            down = down | {ends} if change.kind == "link-failed" else down - {ends, ends[::-1]}
            failures.append(frozenset(down))
    return plant_that_knows(plant, [(item.service, item.placed) for item in window.standing], failures)


def live_through(
    known: Around,
    window: Window,
    requests: Requests,
    serve: Server,
    statistics: Statistics,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Serve a window's requests from its snapshot, its links failing; how many lightpaths cuts took.

    Args:
        known: the network, see ``plant_of_window``.
        window: what happened.
        requests: its requests, see ``window_requests``.
        serve: what decides, on the plant that is known.
        statistics: of one network, added to.
        on_progress: called now and then with (requests done, requests in all).

    Raises:
        WindowError: the window does not fit the plant; names the service or the link.
    """
    plant = known.plant
    states = states_at_begin(plant, window, _rates_of(window, requests))
    down = {fibre_of(plant, ends) for ends in window.failed_links}
    changes = [item for item in window.happenings if item.kind in LINK_KINDS]
    total, done, lost = window.trace.num_requests, 0, 0

    def serve_until(end: int) -> None:
        nonlocal done
        asked = known.redirected(requests, Avoided(frozenset(down)))
        while done < end:
            until = min(done + CHUNK, end)
            stretch = Requests(*(np.ascontiguousarray(column[:, done:until]) for column in asked))
            serve(states, stretch, 0, statistics._replace(taken=statistics.taken[:, done:until]))
            done = until
            if on_progress:
                on_progress(done, total)

    for change in changes:
        serve_until(int(np.searchsorted(requests.arrival_s[0], change.time_s, side="left")))
        depart_by(plant.arrays, states, 0, change.time_s)
        fibre = fibre_of(plant, (change.nodes[0], change.nodes[1]))
        if change.kind == "link-failed" and fibre not in down:
            lost += fail_fibre(plant, states, 0, fibre)
            down.add(fibre)
        elif change.kind == "link-repaired" and fibre in down:
            repair_fibre(plant, states, 0, fibre)
            down.discard(fibre)
    serve_until(total)
    return lost


def window_requests(plant: Plant, window: Window) -> Requests:
    """The requests of a window, one row.

    Raises:
        TraceError: a node that the plant does not have.
    """
    return requests_of([window.trace.for_topology(plant.topology)], plant)


def states_at_begin(plant: Plant, window: Window, traffic: PoissonTraffic) -> NetworkStates:
    """One network in which what stood when the window began stands, and what had failed has failed.

    Args:
        plant: the network, which knows the routes of what stood.
        window: what happened.
        traffic: sets the pace of the wheel, not what happens.

    Raises:
        WindowError: a lightpath that does not fit; names its service.
    """
    states = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s)
    put_standing(plant, states, window.standing, window.failed_links)
    return states


def _rates_of(window: Window, requests: Requests) -> PoissonTraffic:
    """What a policy with its own kernel wants to know of the traffic: its bit rates, and the pace."""
    load_erlang, mean_holding_s = offered_load(requests)
    rates, counts = np.unique(window.trace.bit_rate_gbps, return_counts=True)
    return PoissonTraffic(
        load_erlang=load_erlang,
        mean_holding_s=mean_holding_s,
        bit_rates_gbps=tuple(float(rate) for rate in rates),
        bit_rate_weights=tuple(float(count) for count in counts),
    )
