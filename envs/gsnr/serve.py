"""Requests served with quality of transmission in the loop, in one compiled kernel.

Both rules look at the same candidates: bands in the order given (C, L, S); in a band the K paths in the
table's order; on a path the formats that carry the bit rate, fewest channels first; for each the first dark
blocks of that width, at most ``max_starts`` of them. A candidate is feasible if its carriers meet their
format's threshold with margin, and it leaves every lit carrier on its links above its own.

* ``band_by_band`` (KSP-FF over bands): the first feasible candidate.
* ``max_margin``: each path in each band offers its first feasible candidate, so its most efficient format
  that works; of these, the one whose worst carrier is furthest above its threshold, the first of equals.

What a run amounts to: ``metrics.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from envs.compiled import kernel
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import GsnrFormat, carrying_options
from envs.gsnr.incremental import (
    block_noise,
    dark_network,
    darken_carrier,
    disturbs_none,
    light_carrier,
)
from envs.gsnr.link_tables import LinkTables
from topologies.paths import PathTable

BAND_ORDER = ("C", "L", "S")
QOT_POLICIES = ("band_by_band", "max_margin")


class Demands(NamedTuple):
    """Requests in order of arrival, with the order in which they would leave."""

    arrival_s: np.ndarray  # (T,) float64
    departure_s: np.ndarray  # (T,) float64
    leaving: np.ndarray  # (T,) int64 requests by departure
    pair: np.ndarray  # (T,) int64 row of the path table's pairs
    rate: np.ndarray  # (T,) int64 row of ``Options``


class Decisions(NamedTuple):
    """What was decided, one row per request; ``path`` is -1 where it was blocked."""

    path: np.ndarray  # (T,) int32
    first_channel: np.ndarray  # (T,) int32
    width: np.ndarray  # (T,) int32 channels
    format: np.ndarray  # (T,) int32
    noise: np.ndarray  # (T,) float64 largest 1 / GSNR of its carriers at set-up, transceivers left out


class QotService:
    """A network that serves requests by a rule, one after another.

    Args:
        tables: noise of its links.
        paths: K paths per ordered node pair.
        formats: from the most robust to the most efficient.
        bit_rates_gbps: the bit rates there are; ``Demands.rate`` is an index into them.
        margin_db: GSNR above the threshold that a lightpath keeps.
        max_starts: dark blocks tried per band, path and width; 1 is first fit.
        band_order: in which the bands fill up; bands that are not in the tables are skipped.
        policy: one of ``QOT_POLICIES``.

    Raises:
        GsnrError: a number out of range, an unknown policy, or no band.
    """

    def __init__(
        self,
        tables: LinkTables,
        paths: PathTable,
        formats: Sequence[GsnrFormat],
        bit_rates_gbps: Sequence[float],
        margin_db: float = 1.0,
        max_starts: int = 1,
        band_order: Sequence[str] = BAND_ORDER,
        policy: str = "band_by_band",
    ):
        if policy not in QOT_POLICIES:
            raise GsnrError(f"unknown policy {policy!r}; known: {', '.join(QOT_POLICIES)}")
        if max_starts < 1:
            raise GsnrError(f"max_starts is {max_starts}; at least 1 is needed")
        comb = tables.comb
        self.bands = [name for name in band_order if name in comb.band_names]
        if not self.bands:
            raise GsnrError(f"none of {', '.join(band_order)} is a band here: {', '.join(comb.band_names)}")
        self.tables = tables
        self.paths = paths
        self.formats = tuple(formats)
        self.bit_rates_gbps = np.asarray(bit_rates_gbps, np.float64)
        self.margin_db = margin_db
        self.max_starts = max_starts
        self.policy = policy
        self.options = carrying_options(
            bit_rates_gbps, formats, comb.baud_gbd, margin_db, tables.transceiver_noise
        )
        self.carriers = dark_network(len(tables.link_spans), comb.num_channels)
        self._decisions = _undecided(0)
        self._left = np.zeros(1, np.int64)
        self._served = 0

    def band_ranges(self) -> np.ndarray:
        """(num_bands, 2) first channel and the one after the last, in the order of filling."""
        ranges = [self.tables.comb.channels_of(name) for name in self.bands]
        return np.array([(channels.start, channels.stop) for channels in ranges])

    def serve(self, demands: Demands, start: int = 0, stop: int | None = None) -> Decisions:
        """Decisions on all requests so far, requests ``start`` to ``stop`` served now.

        At ``start=0`` the network is dark; a later start goes on where the last call ended.

        Raises:
            GsnrError: a start that is neither.
        """
        if start == 0:
            self.carriers = dark_network(*self.carriers.owner.shape)
            self._decisions = _undecided(len(demands.arrival_s))
            self._left[0] = 0
            self._served = 0
        if start != self._served:
            raise GsnrError(f"start is {start}; the last call ended at {self._served}: go on there, or at 0")
        self._served = len(demands.arrival_s) if stop is None else stop
        serve_kernel(
            self.tables.arrays,
            self.carriers,
            self.paths.path_links,
            self.paths.path_hops,
            self.paths.first_path,
            demands,
            self.options,
            self.band_ranges(),
            self.max_starts,
            self.policy == "max_margin",
            self.tables.transceiver_noise,
            start,
            self._served,
            self._left,
            self._decisions,
        )
        return self._decisions


def _undecided(count: int) -> Decisions:
    first, width, chosen = (np.zeros(count, np.int32) for _ in range(3))
    return Decisions(np.full(count, -1, np.int32), first, width, chosen, np.zeros(count))


def make_demands(
    num_nodes: int, num_rates: int, count: int, load_erlang: float, seed: int, mean_holding_s: float = 1.0
) -> Demands:
    """Poisson arrivals, exponential holding times, uniform node pairs and bit rates.

    Raises:
        GsnrError: a count or a load that is not above 0.
    """
    if count < 1 or not 0 < load_erlang < np.inf:
        raise GsnrError(f"{count} requests at {load_erlang} Erlang; give at least one and a load above 0")
    random = np.random.default_rng(seed)
    arrival_s = np.cumsum(random.exponential(mean_holding_s / load_erlang, count))
    departure_s = arrival_s + random.exponential(mean_holding_s, count)
    source = random.integers(num_nodes, size=count)
    other = random.integers(num_nodes - 1, size=count)
    pair = source * num_nodes + other + (other >= source)
    return Demands(
        arrival_s, departure_s, np.argsort(departure_s), pair, random.integers(num_rates, size=count)
    )


@kernel
def serve_kernel(
    tables,
    carriers,
    path_links,
    path_hops,
    first_path,
    demands,
    options,
    bands,
    max_starts,
    weigh_margins,
    transceiver_noise,
    start,
    stop,
    left,
    decisions,
):
    """Serve requests ``start`` to ``stop``; ``left`` (1,) counts departures looked at so far.

    ``weigh_margins`` False takes the first feasible candidate, True the one with the largest margin.
    """
    own, cross, kind = tables.own, tables.cross, tables.kind
    owner, xpm, noise, limit = carriers.owner, carriers.xpm, carriers.noise, carriers.limit
    carrier_path, carrier_channel = carriers.path, carriers.channel
    vacant, lit = carriers.vacant, carriers.lit
    arrival_s, departure_s, leaving = demands.arrival_s, demands.departure_s, demands.leaving
    pairs, rates = demands.pair, demands.rate
    widths, formats, most_noise = options.width, options.format, options.most_noise
    chosen_path, chosen_first = decisions.path, decisions.first_channel
    chosen_width, chosen_format = decisions.width, decisions.format
    chosen_noise = decisions.noise
    extra = np.zeros(len(noise))
    stamp = np.zeros(len(noise), np.int64)
    clock = np.zeros(1, np.int64)
    run = np.empty(owner.shape[1] + 1, np.int64)  # dark channels from here on, on every link of the path
    for t in range(start, stop):
        while departure_s[leaving[left[0]]] <= arrival_s[t]:
            gone = leaving[left[0]]
            left[0] += 1
            if chosen_path[gone] >= 0:
                link = path_links[chosen_path[gone], 0]
                lowest = np.int64(chosen_first[gone])
                for channel in range(lowest, lowest + chosen_width[gone]):
                    darken_carrier(
                        cross,
                        kind,
                        owner,
                        xpm,
                        noise,
                        carrier_path,
                        carrier_channel,
                        vacant,
                        lit,
                        path_links,
                        path_hops,
                        owner[link, channel],
                    )
        rate = rates[t]
        best_path, best_first, best_option, best_noise, best_margin = -1, 0, 0, 0.0, 0.0
        for b in range(len(bands)):
            low, high = bands[b, 0], bands[b, 1]
            for path in range(first_path[pairs[t]], first_path[pairs[t] + 1]):
                hops = path_hops[path]
                run[high] = 0
                for channel in range(high - 1, low - 1, -1):
                    dark = True
                    for h in range(hops):
                        dark &= owner[path_links[path, h], channel] < 0
                    run[channel] = run[channel + 1] + 1 if dark else 0
                found = False
                for o in range(widths.shape[1]):
                    width = widths[rate, o]
                    if width < 0:
                        break
                    most = most_noise[rate, o]
                    tried = 0
                    for first in range(low, high - width + 1):
                        if run[first] < width:
                            continue
                        tried += 1
                        worst = block_noise(own, cross, kind, xpm, path_links, path, hops, first, width)
                        if worst <= most and disturbs_none(
                            cross,
                            kind,
                            owner,
                            noise,
                            limit,
                            extra,
                            stamp,
                            clock,
                            path_links,
                            path,
                            hops,
                            first,
                            width,
                        ):
                            found = True
                            margin = (most + transceiver_noise) / (worst + transceiver_noise)
                            if margin > best_margin:
                                best_path, best_first, best_option = path, first, o
                                best_noise, best_margin = worst, margin
                            break
                        if tried >= max_starts:
                            break
                    if found:
                        break
                if best_path >= 0 and not weigh_margins:
                    break
            if best_path >= 0 and not weigh_margins:
                break
        if best_path >= 0:
            width = widths[rate, best_option]
            for channel in range(best_first, best_first + width):
                light_carrier(
                    own,
                    cross,
                    kind,
                    owner,
                    xpm,
                    noise,
                    limit,
                    carrier_path,
                    carrier_channel,
                    vacant,
                    lit,
                    path_links,
                    best_path,
                    path_hops[best_path],
                    channel,
                    most_noise[rate, best_option],
                )
            chosen_path[t] = best_path
            chosen_first[t] = best_first
            chosen_width[t] = width
            chosen_format[t] = formats[rate, best_option]
            chosen_noise[t] = best_noise
