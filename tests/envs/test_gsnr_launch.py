"""Launch powers per band: the optimum is one, and agrees with the closed rule where there is one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from envs.gsnr.bands import make_comb, random_part
from envs.gsnr.errors import GsnrError
from envs.gsnr.isrs_gn import evaluate_line
from envs.gsnr.launch import OBJECTIVES, objective_value, optimise_launch, with_powers
from envs.gsnr.line import Line, load_line_parameters

PARAMETERS = load_line_parameters()
LINE = Line(PARAMETERS.fibre, 10, 80.0)
SILENT = replace(PARAMETERS.fibre, raman_gamma_m_w=tuple(0.0 for _ in PARAMETERS.fibre.raman_gamma_m_w))


def comb_of(names, **options):
    return make_comb([PARAMETERS.band(name) for name in names], **options)


def three_bands(**options):
    """Few channels, strongly coupled by Raman scattering: wide spacing, much power each."""
    return comb_of("LCS", channels=8, spacing_ghz=600.0, **options)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_neighbour_of_the_optimum_is_better(objective):
    found = optimise_launch(LINE, three_bands(), objective)
    assert found.after > found.before
    assert found.after == objective_value(found.comb, found.result, objective)
    for size_db in (0.05, 0.3, 1.5):
        for steps in product((-size_db, 0.0, size_db), repeat=3):
            powers = {
                name: value + step for (name, value), step in zip(found.power_dbm.items(), steps, strict=True)
            }
            near = with_powers(found.comb, powers)
            value = objective_value(near, evaluate_line(LINE, near), objective)
            assert value <= found.after + 1e-4 * abs(found.after)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_optimum_does_not_depend_on_where_the_search_starts(objective):
    ends = [
        list(optimise_launch(LINE, three_bands(power_dbm=start), objective).power_dbm.values())
        for start in (-8.0, 0.0, {"L": 5.0, "C": -5.0, "S": 5.0})
    ]
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, atol=0.05)


def test_one_channel_without_scattering_meets_the_closed_rule():
    """d/dP of (ASE + eta P^3) / P is zero at P^3 = ASE / (2 eta): the NLI is half the ASE."""
    line = Line(SILENT, 7, 80.0)
    comb = comb_of("C", channels=1)
    at_zero_dbm = evaluate_line(line, comb)
    ase_over_eta = at_zero_dbm.snr_nli[0] / at_zero_dbm.snr_ase[0]
    closed_dbm = 10 * np.log10(ase_over_eta / 2) / 3
    for objective in OBJECTIVES:
        found = optimise_launch(line, comb, objective)
        assert found.power_dbm["C"] == pytest.approx(closed_dbm, abs=0.02)
        assert found.result.snr_ase[0] * 2 == pytest.approx(found.result.snr_nli[0], rel=0.02)


@pytest.mark.parametrize("band", ["L", "C", "S"])
def test_a_full_band_has_half_as_much_nli_as_ase_within_a_third_of_a_db_of_power(band):
    found = optimise_launch(LINE, comb_of(band))
    away_db = 10 * np.log10(2 * found.result.snr_ase / found.result.snr_nli) / 3
    assert abs(away_db.mean()) < 0.3


def test_worst_lifts_the_worst_channel_and_capacity_the_sum():
    by_sum, by_worst = (optimise_launch(LINE, three_bands(), objective) for objective in OBJECTIVES)
    assert by_worst.result.gsnr.min() > by_sum.result.gsnr.min()
    assert np.log2(1 + by_sum.result.gsnr).sum() > np.log2(1 + by_worst.result.gsnr).sum()
    expected_tbps = sum(2 * 32e9 * np.log2(1 + gsnr) for gsnr in by_sum.result.gsnr) / 1e12
    assert by_sum.after == pytest.approx(expected_tbps)


def test_bounds_hold_and_a_dark_band_is_left_alone():
    tight = optimise_launch(LINE, three_bands(), lowest_dbm=-1.0, highest_dbm=0.5)
    assert all(-1.0 <= value <= 0.5 for value in tight.power_dbm.values())
    comb = three_bands()
    lit = random_part(comb.num_channels, 1.0, 1) & (comb.band != comb.band_names.index("S"))
    found = optimise_launch(LINE, comb.only(lit))
    assert np.isnan(found.power_dbm["S"])
    two = optimise_launch(LINE, comb_of("LC", channels=8, spacing_ghz=600.0))
    assert found.after == pytest.approx(two.after)


def test_what_cannot_be_optimised_is_refused():
    for options, named in (
        ({"objective": "best"}, "best"),
        ({"lowest_dbm": 3.0, "highest_dbm": -3.0}, "from 3.0 to -3.0"),
        ({"highest_dbm": float("nan")}, "nan"),
        ({"highest_dbm": 30.0}, "30"),
        ({"lowest_dbm": 1.0}, "band L starts at 0 dBm"),
    ):
        with pytest.raises(GsnrError, match=named):
            optimise_launch(LINE, three_bands(), **options)
    comb = three_bands()
    uneven = replace(comb, launch_dbm=comb.launch_dbm + np.arange(24) / 10)
    with pytest.raises(GsnrError, match="different launch power"):
        optimise_launch(LINE, uneven)
