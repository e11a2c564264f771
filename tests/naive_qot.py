"""The slow, obvious twin of decisions with quality of transmission: lists of lightpaths, noise from scratch.

Written from the definitions in ``envs.features`` and ``envs.gsnr``; every question computes the whole network
from the closed form again. Plants with transceiver noise are covered, ROADM loss is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from envs.gsnr.bands import Comb, make_comb
from envs.gsnr.formats import load_formats
from envs.gsnr.full import carrier_noise
from envs.gsnr.isrs_gn import Profiles
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import SpanLoads, span_noise, spans_of
from envs.plant import Plant
from tests import naive

STEP = 4
ORDER = ("C", "L", "S")
FORMATS = load_formats()


@dataclass(frozen=True)
class NaiveLightpath:
    path: int
    first_slot: int
    num_slots: int
    format_name: str
    departure_s: float = math.inf

    @property
    def channels(self) -> range:
        return range(self.first_slot // STEP, (self.first_slot + self.num_slots) // STEP)

    @property
    def threshold_db(self) -> float:
        return next(item.threshold_db for item in FORMATS if item.name == self.format_name)


@dataclass
class NaiveLitNetwork:
    """What stands, as a list; nothing is kept up to date."""

    plant: Plant
    standing: list[NaiveLightpath] = field(default_factory=list)
    known: dict[tuple[float, tuple[int, ...]], dict[int, float]] = field(default_factory=dict)
    assumed: dict[float, Profiles] = field(default_factory=dict)

    @cached_property
    def comb(self) -> Comb:
        spec, parameters = self.plant.spec, load_line_parameters()
        bands = [parameters.band(name) for name in spec.bands]
        return make_comb(
            bands,
            spec.channels_per_band,
            50.0,
            32.0,
            dict(zip(spec.bands, spec.launch_dbm, strict=True)),
        )

    @cached_property
    def loads(self) -> SpanLoads:
        parameters = load_line_parameters()
        return SpanLoads(parameters.fibre, self.comb, parameters.span_km, "any-load")

    def depart(self, now_s: float) -> None:
        self.standing = [item for item in self.standing if item.departure_s > now_s]

    def units(self, path: int) -> tuple[int, ...]:
        return tuple(int(self.plant.unit_of_link[link]) for link in self.plant.path_table.links(path))

    def taken(self) -> list[tuple[int, int]]:
        """(unit, slot) of all that stands; twice where two lightpaths overlap."""
        return [
            (unit, slot)
            for item in self.standing
            for unit in self.units(item.path)
            for slot in range(item.first_slot, item.first_slot + item.num_slots)
        ]

    def noise(self, lightpaths: list[NaiveLightpath], tilt: str = "any-load") -> list[np.ndarray]:
        """Per lightpath (channels,) 1 / GSNR, transceivers included, all of them being lit.

        Where both directions share a spectrum, a carrier is taken to disturb both, as what is lit on the one
        is dark on the other: its noise is that of the direction it goes in, all links as lit as their twins.
        """
        carriers = [(item.path, channel) for item in lightpaths for channel in item.channels]
        if not carriers:
            return []
        ends = 0.0
        if self.plant.spec.transceiver_snr_db is not None:
            ends = 10 ** (-self.plant.spec.transceiver_snr_db / 10)
        lit = carriers
        if self.plant.spec.shared_spectrum:
            lit = carriers + [(self.back(path), channel) for path, channel in carriers]
        topology, table = self.plant.topology, self.plant.path_table
        if tilt == "any-load":
            found = self.assumed_noise(carriers, lit)
        else:
            every = carrier_noise(topology, load_line_parameters(), self.comb, table, lit, "as-lit")
            found = every[: len(carriers)]
        edges = np.cumsum([len(item.channels) for item in lightpaths])[:-1]
        return np.split(found + ends, edges)

    def assumed_noise(self, carriers: list[tuple[int, int]], lit: list[tuple[int, int]]) -> np.ndarray:
        """(len(carriers),) 1 / GSNR under the tables' assumption, link by link from the closed form."""
        table = self.plant.path_table
        on_link: dict[int, set[int]] = {}
        for path, channel in lit:
            for link in table.links(path):
                on_link.setdefault(link, set()).add(channel)
        noise = {link: self.link_noise(link, tuple(sorted(here))) for link, here in on_link.items()}
        return np.array(
            [sum(noise[link][channel] for link in table.links(path)) for path, channel in carriers]
        )

    def link_noise(self, link: int, lit: tuple[int, ...]) -> dict[int, float]:
        """By channel, 1 / GSNR of one link with these channels lit; what was asked before is remembered."""
        length_km = self.plant.topology.fibres[link // 2].length_km
        key = length_km, lit
        if key not in self.known:
            fibre, span_km = load_line_parameters().fibre, load_line_parameters().span_km
            spans, cut_km = spans_of(length_km, span_km)
            if cut_km not in self.assumed:
                self.assumed[cut_km] = self.loads.profiles(cut_km)
            here, whole = np.isin(np.arange(self.comb.num_channels), lit), self.assumed[cut_km]
            own, cross = span_noise(
                fibre,
                self.comb.only(here),
                Profiles(whole.decay_1_m, whole.weight[:, here], whole.loss[here]),
            )
            self.known[key] = dict(zip(lit, spans * (own + cross.sum(axis=1)), strict=True))
        return self.known[key]

    def back(self, path: int) -> int:
        """The path over the same units from the other end."""
        nodes = self.plant.path_table.nodes(path)
        candidates = self.plant.path_table.paths_of(nodes[-1], nodes[0])
        return next(p for p in candidates if self.plant.path_table.nodes(p) == nodes[::-1])

    def margins_db(self, lightpaths: list[NaiveLightpath], tilt: str = "any-load") -> list[np.ndarray]:
        """Per lightpath (channels,) GSNR over threshold and margin."""
        kept_db = self.plant.spec.margin_db
        return [
            -10 * np.log10(noise) - item.threshold_db - kept_db
            for item, noise in zip(lightpaths, self.noise(lightpaths, tilt), strict=True)
        ]

    def free(self, path: int) -> list[bool]:
        taken, units = set(self.taken()), self.units(path)
        return [all((unit, slot) not in taken for unit in units) for slot in range(self.plant.spec.num_slots)]

    def blocks(self, path: int, low: int, high: int, num_slots: int) -> list[int]:
        """Places looked at, in order: left edges of the dark runs, then the highest block."""
        free = self.free(path)
        runs = [(low + a, low + b) for a, b in naive.runs(free[low:high]) if b - a >= num_slots]
        return [a for a, _ in runs] + ([runs[-1][1] - num_slots] if runs else [])

    def listed(self, pair: int, rate_gbps: float, bound_ms: float = math.inf) -> list[NaiveLightpath]:
        """The candidates of a request, in the order that ``envs.gsnr.listing`` promises."""
        spec, first = self.plant.spec, self.plant.path_table.first_path
        found: list[NaiveLightpath] = []
        for name in (name for name in ORDER if name in spec.bands):
            band = next(item for item in self.plant.bands if item.name == name)
            for path in range(int(first[pair]), int(first[pair + 1])):
                if float(self.plant.arrays.path_latency_ms[path]) > bound_ms:
                    continue
                working = 0
                for num_slots, format_name in self.sizes(rate_gbps):
                    if working == spec.formats_per_path or num_slots > band.num_slots:
                        break
                    offered = self.of_format(path, band.first_slot, band.end_slot, num_slots, format_name)
                    found += offered[: spec.max_candidates - len(found)]
                    working += bool(offered)
        return found

    def sizes(self, rate_gbps: float) -> list[tuple[int, str]]:
        """(slots, format) that carry a bit rate, fewest first; of equals the most robust."""
        by_width: dict[int, str] = {}
        for item in FORMATS:
            width = math.ceil(rate_gbps / (item.carrier_gbps_per_gbd * 32.0) - 1e-9)
            by_width.setdefault(STEP * width, item.name)
        return sorted(by_width.items())

    def of_format(
        self, path: int, low: int, high: int, num_slots: int, format_name: str
    ) -> list[NaiveLightpath]:
        """The feasible blocks of one format; three that fail end the search among the left edges."""
        most = self.plant.spec.starts_per_path
        places = self.blocks(path, low, high, num_slots)
        good: list[NaiveLightpath] = []
        failed = 0
        for slot in places[:-1]:
            if len(good) >= max(most - 1, 1) or failed == 3:
                break
            block = NaiveLightpath(path, slot, num_slots, format_name)
            if self.is_feasible(block):
                good.append(block)
            else:
                failed += 1
            last = slot
        if places and len(good) < most and places[-1] > last:
            block = NaiveLightpath(path, places[-1], num_slots, format_name)
            good += [block] if self.is_feasible(block) else []
        return good

    def is_feasible(self, block: NaiveLightpath) -> bool:
        return min(margins.min() for margins in self.margins_db([*self.standing, block])) >= -1e-6

    def features(
        self, pair: int, rate_gbps: float, bound_ms: float, block: NaiveLightpath
    ) -> dict[str, float]:
        """The features of one candidate, from their definitions in ``envs.features``."""
        plant = self.plant
        first = plant.path_table.first_path
        paths = range(int(first[pair]), int(first[pair + 1]))
        hops_of = {path: len(self.units(path)) for path in paths}
        latency_of = {path: float(plant.arrays.path_latency_ms[path]) for path in paths}
        efficient = max(FORMATS, key=lambda item: item.bits_per_symbol)
        least_slots = STEP * math.ceil(rate_gbps / (efficient.carrier_gbps_per_gbd * 32.0) - 1e-9)
        path, slot, size = block.path, block.first_slot, block.num_slots
        band = next(item for item in plant.bands if item.first_slot <= slot < item.end_slot)
        low, high = band.first_slot, band.end_slot
        free, taken = self.free(path), set(self.taken())
        run = next((low + a, low + b) for a, b in naive.runs(free[low:high]) if low + a <= slot < low + b)
        after = [ok and not slot <= s < slot + size for s, ok in enumerate(free)]
        before_starts = [s for s in range(low, high - size + 1, STEP) if all(free[s : s + size])]
        after_starts = [s for s in range(low, high - size + 1, STEP) if all(after[s : s + size])]
        at_low = at_high = splits = fills = 0
        loads, band_loads = [], []
        for unit in self.units(path):
            low_free = slot > low and (unit, slot - 1) not in taken
            high_free = slot + size < high and (unit, slot + size) not in taken
            at_low += not low_free
            at_high += not high_free
            splits += low_free and high_free
            fills += not low_free and not high_free
            loads.append(sum((unit, s) in taken for s in range(plant.spec.num_slots)) / plant.spec.num_slots)
            band_loads.append(sum((unit, s) in taken for s in range(low, high)) / (high - low))
        hops = hops_of[path]
        *others, own = self.margins_db([*self.standing, block])
        share = [
            (10 ** (-margins / 10) * self.limit(item) - self.ends()) / (self.limit(item) - self.ends())
            for item, margins in zip(self.standing, others, strict=True)
            if set(self.units(item.path)) & set(self.units(path))
        ]
        fullest = max((float(item.max()) for item in share), default=0.0)
        reserve_db = min(-10 * math.log10(fullest), 20.0) if fullest > 0 else 20.0
        bits = next(item.bits_per_symbol for item in FORMATS if item.name == block.format_name)
        whole = naive.runs(free)
        return {
            "path_rank": (path - paths.start) / len(paths),
            "hops": hops / 8,
            "extra_hops": (hops - min(hops_of.values())) / 4,
            "detour": latency_of[path] / min(latency_of.values()) - 1,
            "slots": size / 16,
            "spend": size * hops / (least_slots * min(hops_of.values())) - 1,
            "spend_total": size * hops / 32,
            "first_slot": (slot - low) / (high - low),
            "leftover": min(run[1] - run[0] - size, 32) / 16,
            "exact_fit": float(run[1] - run[0] == size),
            "touches_low": at_low / hops,
            "touches_high": at_high / hops,
            "splits": splits / hops,
            "fills": fills / hops,
            "path_free": sum(free) / len(free),
            "path_longest_run": max(b - a for a, b in whole) / len(free),
            "path_runs": len(whole) / 8,
            "starts_lost": 1 - len(after_starts) / len(before_starts),
            "mean_load": float(np.mean(loads)),
            "max_load": max(loads),
            "latency_slack": 1.0 if math.isinf(bound_ms) else 1 - latency_of[path] / bound_ms,
            "bits_per_symbol": bits / 6,
            "band_rank": [name for name in ORDER if name in plant.spec.bands].index(band.name)
            / len(plant.bands),
            "band_load": float(np.mean(band_loads)),
            "gsnr_margin": min(float(own.min()), 20.0) / 10,
            "gsnr_reserve": reserve_db / 10,
            "carrier_loss": self.carrier_loss(block),
            "spend_loaded": sum(size * (load + size / 2 / plant.spec.num_slots) for load in loads) / 32,
        }

    def ends(self) -> float:
        """Noise of the transceivers over signal."""
        snr_db = self.plant.spec.transceiver_snr_db
        return 0.0 if snr_db is None else 10 ** (-snr_db / 10)

    def limit(self, item: NaiveLightpath) -> float:
        """The most 1 / GSNR that a lightpath bears, transceivers included."""
        return 10 ** (-(item.threshold_db + self.plant.spec.margin_db) / 10)

    def carrier_loss(self, block: NaiveLightpath) -> float:
        """Bit rate that single carriers on paths sharing a unit could have had on the block's channels."""
        units, taken = set(self.units(block.path)), set(self.taken())
        lost_gbps = 0.0
        table = self.plant.path_table
        best = [int(table.first_path[p]) for p in np.flatnonzero(np.diff(table.first_path))]
        for path in best:
            if not units & set(self.units(path)):
                continue
            for channel in block.channels:
                if any((unit, STEP * channel) in taken for unit in self.units(path)):
                    continue
                probe = NaiveLightpath(path, STEP * channel, STEP, "PM-BPSK")
                noise = float(self.noise([*self.standing, probe])[-1][0])
                worth = [
                    item.carrier_gbps_per_gbd * 32.0
                    for item in FORMATS
                    if noise <= 10 ** (-(item.threshold_db + self.plant.spec.margin_db) / 10)
                ]
                lost_gbps += max(worth, default=0.0)
        return lost_gbps / (len(best) * 100.0)
