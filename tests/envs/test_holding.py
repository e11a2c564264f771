"""Holding times against closed forms and a Kaplan-Meier estimate made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.holding import ClassRest, exponential, fit_holding_times


def test_kaplan_meier_of_five_lives_is_as_made_by_hand() -> None:
    # Departed at 2, 5 and 9; last seen at 3 and 7. At risk: 5 at 2, 3 at 5, 1 at 9.
    fitted = fit_holding_times([2.0, 3.0, 5.0, 7.0, 9.0], [True, False, True, False, True])
    assert fitted is not None
    stays = {1.9: 1.0, 2.0: 4 / 5, 4.9: 4 / 5, 5.0: 4 / 5 * 2 / 3, 8.9: 8 / 15, 9.0: 0.0}
    assert {time_s: fitted.survival(time_s) for time_s in stays} == pytest.approx(stays)
    assert fitted.rate_per_s == pytest.approx(3 / 26)
    assert [fitted.quantile(0.0, share) for share in (0.9, 0.8, 0.6, 0.5, 1e-9)] == [2.0, 2.0, 5.0, 9.0, 9.0]
    # Of those who reached 3, two thirds stay longer than 5.
    assert [fitted.quantile(3.0, share) for share in (0.9, 0.67, 0.66)] == [5.0, 5.0, 9.0]


def test_beyond_the_last_departure_it_goes_on_as_an_exponential() -> None:
    fitted = fit_holding_times([2.0, 4.0, 10.0], [True, False, False])
    assert fitted is not None
    assert fitted.rate_per_s == pytest.approx(1 / 16)
    assert fitted.survival(2.0) == pytest.approx(2 / 3)
    assert fitted.survival(18.0) == pytest.approx(2 / 3 * math.exp(-1))
    assert fitted.quantile(0.0, 2 / 3 * math.exp(-1)) == pytest.approx(18.0)
    assert fitted.quantile(10.0, math.exp(-1)) == pytest.approx(26.0)
    last = fit_holding_times([2.0, 4.0], [True, True])
    assert last is not None
    assert last.quantile(5.0, math.exp(-1)) == pytest.approx(5.0 + 3.0)  # nobody was seen to reach 5


def test_with_no_departure_the_mean_of_the_ages_is_the_mean_holding_time() -> None:
    fitted = fit_holding_times([10.0, 30.0], [False, False])
    assert fitted is not None
    assert (fitted.num_departures, fitted.num_watched) == (0, 2)
    assert fitted.quantile(0.0, math.exp(-1)) == pytest.approx(20.0)
    assert fitted.quantile(30.0, math.exp(-1)) == pytest.approx(50.0)
    assert fit_holding_times([], []) is None


@pytest.mark.parametrize("mean_s", [3.0, 86_400.0])
def test_an_exponential_censored_at_random_recovers_its_mean(mean_s: float) -> None:
    random = np.random.default_rng(7)
    held_s = random.exponential(mean_s, 4000)
    watched_s = random.uniform(0, 3 * mean_s, 4000)
    departed = held_s <= watched_s
    assert 0.2 < 1 - departed.mean() < 0.5
    fitted = fit_holding_times(np.minimum(held_s, watched_s), departed)
    assert fitted is not None
    # The rate's estimate over that many departures is normal with a relative error of 1 / sqrt(departures).
    assert fitted.rate_per_s * mean_s == pytest.approx(1.0, abs=4 / math.sqrt(departed.sum()))
    for age_s in (0.0, mean_s / 2, mean_s):
        drawn_s = [fitted.quantile(age_s, share) - age_s for share in 1 - random.random(4000)]
        assert min(drawn_s) > 0
        # Memoryless: the rest of life has the same mean at any age; 4 standard errors of draw and estimate.
        assert np.mean(drawn_s) == pytest.approx(mean_s, rel=4 * math.sqrt(1 / 4000 + 3 / departed.sum()))


def test_what_is_drawn_lies_above_the_age_and_falls_with_the_share() -> None:
    for times in (exponential(5.0), fit_holding_times([1.0, 2.0, 2.0, 6.0], [True, True, False, False])):
        assert times is not None
        for age_s in (0.0, 1.0, 1.5, 2.0, 6.0, 100.0):
            drawn_s = [times.quantile(age_s, share) for share in (1.0, 0.7, 0.5, 0.2, 1e-12)]
            assert min(drawn_s) > age_s
            assert drawn_s == sorted(drawn_s)
            assert all(math.isfinite(value) for value in drawn_s)


def test_expected_rests_are_the_area_under_survival() -> None:
    fitted = fit_holding_times([2.0, 3.0, 5.0, 7.0, 9.0], [True, False, True, False, True])
    assert fitted is not None
    # Survival is 1 up to 2, 4/5 up to 5, 8/15 up to 9.
    assert fitted.mean_rest_s(0.0) == pytest.approx(2 + 3 * 4 / 5 + 4 * 8 / 15)
    assert fitted.mean_rest_s(3.0) == pytest.approx((2 * 4 / 5 + 4 * 8 / 15) / (4 / 5))
    assert fitted.mean_rest_s(9.0) == pytest.approx(26 / 3)  # nobody was seen to stay longer
    assert fitted.at_speed(60.0).mean_rest_s(180.0) == pytest.approx(60.0 * fitted.mean_rest_s(3.0))
    assert fitted.rest("gold") == ClassRest(
        "gold", (0.0,), (fitted.mean_rest_s(0.0),)
    )  # too few to tell ages
    tail = fit_holding_times([2.0, 4.0, 10.0], [True, False, False])
    assert tail is not None
    assert tail.mean_rest_s(0.0) == pytest.approx(2 + 2 / 3 * 16)


@pytest.mark.parametrize("seed", [1, 2])
def test_under_one_exponential_the_rest_is_the_mean_whatever_the_age(seed: int) -> None:
    held_s = np.random.default_rng(seed).exponential(70.0, 20_000)
    fitted = fit_holding_times(np.minimum(held_s, 200.0).tolist(), (held_s < 200.0).tolist())
    assert fitted is not None
    rest = fitted.rest("")
    assert len(rest.ages_s) == 9
    assert np.all(np.array(rest.rest_s) == pytest.approx(70.0, rel=0.05))
    assert exponential(70.0).rest("") == ClassRest("", (0.0,), (70.0,))


def test_a_mixture_of_short_and_long_lives_is_expected_to_go_on_longer_the_older_it_is() -> None:
    random = np.random.default_rng(3)
    held_s = np.where(
        random.random(30_000) < 0.5, random.exponential(1.0, 30_000), random.exponential(50.0, 30_000)
    )
    fitted = fit_holding_times(held_s.tolist(), [True] * 30_000)
    assert fitted is not None
    rest = fitted.rest("")
    for age_s, rest_s in zip(rest.ages_s, rest.rest_s, strict=True):
        weights = np.exp(-age_s / np.array([1.0, 50.0]))  # of those that are still there
        assert rest_s == pytest.approx(float(weights @ [1.0, 50.0] / weights.sum()), rel=0.05)
