"""Noise of links as tables: what they assume of the Raman tilt, and the thresholds of the formats."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcinv

from envs.gsnr.bands import make_comb, random_part
from envs.gsnr.errors import GsnrError
from envs.gsnr.fibres import load_fibres
from envs.gsnr.formats import load_formats
from envs.gsnr.isrs_gn import evaluate_line
from envs.gsnr.line import Line, load_line_parameters
from envs.gsnr.link_tables import SpanLoads, build_link_tables, span_noise, spans_of
from envs.gsnr.mixed_line import Amplifier, LineChannels, LineSpan, MixedLine, evaluate_mixed_line
from envs.gsnr.noise_figures import NoiseTable
from topologies.catalogue import load_topology
from topologies.model import FibreSpan

PARAMETERS = load_line_parameters()
FIVE = load_topology("five-node")
COMB = make_comb(PARAMETERS.bands, channels=8, spacing_ghz=600.0, power_dbm=8.0)


def db(ratio):
    return 10 * np.log10(ratio)


@cache
def tables(assumption):
    return build_link_tables(FIVE, PARAMETERS, COMB, assumption)


@cache
def loads(assumption):
    return SpanLoads(PARAMETERS.fibre, COMB, PARAMETERS.span_km, assumption)


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


def test_a_link_of_listed_spans_is_the_mixed_line_of_them():
    first = FIVE.fibres[0]
    parts = ((0.2, "G.655"), (0.5, "SSMF"), (0.3, "G.654"))
    spans = tuple(FibreSpan(80.0 * share, kind) for share, kind in parts)
    listed = replace(FIVE, fibres=(replace(first, length_km=80.0, spans=spans), *FIVE.fibres[1:]))
    made = build_link_tables(listed, PARAMETERS, COMB, "full-load", real_spans=True).arrays
    noise = made.own[0, 0] + made.cross[made.kind[0]].sum(axis=0)

    named = [PARAMETERS.band(name) for name in COMB.band_names]
    amplifiers = {band.name: Amplifier(NoiseTable((193.0,), (band.noise_figure_db,))) for band in named}
    known = load_fibres()
    line = MixedLine(tuple(LineSpan(known[s.fibre_type], s.length_km, 0.0, 0.0, amplifiers) for s in spans))
    width = np.full(COMB.num_channels, COMB.baud_gbd)
    channels = LineChannels(
        COMB.band_names, COMB.band, COMB.frequency_thz, width, 0 * width + COMB.spacing_ghz, COMB.launch_dbm
    )
    np.testing.assert_allclose(db(noise * evaluate_mixed_line(line, channels).gsnr), 0.0, atol=0.002)
    unknown = replace(first, spans=(FibreSpan(first.length_km, "X"),))
    odd = replace(FIVE, fibres=(unknown, *FIVE.fibres[1:]))
    with pytest.raises(GsnrError, match=r"'X'; known: SSMF, G\.652"):
        build_link_tables(odd, PARAMETERS, COMB)


def test_roadms_add_noise_per_link_and_transceivers_per_lightpath():
    plain, noisy = tables("any-load"), build_link_tables(FIVE, PARAMETERS, COMB, "any-load", 20.0, 18.0)
    assert (noisy.arrays.own > plain.arrays.own).all()
    extra = noisy.arrays.own - plain.arrays.own
    np.testing.assert_allclose(extra, extra[:1].repeat(len(extra), axis=0), rtol=1e-9)
    assert noisy.transceiver_noise == pytest.approx(0.01)


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
