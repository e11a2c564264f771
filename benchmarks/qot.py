"""Decisions a second with quality of transmission in the loop, beside the same noise from scratch.

NSFNET, bands C, L, S with 96 channels of 50 GHz at 32 GBd each, K = 3 paths, two formats a path, bit rates
100 to 400 Gb/s, a margin of 1 dB: the plant of ``envs.qot_rmbsa``. One core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from benchmarks.tilt import tilt_beyond_any_load_db, tilt_bound_db
from envs.gsnr.full import carrier_noise, kept_noise, lit_carriers
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import cuts_of, loads_of
from envs.gsnr.rates import cells_of
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy
from envs.qot_rmbsa import DEFAULT_SPEC, DEFAULT_TRAFFIC
from envs.reward import ONLY_BLOCKING
from envs.rng import stream_states
from envs.search import linear_rule
from envs.serving import serve
from envs.state import NetworkStates, new_states
from envs.statistics import Statistics, new_statistics, results_of
from envs.traffic import draw_requests, new_requests, traffic_arrays
from topologies.catalogue import load_topology
from topologies.grid import CHANNEL_SLOTS

REQUESTS = 40_000
WARMUP = 10_000
SNAPSHOTS = 4  # states whose noise is also computed from scratch
ROOMY, TIGHT = "max_margin", "fewest_channels"  # leaves others room; leaves none
LOOKING = "most_reserve", "qot_mscl"  # look at lit neighbours, and at what the block takes from others


def figures(
    say: Callable[[str], None],
    channels: int = 96,
    load_erlang: float = DEFAULT_TRAFFIC.load_erlang,
    requests: int = REQUESTS,
    warmup: int = WARMUP,
    snapshots: int = SNAPSHOTS,
) -> dict[str, float]:
    """Figures of the serving kernel; compilation is not counted. The defaults are what docs/qot.md reports.

    ``decisions_per_s`` lists, describes and scores all candidates; so does ``tight_decisions_per_s``, by a
    policy that leaves neighbours no room, so that many blocks are looked at and refused. So do those named
    after the rule that decides.
    ``first_feasible_per_s`` stops at the first, in that state. All by processor time, one thread.
    ``full_recompute_per_s`` is how often a second the noise of everything lit can be computed from the closed
    form, the tilt already solved: what a decision costs at the least without tables and increments.
    ``max_incremental_error_db`` is the largest difference of the two over every lit carrier.
    ``least_reserve_db`` is how far, at the least, the exact GSNR with the tilt of what is really lit lies
    above the one decided with. ``tilt_beyond_any_load_db`` is what a search finds of loss beyond the assumed,
    ``tilt_bound_db`` what is proven to be the most, ``fed_bound_db`` the same of power along the span.
    """
    topology, parameters = load_topology("nsfnet"), load_line_parameters()
    say("building the tables ...")
    started_s = time.perf_counter()
    plant = build_plant(topology, replace(DEFAULT_SPEC, channels_per_band=channels))
    build_s = time.perf_counter() - started_s
    spec = plant.spec
    comb = cells_of(parameters, spec.bands, channels * CHANNEL_SLOTS, spec.launch_dbm, spec.transceivers)
    cuts = [cut for fibre in topology.fibres for cut in cuts_of(fibre, parameters)]
    loads = loads_of(cuts, comb, "any-load")
    say("compiling ...")
    run, tight = _Run(plant, load_erlang, ROOMY), _Run(plant, load_erlang, TIGHT)
    first = _Run(build_plant(topology, replace(plant.spec, max_candidates=1)), load_erlang, TIGHT)
    looking = {name: _Run(plant, load_erlang, name) for name in LOOKING}
    all_runs = (run, tight, first, *looking.values())
    for one in all_runs:
        one.serve(warmup, warmup)
    full_s = worst_db = 0.0
    carriers = 0
    reserve_db = np.inf
    edges = np.linspace(warmup, requests, snapshots + 1).astype(int)
    for start, stop in pairwise(edges):
        say(f"requests {start} to {stop} ...")
        for one in all_runs:
            one.serve(int(stop - start))
        lit = lit_carriers(plant, run.states, 0)
        started_s = time.perf_counter()
        full = carrier_noise(topology, parameters, comb, plant.path_table, lit, "any-load", loads)
        full_s += time.perf_counter() - started_s
        kept = kept_noise(plant, run.states, 0, lit)
        worst_db = max(worst_db, float(np.abs(10 * np.log10(kept / full)).max()))
        exact = carrier_noise(topology, parameters, comb, plant.path_table, lit, "as-lit")
        reserve_db = min(reserve_db, float((10 * np.log10(kept / exact)).min()))
        carriers += len(lit)
    tilt_db, fed_db = tilt_bound_db(parameters.fibre, comb, parameters.span_km)
    result = results_of(run.statistics, plant)[0]
    assert result.qot is not None
    return {
        "decisions_per_s": run.decisions_per_s,
        "tight_decisions_per_s": tight.decisions_per_s,
        **{f"{name}_decisions_per_s": one.decisions_per_s for name, one in looking.items()},
        "first_feasible_per_s": first.decisions_per_s,
        "full_recompute_per_s": snapshots / full_s,
        "max_incremental_error_db": worst_db,
        "least_reserve_db": float(reserve_db),
        "tilt_beyond_any_load_db": tilt_beyond_any_load_db(parameters.fibre, comb, parameters.span_km),
        "tilt_bound_db": tilt_db,
        "fed_bound_db": fed_db,
        "request_blocking": result.request_blocking,
        "mean_lit_carriers": carriers / snapshots,
        "plant_build_s": build_s,
        **{f"share_{name}": share for name, share in result.qot.lightpath_share.items()},
    }


class _Run:
    """One network served by a linear score, chunk after chunk; counts the time of what is counted."""

    def __init__(self, plant: Plant, load_erlang: float, name: str) -> None:
        traffic = replace(DEFAULT_TRAFFIC, load_erlang=load_erlang)
        policy = baseline(name)
        assert isinstance(policy, LinearPolicy)
        self.plant = plant
        self.states: NetworkStates = new_states(plant, 1, load_erlang, traffic.mean_holding_s)
        self.statistics: Statistics = new_statistics(plant, 1, 1)
        self._rule = linear_rule(plant, np.array(policy.weights))
        self._traffic = traffic_arrays(traffic, plant)
        self._stream, self._clock_s = stream_states(1, 1), np.zeros(1)
        self._busy_s, self._counted = 0.0, 0

    def serve(self, count: int, warmup: int = 0) -> None:
        requests = new_requests(1, count)
        draw_requests(self._traffic, self._stream, self._clock_s, requests, 0)
        started_s = time.process_time()
        serve(self.plant.arrays, self.states, requests, 0, self._rule, warmup, ONLY_BLOCKING, self.statistics)
        if not warmup:
            self._busy_s += time.process_time() - started_s
            self._counted += count

    @property
    def decisions_per_s(self) -> float:
        return self._counted / self._busy_s
