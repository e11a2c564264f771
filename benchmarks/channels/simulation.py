"""Requests through the setting of DRL-RMBSA under one policy: compiled, one loop.

A service takes the first free channels of one band on one of its pair's paths, not necessarily side by side,
until their capacities add up to its rate. A policy says which path and which band. The network is never
emptied. Not here: the tables (``tables.py``), intervals (``comparison.py``).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from benchmarks.channels.tables import RATES_UNITS, ChannelTables

# First path, first band that fits; most free capacity, then highest modulation; least last channel; ours.
KSP_FB_FF, KSP_HCP_HMF, KSP_MIN_MAX_F, LEAST_CAPACITY_LOSS = range(4)
POLICIES = {
    "ksp_fb_ff": KSP_FB_FF,
    "ksp_hcp_hmf": KSP_HCP_HMF,
    "ksp_min_max_f": KSP_MIN_MAX_F,
    "least_capacity_loss": LEAST_CAPACITY_LOSS,
}


class ChannelRequests(NamedTuple):
    """Requests in order of arrival: pair, rate in units, times in mean times between arrivals; each (n,)."""

    pair: np.ndarray
    units: np.ndarray
    arrival: np.ndarray
    departure: np.ndarray


class Spectrum(NamedTuple):
    """What is fixed, and what is taken.

    ``units`` (paths, channels); ``links`` (paths, most hops), -1 beyond the last; ``crossing`` (links, most
    paths), -1 beyond the last; ``beside`` (paths, most first paths): the first paths of all pairs that share
    a link with a path, -1 beyond the last; ``edges`` (bands + 1,); ``taken`` (paths, channels): how many
    links of a path have the channel lit; ``free`` (paths,): units free on all of a path's links, over all
    bands.
    """

    units: np.ndarray
    links: np.ndarray
    crossing: np.ndarray
    beside: np.ndarray
    edges: np.ndarray
    paths_per_pair: int
    taken: np.ndarray
    free: np.ndarray


def draw_requests(tables: ChannelTables, load_erlang: float, num_requests: int, seed: int) -> ChannelRequests:
    """Poisson arrivals, exponential holding times, pairs and rates alike."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1.0, num_requests))
    return ChannelRequests(
        rng.integers(0, tables.num_pairs, num_requests),
        np.asarray(RATES_UNITS)[rng.integers(0, len(RATES_UNITS), num_requests)],
        arrival,
        arrival + rng.exponential(load_erlang, num_requests),
    )


def empty_spectrum(tables: ChannelTables) -> Spectrum:
    """Nothing lit."""
    paths = len(tables.links)
    crossing = [[p for p in range(paths) if link in tables.links[p]] for link in range(tables.num_links)]
    firsts = range(0, paths, tables.paths_per_pair)
    return Spectrum(
        tables.units.astype(np.int64),
        _padded(tables.links),
        _padded(crossing),
        _padded([[p for p in firsts if not set(path).isdisjoint(tables.links[p])] for path in tables.links]),
        np.asarray(tables.band_edges, np.int64),
        tables.paths_per_pair,
        np.zeros(tables.units.shape, np.int64),
        tables.units.sum(axis=1, dtype=np.int64),
    )


def serve(tables: ChannelTables, requests: ChannelRequests, policy: str) -> np.ndarray:
    """Which requests are blocked: (num_requests,) bool."""
    return _serve(empty_spectrum(tables), requests, POLICIES[policy])


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    table = np.full((len(rows), max(map(len, rows)) + 1), -1, np.int64)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


@numba.njit
def _serve(spectrum: Spectrum, requests: ChannelRequests, policy: int) -> np.ndarray:
    blocked = np.zeros(requests.pair.size, np.bool_)
    width = spectrum.units.shape[1]
    channels, chosen = np.empty(width, np.int64), np.empty(width, np.int64)
    services = [(0, np.empty(0, np.int64)) for _ in range(0)]  # path and channels, by number
    departures = [(np.inf, -1)]
    for i in range(requests.pair.size):
        while departures[0][0] <= requests.arrival[i]:
            path, lit = services[heapq.heappop(departures)[1]]
            _light(spectrum, path, lit, -1)
        path, count = _choose(spectrum, requests.pair[i], requests.units[i], policy, channels, chosen)
        if count == 0:
            blocked[i] = True
            continue
        lit = chosen[:count].copy()
        _light(spectrum, path, lit, 1)
        heapq.heappush(departures, (requests.departure[i], len(services)))
        services.append((path, lit))
    return blocked


@numba.njit
def _choose(
    spectrum: Spectrum, pair: int, wanted: int, policy: int, channels: np.ndarray, chosen: np.ndarray
) -> tuple[int, int]:
    """The path, and how many channels were written to ``chosen``; none: blocked."""
    first = pair * spectrum.paths_per_pair
    last = first + spectrum.paths_per_pair
    if policy == KSP_HCP_HMF:
        first += int(np.argmax(spectrum.free[first:last]))
        last = first + 1
    best, best_path, best_count = np.inf, -1, 0
    for path in range(first, last):
        for band in range(spectrum.edges.size - 1):
            count = _first_channels(spectrum, path, band, wanted, channels)
            if count == 0:
                continue
            if policy == KSP_FB_FF:
                score = float(path)
            elif policy == KSP_HCP_HMF:
                score = -float(max([spectrum.units[path, c] for c in channels[:count]]))
            elif policy == KSP_MIN_MAX_F:
                score = float(channels[count - 1])
            else:
                score = _capacity_loss(spectrum, path, channels[:count])
            if score < best:
                best, best_path, best_count = score, path, count
                chosen[:count] = channels[:count]
    return best_path, best_count


@numba.njit
def _first_channels(spectrum: Spectrum, path: int, band: int, wanted: int, channels: np.ndarray) -> int:
    """How many channels a service takes in a band of a path, written to ``channels``; 0: it does not fit."""
    count, missing = 0, wanted
    for channel in range(spectrum.edges[band], spectrum.edges[band + 1]):
        if spectrum.taken[path, channel] == 0 and spectrum.units[path, channel] > 0:
            channels[count] = channel
            count += 1
            missing -= spectrum.units[path, channel]
            if missing <= 0:
                return count
    return 0


@numba.njit
def _light(spectrum: Spectrum, path: int, channels: np.ndarray, sign: int) -> None:
    for hop in range(spectrum.links.shape[1]):
        link = spectrum.links[path, hop]
        if link < 0:
            return
        for k in range(spectrum.crossing.shape[1]):
            other = spectrum.crossing[link, k]
            if other < 0:
                break
            for channel in channels:
                if spectrum.taken[other, channel] + min(sign, 0) == 0:  # dark before, or dark after
                    spectrum.free[other] -= sign * spectrum.units[other, channel]
                spectrum.taken[other, channel] += sign


@numba.njit
def _capacity_loss(spectrum: Spectrum, path: int, channels: np.ndarray) -> float:
    """Units that the first path of every pair would lose."""
    loss = 0
    for other in spectrum.beside[path]:
        if other < 0:
            break
        for channel in channels:
            if spectrum.taken[other, channel] == 0:
                loss += spectrum.units[other, channel]
    return float(loss)
