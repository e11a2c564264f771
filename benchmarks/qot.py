"""Decisions a second with quality of transmission in the loop, beside the same noise from scratch.

NSFNET, bands C, L, S with 96 channels of 50 GHz at 32 GBd each, K = 5 paths, bit rates 100 to 400 Gb/s, a
margin of 1 dB, a load that blocks about 1 % of the requests. One core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from envs.gsnr.bands import make_comb
from envs.gsnr.formats import load_formats
from envs.gsnr.full import carrier_noise
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import SpanLoads, build_link_tables
from envs.gsnr.serve import Decisions, Demands, QotService, make_demands
from topologies.catalogue import load_topology
from topologies.paths import build_path_table

BIT_RATES_GBPS = (100.0, 200.0, 300.0, 400.0)
LOAD_ERLANG = 1150.0
REQUESTS = 100_000
WARMUP = 10_000
SNAPSHOTS = 4  # states whose noise is also computed from scratch


def figures(
    say: Callable[[str], None],
    channels: int = 96,
    load_erlang: float = LOAD_ERLANG,
    requests: int = REQUESTS,
    warmup: int = WARMUP,
    snapshots: int = SNAPSHOTS,
) -> dict[str, float]:
    """Figures of the serving kernel; compilation is not counted. The defaults are what docs/qot.md reports.

    ``full_recompute_per_s`` is how often a second the noise of everything lit can be computed from the
    closed form, the tilt already solved: what a decision costs at the least without tables and increments.
    ``max_incremental_error_db`` is the largest difference of the two over every lit carrier.
    ``least_reserve_db`` is how far, at the least, the exact GSNR with the tilt of what is really lit lies
    above the one decided with.
    """
    topology, parameters, formats = load_topology("nsfnet"), load_line_parameters(), load_formats()
    comb, paths = make_comb(parameters.bands, channels), build_path_table(topology)
    say("building the tables ...")
    started_s = time.perf_counter()
    tables = build_link_tables(topology, parameters, comb)
    tables_s = time.perf_counter() - started_s
    loads = SpanLoads(parameters.fibre, comb, parameters.span_km, tables.assumption)
    service = QotService(tables, paths, formats, BIT_RATES_GBPS)
    demands = make_demands(topology.num_nodes, len(BIT_RATES_GBPS), requests, load_erlang, seed=1)
    say("compiling ...")
    service.serve(demands, 0, 10)
    service.serve(demands, 0, warmup)
    busy_s = full_s = worst_db = 0.0
    carriers = 0
    reserve_db = np.inf
    edges = np.linspace(warmup, requests, snapshots + 1).astype(int)
    for start, stop in pairwise(edges):
        say(f"requests {start} to {stop} ...")
        started_s = time.perf_counter()
        decisions = service.serve(demands, int(start), int(stop))
        busy_s += time.perf_counter() - started_s
        lit = _lit(decisions, demands, int(stop))
        started_s = time.perf_counter()
        full = carrier_noise(topology, parameters, comb, paths, lit, tables.assumption, loads)
        full_s += time.perf_counter() - started_s
        first_links = paths.path_links[[path for path, _ in lit], 0]
        kept = service.carriers.noise[service.carriers.owner[first_links, [channel for _, channel in lit]]]
        worst_db = max(worst_db, float(np.abs(10 * np.log10(kept / full)).max()))
        exact = carrier_noise(topology, parameters, comb, paths, lit, "as-lit")
        reserve_db = min(reserve_db, float((10 * np.log10(kept / exact)).min()))
        carriers += len(lit)
    counted = decisions.path[warmup:]
    served = counted >= 0
    share = np.bincount(comb.band[decisions.first_channel[warmup:][served]], minlength=3) / served.sum()
    return {
        "decisions_per_s": (requests - warmup) / busy_s,
        "full_recompute_per_s": snapshots / full_s,
        "max_incremental_error_db": worst_db,
        "least_reserve_db": float(reserve_db),
        "request_blocking": 1.0 - float(served.mean()),
        "mean_lit_carriers": carriers / snapshots,
        "table_build_s": tables_s,
        **{f"share_{name}": float(part) for name, part in zip(comb.band_names, share, strict=True)},
    }


def _lit(decisions: Decisions, demands: Demands, stop: int) -> list[tuple[int, int]]:
    """(path, channel) of every carrier that is lit when request ``stop - 1`` has been decided."""
    here = (decisions.path[:stop] >= 0) & (demands.departure_s[:stop] > demands.arrival_s[stop - 1])
    return [
        (int(decisions.path[t]), int(decisions.first_channel[t]) + offset)
        for t in np.flatnonzero(here)
        for offset in range(decisions.width[t])
    ]
