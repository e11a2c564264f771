"""The two rules and the figures of a run, against naive twins and full recomputation."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from envs.gsnr.bands import make_comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import load_formats
from envs.gsnr.full import carrier_noise
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import SpanLoads, build_link_tables
from envs.gsnr.metrics import MARGIN_QUANTILES, margins_db, measure
from envs.gsnr.serve import QOT_POLICIES, QotService, make_demands
from topologies.catalogue import load_topology
from topologies.paths import PathRule, build_path_table

PARAMETERS = load_line_parameters()
FORMATS = load_formats()
FIVE = load_topology("five-node")
PATHS = build_path_table(FIVE, PathRule(k=2))
COMB = make_comb(PARAMETERS.bands, channels=8, spacing_ghz=600.0, power_dbm=8.0)
BIT_RATES = (100.0, 200.0, 300.0, 400.0)
LOADS = SpanLoads(PARAMETERS.fibre, COMB, PARAMETERS.span_km, "any-load")
TRANSCEIVER_SNR_DB = 25.0
TRANSCEIVER_NOISE = 10 ** (-TRANSCEIVER_SNR_DB / 10)


@cache
def tables():
    return build_link_tables(FIVE, PARAMETERS, COMB, transceiver_snr_db=TRANSCEIVER_SNR_DB)


def service_of(policy, **options):
    return QotService(tables(), PATHS, FORMATS, BIT_RATES, policy=policy, **options)


def demands_of(count, load_erlang=150.0, seed=3):
    return make_demands(FIVE.num_nodes, len(BIT_RATES), count, load_erlang, seed)


def gsnr_db(carriers, tilt="any-load"):
    """From scratch, transceivers included, of (path, channel) rows."""
    loads = LOADS if tilt == "any-load" else None
    noise = carrier_noise(FIVE, PARAMETERS, COMB, PATHS, carriers, tilt, loads)
    return -10 * np.log10(noise + TRANSCEIVER_NOISE)


def standing(demands, decided, t):
    """Requests whose lightpaths stand once request ``t`` has been decided."""
    return [g for g in range(t + 1) if decided.path[g] >= 0 and demands.departure_s[g] > demands.arrival_s[t]]


def naive_max_margin(demands, count, margin_db):
    """Each path in each band offers its first feasible option; the largest margin wins."""
    lightpaths = {}  # request: (path, first, width, format)

    def margins(rows):
        """Of each row, its worst carrier above its threshold, the whole network computed anew."""
        carriers = [(p, c) for p, first, width, _ in rows for c in range(first, first + width)]
        above = iter(gsnr_db(carriers))
        return [min(next(above) - FORMATS[f].threshold_db for _ in range(width)) for *_, width, f in rows]

    def offer(rate, band, path):
        channels = COMB.channels_of(band)
        taken = {
            (link, c)
            for p, first, width, _ in lightpaths.values()
            for link in PATHS.links(p)
            for c in range(first, first + width)
        }
        by_width = {}
        for index, item in enumerate(FORMATS):
            by_width.setdefault(math.ceil(rate / (item.carrier_gbps_per_gbd * 32.0) - 1e-9), index)
        for width, index in sorted(by_width.items()):
            for first in range(channels.start, channels.stop - width + 1):
                if not taken & {(link, c) for link in PATHS.links(path) for c in range(first, first + width)}:
                    option = (path, first, width, index)
                    found = margins([*lightpaths.values(), option])
                    if min(found) >= margin_db:
                        return found[-1], option
                    break
        return None

    rows = []
    for t in range(count):
        for gone in [g for g in lightpaths if demands.departure_s[g] <= demands.arrival_s[t]]:
            del lightpaths[gone]
        pair, rate = demands.pair[t], BIT_RATES[demands.rate[t]]
        best = None
        for band in ("C", "L", "S"):
            for path in PATHS.paths_of(pair // FIVE.num_nodes, pair % FIVE.num_nodes):
                offered = offer(rate, band, path)
                if offered and (best is None or offered[0] > best[0] + 1e-6):
                    best = offered
        if best:
            lightpaths[t] = best[1]
        rows.append((*best[1], best[0]) if best else (-1, 0, 0, 0, None))
    return rows


def test_max_margin_equals_the_naive_twin():
    service, demands = service_of("max_margin"), demands_of(110)
    got = service.serve(demands)
    expected = naive_max_margin(demands, 110, 1.0)
    rows = list(zip(*(column.tolist() for column in got[:4]), strict=True))
    assert rows == [row[:4] for row in expected]
    served = got.path >= 0
    assert 5 < (~served).sum() < 70
    found_db = [row[4] for row in expected if row[4] is not None]
    np.testing.assert_allclose(margins_db(service, got)[served], found_db, atol=1e-3)


def test_on_a_dark_network_no_margin_is_larger_than_that_of_max_margin():
    demands = demands_of(400, load_erlang=1e-4)
    found = {}
    for policy in QOT_POLICIES:
        service = service_of(policy)
        found[policy] = margins_db(service, service.serve(demands))
    gained_db = found["max_margin"] - found["band_by_band"]
    assert (gained_db >= -1e-9).all()
    assert (gained_db > 0.5).any()


@pytest.mark.parametrize("policy", QOT_POLICIES)
@pytest.mark.parametrize("max_starts", [1, 3])
def test_after_every_decision_every_lightpath_meets_its_threshold_in_full(policy, max_starts):
    service, demands = (
        service_of(policy, margin_db=0.5, max_starts=max_starts),
        demands_of(140, 60.0, seed=11),
    )
    decided = service.serve(demands)
    assert 0 < (decided.path < 0).sum() < 70
    disturbed = 0
    for t in np.flatnonzero(decided.path >= 0):
        rows = [
            (int(decided.path[g]), int(decided.first_channel[g]) + c, int(decided.format[g]))
            for g in standing(demands, decided, t)
            for c in range(decided.width[g])
        ]
        lit = [(path, channel) for path, channel, _ in rows]
        taken = [(link, channel) for path, channel in lit for link in PATHS.links(path)]
        assert len(set(taken)) == len(taken)
        needed_db = np.array([FORMATS[f].threshold_db + 0.5 for *_, f in rows])
        assert (gsnr_db(lit) >= needed_db - 1e-4).all()
        if t % 10 == 0:
            assert (gsnr_db(lit, "as-lit") >= needed_db - 0.05).all()
        disturbed += len({path for path, _ in lit}) > 1
    assert disturbed > 40


def test_figures_of_a_run_equal_a_walk_through_its_events():
    service, demands, warmup = service_of("max_margin"), demands_of(300, 40.0), 80
    decided = service.serve(demands)
    got = measure(service, demands, decided, warmup)
    begin_s, end_s = demands.arrival_s[warmup], demands.arrival_s[-1]
    moments = np.unique(np.concatenate([demands.arrival_s, demands.departure_s]).clip(begin_s, end_s))
    carried_gb, lit_s = 0.0, dict.fromkeys(COMB.band_names, 0.0)
    for since_s, until_s in pairwise(moments):
        middle_s = (since_s + until_s) / 2
        for g in range(300):
            if decided.path[g] >= 0 and demands.arrival_s[g] < middle_s < demands.departure_s[g]:
                carried_gb += BIT_RATES[demands.rate[g]] * (until_s - since_s)
                name = COMB.band_names[COMB.band[decided.first_channel[g]]]
                lit_s[name] += (until_s - since_s) * decided.width[g] * len(PATHS.links(int(decided.path[g])))
    assert got.throughput_gbps == pytest.approx(carried_gb / (end_s - begin_s))
    for name, spent_s in lit_s.items():
        assert got.spectrum_used[name] == pytest.approx(spent_s / (end_s - begin_s) / (8 * FIVE.num_links))
    new = [g for g in range(warmup, 300) if decided.path[g] >= 0]
    asked = [BIT_RATES[demands.rate[g]] for g in range(warmup, 300)]
    assert got.requests == 220
    assert got.request_blocking == pytest.approx(1 - len(new) / 220)
    assert got.bit_rate_blocking == pytest.approx(1 - sum(asked[g - warmup] for g in new) / sum(asked))
    assert got.mean_channels == pytest.approx(sum(decided.width[g] for g in new) / len(new))
    assert sum(got.lightpath_share.values()) == pytest.approx(1.0)
    in_s = sum(COMB.frequency_thz[decided.first_channel[g]] >= 196.65 for g in new)
    assert got.lightpath_share["S"] == pytest.approx(in_s / len(new))
    at_setup_db = [
        min(
            gsnr_db([(int(decided.path[g]), c) for g, c in rows])[-decided.width[t] :]
            - FORMATS[decided.format[t]].threshold_db
        )
        for t in new
        for rows in [
            [
                (g, int(decided.first_channel[g]) + c)
                for g in standing(demands, decided, t)
                for c in range(decided.width[g])
            ]
        ]
    ]
    assert list(got.margin_db) == list(MARGIN_QUANTILES)
    np.testing.assert_allclose(
        list(got.margin_db.values()), np.quantile(at_setup_db, MARGIN_QUANTILES), atol=1e-3
    )
    assert got.margin_db[0.0] >= 1.0


def test_a_run_in_which_all_is_blocked_has_figures_too():
    service, demands = service_of("band_by_band", margin_db=60.0), demands_of(50)
    got = measure(service, demands, service.serve(demands), 10)
    assert got.request_blocking == got.bit_rate_blocking == 1.0
    assert got.throughput_gbps == 0.0
    assert all(math.isnan(value) for value in got.margin_db.values())
    assert set(got.lightpath_share.values()) == set(got.spectrum_used.values()) == {0.0}


def test_what_cannot_be_served_or_measured_is_refused():
    with pytest.raises(GsnrError, match="'best'"):
        service_of("best")
    for load_erlang in (math.inf, math.nan, -1.0):
        with pytest.raises(GsnrError, match="Erlang"):
            demands_of(10, load_erlang)
    service, demands = service_of("max_margin"), demands_of(10)
    decided = service.serve(demands)
    for warmup in (-1, 9):
        with pytest.raises(GsnrError, match="warm-up"):
            measure(service, demands, decided, warmup)
