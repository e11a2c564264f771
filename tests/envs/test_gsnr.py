"""The closed form against GNPy and against what must hold for any line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.gsnr.bands import make_comb, random_part
from envs.gsnr.errors import GsnrError
from envs.gsnr.isrs_gn import (
    evaluate_line,
    fit_profiles,
    power_evolution,
    spm_efficiency,
    spm_efficiency_circle,
    xpm_efficiency,
)
from envs.gsnr.line import PLANCK_J_S, Line, load_line_parameters

PARAMETERS = load_line_parameters()
FIBRE = PARAMETERS.fibre
LARGEST_ERROR_DB = {"C": 0.25, "C+L": 0.25, "C+L+S": 0.5}


def db(ratio):
    return 10 * np.log10(ratio)


def comb_of(plan, **options):
    return make_comb([PARAMETERS.band(name) for name in plan.split("+")], **options)


@pytest.fixture(scope="session")
def gnpy(shared_data):
    file = shared_data / "gnpy_reference.json"
    if not file.is_file():
        pytest.skip(f"{file} not found")
    return json.loads(file.read_text())["rows"]


@pytest.mark.parametrize("plan", ["C", "C+L", "C+L+S"])
@pytest.mark.parametrize("spans", [1, 5, 10, 20])
def test_gsnr_agrees_with_gnpy(gnpy, plan, spans):
    result = evaluate_line(Line(FIBRE, spans, 80.0), comb_of(plan))
    rows = [r for r in gnpy if (r["plan"], r["method"], r["spans"]) == (plan, "ggn_ss_SRS", spans)]
    assert rows
    for row in rows:
        channel = row["ch"] - 1
        assert db(result.gsnr[channel]) == pytest.approx(row["gsnr_simple_db"], abs=LARGEST_ERROR_DB[plan])
        assert result.span_loss_db[channel] == pytest.approx(row["span_loss_dB"], abs=0.05)


@pytest.mark.parametrize("plan", ["C", "C+L", "C+L+S"])
def test_gsnr_agrees_with_the_gn_model_when_nothing_scatters(gnpy, plan):
    silent = replace(FIBRE, raman_gamma_m_w=tuple(0.0 for _ in FIBRE.raman_gamma_m_w))
    for spans in (1, 20):
        result = evaluate_line(Line(silent, spans, 80.0), comb_of(plan))
        picked = {"plan": plan, "method": "gn_analytic_noSRS", "amp": "dge", "spans": spans}
        rows = [r for r in gnpy if picked.items() <= r.items()]
        assert rows
        for row in rows:
            assert db(result.gsnr[row["ch"] - 1]) == pytest.approx(row["gsnr_simple_db"], abs=0.25)


def test_fibre_parameters_follow_frequency_as_in_gnpy(gnpy):
    for row in (row for row in gnpy if "gamma_1_W_km" in row):
        frequency_hz = np.array(1e12 * row["f_THz"])
        assert FIBRE.gamma_1_w_m(frequency_hz) * 1e3 == pytest.approx(row["gamma_1_W_km"], rel=1e-4)
        assert FIBRE.beta2_s2_m(frequency_hz) * 1e27 == pytest.approx(row["beta2_ps2_km"], rel=1e-4)


def test_low_power_is_limited_by_ase_alone():
    comb = comb_of("C", power_dbm=-25.0)
    result = evaluate_line(Line(FIBRE, 3, 80.0), comb)
    noise_w = 3 * PLANCK_J_S * 1e12 * comb.frequency_thz * 32e9 * 10**0.5 * 10**1.6
    np.testing.assert_allclose(db(result.gsnr), db(10**-5.5 / noise_w), atol=0.01)


def test_nli_grows_two_db_for_each_db_of_power_when_nothing_scatters():
    silent = Line(replace(FIBRE, raman_gamma_m_w=tuple(0.0 for _ in FIBRE.raman_gamma_m_w)), 5, 80.0)
    low = evaluate_line(silent, comb_of("C+L", power_dbm=-1.0))
    high = evaluate_line(silent, comb_of("C+L", power_dbm=2.0))
    np.testing.assert_allclose(db(low.snr_nli) - db(high.snr_nli), 6.0, atol=1e-9)
    np.testing.assert_allclose(db(high.snr_ase) - db(low.snr_ase), 3.0, atol=1e-9)


def test_twice_the_spans_is_three_db_of_everything():
    short, long = (evaluate_line(Line(FIBRE, spans, 80.0), comb_of("C+L+S")) for spans in (4, 8))
    for name in ("snr_ase", "snr_nli", "gsnr"):
        np.testing.assert_allclose(db(getattr(short, name) / getattr(long, name)), db(2.0), atol=1e-9)


def test_transceiver_and_roadm_add_noise_only_when_asked_for():
    plain = evaluate_line(Line(FIBRE, 5, 80.0), comb_of("C"))
    noisy = evaluate_line(Line(FIBRE, 5, 80.0, transceiver_snr_db=20.0, roadm_loss_db=16.0), comb_of("C"))
    np.testing.assert_allclose(1 / noisy.gsnr, 1 / noisy.snr_ase + 1 / noisy.snr_nli + 0.01, rtol=1e-12)
    np.testing.assert_allclose(1 / plain.gsnr, 1 / plain.snr_ase + 1 / plain.snr_nli, rtol=1e-12)
    assert (noisy.snr_ase < plain.snr_ase).all()


def test_scattering_moves_power_from_high_to_low_frequencies_and_loses_none():
    comb = comb_of("C+L+S")
    frequency_hz = 1e12 * comb.frequency_thz
    power = power_evolution(FIBRE, frequency_hz, comb.launch_w, 80e3)
    total = comb.launch_w @ power / comb.launch_w.sum()
    z_m = np.linspace(0, 80e3, power.shape[-1])
    np.testing.assert_allclose(total, np.exp(-FIBRE.attenuation_1_m * z_m), rtol=1e-6)
    assert (np.diff(db(power[:, -1]))[::8] < 0.2).all()
    assert db(power[0, -1]) > -16 + 3
    assert db(power[-1, -1]) < -16 - 5


def test_raman_equations_agree_with_the_closed_solution_of_a_triangular_gain():
    """Zirngibl 1998: P_i(z) = P_i exp(-a z) P_tot exp(-G f_i) / sum_j P_j exp(-G f_j), G = c P_tot L_eff."""
    slope_1_w_m_hz = 2.8e-17
    comb = comb_of("C+L")
    frequency_hz = 1e12 * comb.frequency_thz

    class Triangular(type(FIBRE)):
        def raman_gain_1_w_m(self, f):
            return slope_1_w_m_hz * (f[None, :] - f[:, None])

    fibre = Triangular(**{name: getattr(FIBRE, name) for name in FIBRE.__dataclass_fields__})
    power = power_evolution(fibre, frequency_hz, comb.launch_w, 80e3)[:, -1]
    alpha = FIBRE.attenuation_1_m
    growth = slope_1_w_m_hz * comb.launch_w.sum() * (1 - np.exp(-alpha * 80e3)) / alpha
    shape = np.exp(-growth * (frequency_hz - frequency_hz.mean()))
    expected = np.exp(-alpha * 80e3) * comb.launch_w.sum() * shape / (comb.launch_w @ shape)
    np.testing.assert_allclose(db(power), db(expected), atol=1e-4)


def tilted_span():
    """Twelve channels over 15 THz, two of them neighbours, with enough power for a tilt of several dB."""
    comb = comb_of("C+L+S", channels=4, spacing_ghz=1000.0, power_dbm=10.0)
    frequency_hz = 1e12 * np.round(comb.frequency_thz, 3)
    frequency_hz[9] = frequency_hz[8] + 50e9
    power = power_evolution(FIBRE, frequency_hz, 4 * comb.launch_w, 80e3)
    assert abs(db(power[0, -1] / power[-1, -1])) > 5
    z_m, fine_m = np.linspace(0, 80e3, power.shape[-1]), np.linspace(0, 80e3, 1601)
    smooth = np.exp([np.interp(fine_m, z_m, np.log(row)) for row in power])
    return frequency_hz, fit_profiles(power, 80e3, FIBRE.attenuation_1_m), smooth, fine_m


def direct_nli(frequency_hz, baud_hz, power, z_m, i, k):
    """The double integral over both spectra, with the power along the span as it is; twice for XPM."""
    f1, f2 = (np.linspace(-baud_hz / 2, baud_hz / 2, n) for n in (401, 81))
    beta2 = (FIBRE.beta2_s2_m(frequency_hz[i]) + FIBRE.beta2_s2_m(frequency_hz[k])) / 2
    total = 0.0
    for offset in f2:
        phase = 4 * np.pi**2 * beta2 * f1 * (frequency_hz[k] - frequency_hz[i] + offset)
        mixing = np.trapezoid(power[k] * np.exp(1j * np.outer(phase, z_m)), z_m, axis=1)
        inside = (np.abs(f1 + offset) <= baud_hz / 2) if i == k else 1.0
        total += np.trapezoid(np.abs(mixing) ** 2 * inside, f1)
    total *= f2[1] - f2[0]
    weight = 16 / 27 if i == k else 32 / 27
    return weight * FIBRE.gamma_1_w_m(frequency_hz[i]) ** 2 * total / baud_hz**2


@pytest.mark.parametrize(("i", "k"), [(0, 0), (10, 10), (8, 9)])
def test_efficiencies_agree_with_direct_integration(i, k):
    frequency_hz, profiles, power, z_m = tilted_span()
    expected = direct_nli(frequency_hz, 32e9, power, z_m, i, k)
    if i == k:
        got = spm_efficiency(FIBRE, frequency_hz, 32e9, profiles)[i]
        circle = spm_efficiency_circle(FIBRE, frequency_hz, 32e9, profiles)[i]
        assert 0.1 < db(circle / expected) < 0.4
    else:
        got = xpm_efficiency(FIBRE, frequency_hz, 32e9, profiles)[i, k]
    assert db(got / expected) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("i", "k"), [(0, 11), (11, 2), (3, 6)])
def test_xpm_of_far_channels_follows_from_the_energy_of_their_power_profile(i, k):
    """Parseval: the spectrum of rho integrates to 2 pi times the integral of rho squared."""
    frequency_hz, profiles, power, z_m = tilted_span()
    beta2 = abs(FIBRE.beta2_s2_m(frequency_hz[i]) + FIBRE.beta2_s2_m(frequency_hz[k])) / 2
    energy = np.trapezoid(power[k] ** 2, z_m)
    spectrum = energy / (2 * np.pi * beta2 * abs(frequency_hz[k] - frequency_hz[i]))
    expected = 32 / 27 * FIBRE.gamma_1_w_m(frequency_hz[i]) ** 2 * spectrum / 32e9
    assert db(xpm_efficiency(FIBRE, frequency_hz, 32e9, profiles)[i, k] / expected) == pytest.approx(
        0, abs=0.04
    )


@given(share=st.floats(0.02, 1.0), seed=st.integers(0, 1000))
def test_fewer_lit_channels_of_one_band_never_hurt_the_nli(share, seed):
    silent = Line(replace(FIBRE, raman_gamma_m_w=tuple(0.0 for _ in FIBRE.raman_gamma_m_w)), 1, 80.0)
    comb = comb_of("C", channels=24)
    lit = random_part(24, share, seed)
    full, part = evaluate_line(silent, comb), evaluate_line(silent, comb.only(lit))
    assert (part.snr_nli >= full.snr_nli[lit] * (1 - 1e-12)).all()
    np.testing.assert_allclose(part.snr_ase, full.snr_ase[lit])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"channels": 0}, "0 channels"),
        ({"channels": 120}, "overlap"),
        ({"spacing_ghz": 25.0}, "25"),
        ({"baud_gbd": float("nan")}, "nan"),
        ({"power_dbm": 40.0}, "40"),
        ({"power_dbm": {"C": 0.0}}, "band L"),
    ],
)
def test_a_comb_that_cannot_be_is_refused_with_the_value(options, named):
    with pytest.raises(GsnrError, match=named):
        comb_of("C+L", **options)


def test_lines_and_files_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(GsnrError, match="0 spans"):
        Line(FIBRE, 0, 80.0)
    with pytest.raises(GsnrError, match="nan km"):
        Line(FIBRE, 1, float("nan"))
    with pytest.raises(GsnrError, match="known: L, C, S"):
        PARAMETERS.band("U")
    with pytest.raises(GsnrError, match="W together"):
        evaluate_line(
            Line(FIBRE, 1, 80.0), comb_of("C", channels=1100, spacing_ghz=1, baud_gbd=1, power_dbm=10)
        )
    file = tmp_path / "line.json"
    for text in ("{", "{}", '{"fibre": {}, "bands": [], "span_km": 80}'):
        file.write_text(text)
        with pytest.raises(GsnrError, match=r"line\.json"):
            load_line_parameters(file)
    with pytest.raises(GsnrError, match="give a file that exists"):
        load_line_parameters(tmp_path / "none.json")
