"""Incremental noise against the closed form from scratch, and decisions against a naive twin."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcinv

from envs.gsnr.bands import make_comb, random_part
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import carrying_options, load_formats
from envs.gsnr.full import carrier_noise
from envs.gsnr.incremental import LitNetwork
from envs.gsnr.isrs_gn import evaluate_line
from envs.gsnr.line import Line, load_line_parameters
from envs.gsnr.link_tables import ASSUMPTIONS, SpanLoads, build_link_tables, span_noise, spans_of
from envs.gsnr.serve import QotService, make_demands
from topologies.catalogue import load_topology
from topologies.paths import PathRule, build_path_table

PARAMETERS = load_line_parameters()
FIVE = load_topology("five-node")
PATHS = build_path_table(FIVE, PathRule(k=2))
COMB = make_comb(PARAMETERS.bands, channels=8, spacing_ghz=600.0, power_dbm=8.0)
BIT_RATES = (100.0, 200.0, 300.0, 400.0)


def db(ratio):
    return 10 * np.log10(ratio)


@cache
def tables(assumption):
    return build_link_tables(FIVE, PARAMETERS, COMB, assumption)


@cache
def loads(assumption):
    return SpanLoads(PARAMETERS.fibre, COMB, PARAMETERS.span_km, assumption)


def from_scratch(lit, assumption):
    return carrier_noise(FIVE, PARAMETERS, COMB, PATHS, lit, assumption, loads(assumption))


@pytest.mark.parametrize("assumption", ASSUMPTIONS)
@settings(max_examples=20)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, PATHS.num_paths - 1), st.integers(0, COMB.num_channels - 1), st.integers(0, 3)
        ),
        min_size=5,
        max_size=60,
    )
)
def test_incremental_gsnr_equals_the_full_computation(assumption, steps):
    network = LitNetwork(tables(assumption), PATHS)
    lit = {}
    for path, channel, chance in steps:
        if chance == 0 and lit:
            gone = sorted(lit)[channel % len(lit)]
            network.darken(gone)
            del lit[gone]
        elif all(network.carriers.owner[link, channel] < 0 for link in PATHS.links(path)):
            lit[network.light(path, channel)] = (path, channel)
    assert network.lit_carriers() == sorted(lit)
    expected = -db(from_scratch(list(lit.values()), assumption))
    got = [network.gsnr_db(carrier) for carrier in lit]
    np.testing.assert_allclose(got, expected, atol=0.001)


def test_putting_everything_out_leaves_no_noise_behind():
    network = LitNetwork(tables("any-load"), PATHS)
    carriers = [network.light(3 * index, index) for index in range(PATHS.num_paths // 3)]
    assert network.carriers.xpm.max() > 1e-4
    for carrier in carriers[::-1]:
        network.darken(carrier)
    assert (network.carriers.owner == -1).all()
    assert np.abs(network.carriers.xpm).max() < 1e-15


def test_lighting_twice_and_darkening_the_dark_are_refused():
    network = LitNetwork(tables("any-load"), PATHS)
    carrier = network.light(0, 3)
    for wrong in (lambda: network.light(0, 3), lambda: network.light(-1, 0), lambda: network.light(0, 99)):
        with pytest.raises(GsnrError):
            wrong()
    network.darken(carrier)
    with pytest.raises(GsnrError, match="not lit"):
        network.darken(carrier)


@settings(max_examples=30)
@given(
    share=st.floats(0.02, 1.0), seed=st.integers(0, 10_000), first=st.integers(0, 23), last=st.integers(0, 23)
)
def test_the_any_load_assumption_bounds_the_noise_of_whatever_is_lit(share, seed, first, last):
    lit = random_part(COMB.num_channels, share, seed)
    lit[min(first, last) : max(first, last)] |= seed % 2 == 0
    own, cross = span_noise(PARAMETERS.fibre, COMB, loads("any-load").profiles(80.0))
    exact = evaluate_line(Line(PARAMETERS.fibre, 1, 80.0), COMB.only(lit)).gsnr
    assert (db((own + cross @ lit)[lit] * exact) > -0.05).all()


def test_the_full_load_assumption_is_exact_when_everything_is_lit():
    own, cross = span_noise(PARAMETERS.fibre, COMB, loads("full-load").profiles(80.0))
    exact = evaluate_line(Line(PARAMETERS.fibre, 1, 80.0), COMB).gsnr
    np.testing.assert_allclose(db((own + cross.sum(axis=1)) * exact), 0.0, atol=0.001)


@pytest.mark.parametrize(("km", "expected"), [(80.0, (1, 80.0)), (80.1, (2, 40.05)), (2800.0, (35, 80.0))])
def test_links_are_cut_into_the_fewest_equal_spans(km, expected):
    assert spans_of(km, 80.0) == pytest.approx(expected)


def test_roadms_add_noise_per_link_and_transceivers_per_lightpath():
    plain, noisy = tables("any-load"), build_link_tables(FIVE, PARAMETERS, COMB, "any-load", 20.0, 18.0)
    assert (noisy.arrays.own > plain.arrays.own).all()
    extra = noisy.arrays.own - plain.arrays.own
    np.testing.assert_allclose(extra, extra[:1].repeat(len(extra), axis=0), rtol=1e-9)
    network = LitNetwork(noisy, PATHS)
    carrier = network.light(0, 0)
    assert network.gsnr_db(carrier) == pytest.approx(-db(network.carriers.noise[carrier] + 0.01))


def test_thresholds_follow_from_the_bit_error_ratio():
    ber = 1.5e-2
    for item in load_formats():
        m, size = item.bits_per_symbol, 2**item.bits_per_symbol
        if m <= 2:
            snr = m * erfcinv(2 * ber) ** 2
        elif m == 3:
            snr = 14 / 3 * erfcinv(1.5 * ber) ** 2
        else:
            snr = 2 * (size - 1) / 3 * erfcinv(m * ber / (2 * (1 - 1 / math.sqrt(size)))) ** 2
        assert item.threshold_db == pytest.approx(db(snr), abs=0.006)


def test_options_try_few_channels_first_and_of_equals_the_most_robust():
    options = carrying_options([100.0, 400.0], load_formats(), 32.0, margin_db=0.0)
    names = [item.name for item in load_formats()]
    rows = [
        [(int(w), names[f]) for w, f in zip(options.width[r], options.format[r], strict=True) if w > 0]
        for r in range(2)
    ]
    assert rows[0] == [(1, "PM-QPSK"), (2, "PM-BPSK")]
    assert rows[1] == [(2, "PM-16QAM"), (3, "PM-8QAM"), (4, "PM-QPSK"), (8, "PM-BPSK")]
    for wrong in ([0.0], [float("nan")]):
        with pytest.raises(GsnrError, match="bit rate"):
            carrying_options(wrong, load_formats(), 32.0)


def naive_decisions(service, demands, count):
    """The rule word by word; the whole network's noise from scratch at every question."""
    formats, comb = load_formats(), COMB
    lightpaths = {}  # request: (path, first, width, most noise)

    def carriers(paths):
        return [(p, c, most) for p, first, width, most in paths for c in range(first, first + width)]

    def all_well(paths):
        rows = carriers(paths)
        noise = from_scratch([(p, c) for p, c, _ in rows], "any-load")
        return all(n <= most for n, (_, _, most) in zip(noise, rows, strict=True))

    def decide(t):
        rate = BIT_RATES[demands.rate[t]]
        by_width = {}
        for item in formats:
            by_width.setdefault(math.ceil(rate / (item.carrier_gbps_per_gbd * 32.0) - 1e-9), item)
        taken = {(link, c) for p, c, _ in carriers(lightpaths.values()) for link in PATHS.links(p)}
        pair = demands.pair[t]
        for band in ("C", "L", "S"):
            channels = comb.channels_of(band)
            for path in PATHS.paths_of(pair // FIVE.num_nodes, pair % FIVE.num_nodes):
                for width in sorted(by_width):
                    most = 10 ** (-(by_width[width].threshold_db + 1.0) / 10)
                    for first in range(channels.start, channels.stop - width + 1):
                        block = {(link, c) for c in range(first, first + width) for link in PATHS.links(path)}
                        if not block & taken:
                            option = (path, first, width, most)
                            if all_well([*lightpaths.values(), option]):
                                return option
                            break
        return None

    rows = []
    for t in range(count):
        for gone in [g for g in lightpaths if demands.departure_s[g] <= demands.arrival_s[t]]:
            del lightpaths[gone]
        option = decide(t)
        if option:
            lightpaths[t] = option
        rows.append(option[:3] if option else (-1, 0, 0))
    return rows


def test_served_requests_equal_the_naive_twin():
    service = QotService(tables("any-load"), PATHS, load_formats(), BIT_RATES)
    demands = make_demands(FIVE.num_nodes, len(BIT_RATES), 250, load_erlang=150.0, seed=3)
    got = service.serve(demands)
    rows = list(zip(got.path.tolist(), got.first_channel.tolist(), got.width.tolist(), strict=True))
    assert rows == naive_decisions(service, demands, 250)
    assert 0 < (got.path < 0).sum() < 120
    assert len(set(got.format[got.path >= 0])) > 1


@pytest.mark.parametrize("assumption", ASSUMPTIONS)
@pytest.mark.parametrize("max_starts", [1, 5])
def test_no_decision_violates_a_threshold(assumption, max_starts):
    formats = load_formats()
    service = QotService(tables(assumption), PATHS, formats, BIT_RATES, margin_db=0.5, max_starts=max_starts)
    demands = make_demands(FIVE.num_nodes, len(BIT_RATES), 2000, load_erlang=80.0, seed=7)
    for stop in range(50, 2001, 150):
        start = stop - 150 if stop > 50 else 0
        decided = service.serve(demands, start, stop)
        here = [
            t
            for t in range(stop)
            if decided.path[t] >= 0 and demands.departure_s[t] > demands.arrival_s[stop - 1]
        ]
        lit = [
            (int(decided.path[t]), int(decided.first_channel[t]) + c, int(decided.format[t]))
            for t in here
            for c in range(decided.width[t])
        ]
        assert len({(link, c) for p, c, _ in lit for link in PATHS.links(p)}) == sum(
            len(PATHS.links(p)) for p, _, _ in lit
        )
        gsnr_db = -db(from_scratch([(p, c) for p, c, _ in lit], assumption))
        needed_db = np.array([formats[f].threshold_db + 0.5 for _, _, f in lit])
        assert (gsnr_db >= needed_db - 0.001).all()
        if assumption == "any-load":
            exact = carrier_noise(FIVE, PARAMETERS, COMB, PATHS, [(p, c) for p, c, _ in lit], "as-lit")
            assert (-db(exact) >= needed_db - 0.05).all()
    assert 0.0 < (decided.path < 0).mean() < 0.9


def test_a_trace_is_served_in_order_or_not_at_all():
    service = QotService(tables("any-load"), PATHS, load_formats(), BIT_RATES)
    demands = make_demands(FIVE.num_nodes, len(BIT_RATES), 100, 10.0, seed=1)
    whole = service.serve(demands).path.copy()
    service.serve(demands, 0, 40)
    with pytest.raises(GsnrError, match="the last call ended at 40"):
        service.serve(demands, 50)
    assert (service.serve(demands, 40).path == whole).all()
    with pytest.raises(GsnrError, match="max_starts"):
        QotService(tables("any-load"), PATHS, load_formats(), BIT_RATES, max_starts=0)
    with pytest.raises(GsnrError, match="is a band here"):
        QotService(tables("any-load"), PATHS, load_formats(), BIT_RATES, band_order=("E",))
    with pytest.raises(GsnrError, match="Erlang"):
        make_demands(5, 4, 10, 0.0, seed=1)
