"""Lines as they are: against the integral of the GN model, the uniform line, and what must hold anyway."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from envs.gsnr.bands import make_comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.fibres import load_fibres
from envs.gsnr.filters import PassbandFilter, PassTable
from envs.gsnr.finite_span import SpanMixing, finite_spm, finite_xpm
from envs.gsnr.isrs_gn import evaluate_line, span_points
from envs.gsnr.line import Line, load_line_parameters
from envs.gsnr.mixed_line import (
    Amplifier,
    ChannelBlock,
    LineSpan,
    MixedLine,
    Roadm,
    evaluate_mixed_line,
    line_channels,
)
from envs.gsnr.noise_figures import DualStage, FixedGain, NoiseTable, OpenRoadm, TwoCoils

FIBRES = load_fibres()
FIVE_DB = NoiseTable((193.0,), (5.0,))


def db(ratio):
    return 10 * np.log10(ratio)


def c_band(count=12, baud_gbd=32.0, spacing_ghz=50.0, launch_dbm=0.0):
    frequency_thz = 191.35 + 1e-3 * spacing_ghz * np.arange(count)
    return line_channels([ChannelBlock("C", frequency_thz, baud_gbd, spacing_ghz, launch_dbm)])


def span(length_km=80.0, fibre="SSMF", amplifier=None, **more):
    return LineSpan(FIBRES[fibre], length_km, 0.0, 0.0, {"C": amplifier or Amplifier(FIVE_DB)}, **more)


@pytest.mark.parametrize("fibre", ["SSMF", "NZDSF", "LAF"])
@pytest.mark.parametrize(("length_km", "baud_gbd"), [(5.0, 32.0), (20.0, 130.0), (80.0, 64.0)])
def test_nli_of_a_span_is_the_double_integral_over_its_real_length(fibre, length_km, baud_gbd):
    made, length_m, baud_hz = FIBRES[fibre], 1e3 * length_km, 1e9 * baud_gbd
    frequency_hz = np.array([192e12, 192e12 + 1.2 * baud_hz])
    alpha = made.attenuation_1_m
    beta2 = np.abs(made.beta2_s2_m(frequency_hz))

    def mixing_product(phi):
        turn = 1j * phi - alpha
        return np.abs((np.exp(turn * length_m) - 1) / turn) ** 2

    # Denser towards zero, where the phases match.
    at = np.linspace(-1, 1, 801)
    f1 = baud_hz / 2 * np.sign(at) * at**2
    inside = [np.abs(f1 + f2) <= baud_hz / 2 for f2 in f1]
    apart_hz = frequency_hz[1] - frequency_hz[0]

    def over_f1(beta2_s2_m, offset_hz):
        phi = [4 * np.pi**2 * beta2_s2_m * f1 * (offset_hz + f2) for f2 in f1]
        return [np.trapezoid(mixing_product(x) * s, f1) for x, s in zip(phi, inside, strict=True)]

    over_i, over_k = over_f1(beta2[0], 0.0), over_f1(beta2.mean(), apart_hz)
    scale = made.gamma_1_w_m(frequency_hz)[0] ** 2 / baud_hz**2
    spm, xpm = 16 / 27 * scale * np.trapezoid(over_i, f1), 32 / 27 * scale * np.trapezoid(over_k, f1)

    mixing = SpanMixing(np.exp(-alpha * span_points(length_m)) * np.ones((2, 1)), length_m)
    bauds = np.full(2, baud_hz)
    assert db(finite_spm(made, frequency_hz, bauds, mixing)[0] / spm) == pytest.approx(0, abs=0.03)
    assert db(finite_xpm(made, frequency_hz, bauds, mixing)[0, 1] / xpm) == pytest.approx(0, abs=0.03)


def test_where_no_phase_builds_up_nli_is_that_of_the_effective_length():
    fibre = replace(FIBRES["NZDSF"], dispersion_ps_nm_km=0.0)
    frequency_hz, length_m = np.array([192e12, 192.1e12]), 40e3
    mixing = SpanMixing(np.exp(-fibre.attenuation_1_m * span_points(length_m)) * np.ones((2, 1)), length_m)
    spm = finite_spm(fibre, frequency_hz, np.full(2, 32e9), mixing)
    effective_m = (1 - np.exp(-fibre.attenuation_1_m * length_m)) / fibre.attenuation_1_m
    hexagon = 3 / 4  # of the square |f1|, |f2| < B/2
    expected = 16 / 27 * hexagon * (fibre.gamma_1_w_m(frequency_hz) * effective_m) ** 2
    np.testing.assert_allclose(spm, expected, rtol=2e-3)


def test_long_uniform_spans_agree_with_the_closed_form_and_short_ones_are_better():
    parameters = load_line_parameters()
    comb = make_comb([parameters.band("C")], 12)
    for spans, km, least_db, most_db in ((3, 100.0, 0.0, 0.2), (10, 20.0, 0.6, 1.2), (10, 5.0, 2.0, 3.0)):
        closed = evaluate_line(Line(parameters.fibre, spans, km), comb)
        mixed = evaluate_mixed_line(MixedLine((span(km),) * spans), c_band())
        np.testing.assert_allclose(db(mixed.snr_ase / closed.snr_ase), 0, atol=1e-6)
        gained_db = db(mixed.snr_nli / closed.snr_nli)
        assert least_db < gained_db.min() <= gained_db.max() < most_db


@pytest.mark.parametrize(("plan", "largest_db"), [("C", 0.05), ("C+L", 0.05), ("C+L+S", 0.1)])
def test_full_bands_over_equal_spans_agree_with_gnpy(shared_data, plan, largest_db):
    file = shared_data / "gnpy_reference.json"
    if not file.is_file():
        pytest.skip(f"{file} not found")
    bands = [load_line_parameters().band(name) for name in plan.split("+")]
    blocks = [
        ChannelBlock(band.name, band.first_channel_thz + 0.05 * np.arange(96), 32, 50, 0) for band in bands
    ]
    amplifiers = {band.name: Amplifier(NoiseTable((193.0,), (band.noise_figure_db,))) for band in bands}
    line = MixedLine((replace(span(), amplifiers=amplifiers),) * 10)
    gsnr_db = db(evaluate_mixed_line(line, line_channels(blocks)).gsnr)
    picked = {"plan": plan, "method": "ggn_ss_SRS", "spans": 10}
    rows = [row for row in json.loads(file.read_text())["rows"] if picked.items() <= row.items()]
    assert rows
    for row in rows:
        assert gsnr_db[row["ch"] - 1] == pytest.approx(row["gsnr_simple_db"], abs=largest_db)


def test_loss_follows_frequency_and_ase_follows_loss():
    sloped = replace(FIBRES["SSMF"], loss_thz=(191.0, 192.0), loss_db_km=(0.25, 0.2))
    channels = c_band(launch_dbm=-20.0)
    flat = evaluate_mixed_line(MixedLine((span(),)), channels)
    result = evaluate_mixed_line(MixedLine((replace(span(), fibre=sloped),)), channels)
    extra_db = 80 * np.interp(channels.frequency_thz, [191, 192], [0.05, 0])
    np.testing.assert_allclose(result.span_loss_db[0] - flat.span_loss_db[0], extra_db, atol=0.01)
    np.testing.assert_allclose(db(flat.snr_ase / result.snr_ase), extra_db, atol=0.01)


def test_ripple_gathers_until_a_roadm_levels_it_and_a_gain_is_kept():
    rippled = Amplifier(FIVE_DB, (191.0, 192.0), (-0.5, 0.5))
    channels = c_band()
    ripple_db = np.interp(channels.frequency_thz, [191, 192], [-0.5, 0.5])
    twice = evaluate_mixed_line(MixedLine((span(amplifier=rippled),) * 2), channels)
    np.testing.assert_allclose(twice.power_dbm, 2 * ripple_db, atol=1e-9)
    roadm = Roadm(0.0, FIVE_DB, None, at_ends=False)
    levelled = evaluate_mixed_line(
        MixedLine((span(amplifier=rippled, roadm=True), span(amplifier=rippled)), roadm), channels
    )
    np.testing.assert_allclose(levelled.power_dbm, ripple_db, atol=1e-9)
    weak = evaluate_mixed_line(MixedLine((span(amplifier=replace(rippled, gain_db=13.0)),)), channels)
    assert db((10 ** (weak.power_dbm / 10)).sum() / 12) == pytest.approx(13 - 16, abs=0.01)


def test_noise_figures_are_what_their_models_say_at_the_points_that_define_them():
    thz = np.array([193.0])
    coils = TwoCoils(15, 26, 6, 10)
    assert coils.at(thz, 26, -20) == pytest.approx(6, abs=0.01)
    assert coils.at(thz, 15, -20) == pytest.approx(10, abs=0.01)
    assert coils.at(thz, 12, -20) == pytest.approx(13, abs=0.01)
    assert FixedGain(20, 5.5).at(thz, 18, -20) == pytest.approx(7.5)
    assert OpenRoadm(()).at(thz, 20, -20) == pytest.approx(-20 - (275 - 80) / 7 + 58)
    both = DualStage(26, coils, TwoCoils(8, 16, 6.5, 11)).at(thz, 30, -20)
    assert 6 < both[0] < 6.2  # Friis: the booster counts over the preamplifier's gain
    with pytest.raises(GsnrError, match="below 4 dB"):
        TwoCoils(15, 26, 3, 10).at(thz, 20, -20)


def test_filters_cost_more_pass_by_pass_and_nothing_where_they_are_wide():
    passband = PassbandFilter(guard_ghz=4.0, edge_ghz=10.0)
    edge_ghz = np.array([-23.0, 0.0, 23.0])
    np.testing.assert_allclose(passband.amplitude(edge_ghz, 50.0), [0.5, 1, 0.5], atol=1e-3)
    penalties = [passband.penalty_db(passes, 40.0, 50.0, 30.0) for passes in (0, 1, 2, 5, 10)]
    assert penalties[0] == 0
    assert all(b > a for a, b in pairwise(penalties))
    assert passband.penalty_db(10, 40.0, 100.0, 30.0) < 0.01
    table = PassTable((2, 4), (0.2, 0.6))
    assert [table.penalty_db(n, 32, 50, 30) for n in (1, 3, 6)] == pytest.approx([0.1, 0.4, 1.0])
    roadm = Roadm(0.0, FIVE_DB, table, at_ends=True)
    bare, filtered = (evaluate_mixed_line(MixedLine((span(),), r), c_band()) for r in (None, roadm))
    np.testing.assert_allclose(db(bare.gsnr / filtered.gsnr), 0.2)


@pytest.mark.parametrize(
    ("line", "options", "named"),
    [
        (MixedLine(()), {}, "no span"),
        (MixedLine((span(amplifier=Amplifier(FIVE_DB, most_dbm=3.0)),)), {}, "3 dBm at the most"),
        (MixedLine((replace(span(), amplifiers={}),)), {}, "span 1: no amplifier for band C"),
        (MixedLine((span(),)), {"launch_dbm": 40.0}, "W enter"),
    ],
)
def test_lines_that_cannot_be_are_refused(line, options, named):
    with pytest.raises(GsnrError, match=named):
        evaluate_mixed_line(line, c_band(**options))


def test_channels_that_overlap_are_refused_with_their_frequencies():
    blocks = [
        ChannelBlock("C", np.array([192.0, 192.05]), 32, 50, 0),
        ChannelBlock("C", np.array([192.12]), 64, 100, 0),
    ]
    with pytest.raises(GsnrError, match=r"192\.0500 and 192\.1200"):
        line_channels(blocks)
