"""The sequential test against integrals, enumeration and traffic that changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from envs.plant import Plant
from envs.trace import Trace
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from tasks.drift_test import CHANGED_SDS, COLUMNS, Evidence, evidence, rates_evidence, shares_evidence
from tasks.offered import offered_in
from tasks.traffic_reference import Rates, Shares, TrafficReference, make_reference

WINDOW, TOLERANCE, ALPHA = 2000, 0.02, 0.01


@pytest.fixture(scope="module")
def traffic() -> PoissonTraffic:
    """Holding times of an hour: 40,000 requests are 41 days, so the reference knows how days differ."""
    classes = (LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75))
    return PoissonTraffic(40.0, 3600.0, bit_rates_gbps=(25.0, 50.0, 100.0), classes=classes)


@pytest.fixture(scope="module")
def reference(plant: Plant, traffic: PoissonTraffic) -> TrafficReference:
    return make_reference([make_trace(traffic, plant, 40_000, 1)])


def look(reference: TrafficReference, trace: Trace, num_requests: int) -> Evidence:
    seen = offered_in(trace, 0.0, float(trace.arrival_s[num_requests - 1])).rows(0, num_requests)
    return evidence(reference, seen, WINDOW, TOLERANCE)


def first_alarm(reference: TrafficReference, trace: Trace) -> Evidence | None:
    for num_requests in range(100, WINDOW + 1, 100):
        found = look(reference, trace, num_requests)
        if found.is_alarm(ALPHA):
            return found
    return None


def test_evidence_of_a_rate_is_the_ratio_of_two_integrals() -> None:
    # Three arrivals in 50 s where 0.02 / s were seen over a long time: gamma around it, ratio log-normal.
    rates = Rates((200,), (10_000.0,), 0.0, 0.1)
    shape, seen, exposure_s = 200.0, 3, 50.0

    def chance(log_ratio: float) -> float:
        mean = math.exp(log_ratio)
        law = stats.gamma(shape, scale=mean * 0.02 / shape)
        rate = np.linspace(0, law.ppf(1 - 1e-12), 1001)
        return float(integrate.simpson(law.pdf(rate) * stats.poisson.pmf(seen, rate * exposure_s), x=rate))

    def over(sd: float) -> float:
        points = np.linspace(-6 * sd, 6 * sd, 401)
        return float(np.average([chance(point) for point in points], weights=stats.norm(0, sd).pdf(points)))

    ordinary = over(math.hypot(0.1, TOLERANCE))
    changed = np.mean([over(sd) for sd in CHANGED_SDS])
    found = rates_evidence(np.array([seen]), np.array([exposure_s]), rates, TOLERANCE)

    # The range of ratios is cut at e^7, which the wider law passes once in 2,000 times.
    assert found.log_e == pytest.approx(math.log(changed / ordinary), abs=2e-3)
    assert found.seen == pytest.approx(3.0)


def test_the_e_value_of_shares_has_mean_one_where_nothing_has_changed() -> None:
    draw, stored = np.random.default_rng(5), Shares((300, 500, 1200), math.inf)
    unsure = TOLERANCE**2 + 1 / 2000
    centre = (np.array(stored.counts) + 0.5) / 2001.5
    values = []
    for _ in range(4000):
        counts = draw.multinomial(60, draw.dirichlet(centre / unsure))
        values.append(math.exp(shares_evidence(counts, stored, TOLERANCE).log_e))

    mean, error = np.mean(values), np.std(values) / math.sqrt(len(values))
    assert mean == pytest.approx(1.0, abs=4 * error)
    assert np.mean(np.array(values) >= 20) <= 0.05


def test_a_change_within_the_tolerance_is_no_drift_however_many_requests_say_so() -> None:
    rates = Rates((10_000_000,), (10_000_000.0,), 0.0, 0.0)

    def log_e(ratio: float) -> float:
        seen = np.array([round(1_000_000 * ratio)])
        return rates_evidence(seen, np.array([1_000_000.0]), rates, TOLERANCE).log_e

    assert log_e(1.03) < 0
    assert log_e(1.15) > 15
    stored = Shares((5_000_000, 5_000_000), math.inf)
    assert shares_evidence(np.array([505_000, 495_000]), stored, TOLERANCE).log_e < 0
    assert shares_evidence(np.array([600_000, 400_000]), stored, TOLERANCE).log_e > 10


def test_the_same_traffic_raises_no_alarm_while_its_services_have_not_ended_yet(
    reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    # Every trace begins with an empty network: first looks see hardly any end. At most 1 of 100 by the test.
    alarms = [first_alarm(reference, make_trace(traffic, plant, WINDOW, seed)) for seed in range(50, 60)]

    assert [found for found in alarms if found is not None] == []


HOT = np.ones((5, 5))
HOT[0, 1] = 20.0
SHIFTS = {
    "arrival rate": {"load_erlang": 40.0 * 1.3},
    "node pairs": {"pair_weights": HOT},
    "bit rates": {"bit_rate_weights": (1.0, 1.0, 4.0)},
    "service classes": {"classes": (LatencyClass("urgent", 0.6, 2.0, 1.3), LatencyClass("rest", 0.4))},
    "holding times": {"load_erlang": 40.0 * 0.7, "mean_holding_s": 2520.0},
}


@pytest.mark.parametrize("column", SHIFTS)
def test_each_shift_is_found_in_its_own_column(
    column: str, reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    shifted = replace(traffic, **SHIFTS[column])

    found = first_alarm(reference, make_trace(shifted, plant, WINDOW, 9))

    assert found is not None
    assert found.drifted(ALPHA)[0] == column


def test_a_change_in_the_middle_of_a_window_is_dated(
    reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    before = offered_in(make_trace(traffic, plant, 1200, 4))
    after = offered_in(make_trace(replace(traffic, pair_weights=HOT), plant, 300, 5))
    joined = replace(
        before,
        **{
            name: np.concatenate([getattr(before, name), getattr(after, name)])
            for name in ("source", "destination", "bit_rate_gbps", "max_latency_ms", "service_class")
        },
        arrival_s=np.concatenate([before.arrival_s, after.arrival_s + before.arrival_s[-1]]),
        held_s=None,
        has_ended=None,
    )

    found = evidence(reference, joined, WINDOW, TOLERANCE)

    assert found.is_alarm(ALPHA)
    assert found.since_request == 1200
    assert "holding times" not in {column.name for column in found.columns}


def test_where_all_the_later_requests_are_blocked_holding_times_are_those_of_the_earlier(
    reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    seen = offered_in(make_trace(traffic, plant, WINDOW, 4))
    assert seen.held_s is not None
    is_late = np.arange(WINDOW) >= WINDOW // 2
    told = replace(
        seen, held_s=np.where(is_late, np.nan, seen.held_s), service_class=np.where(is_late, -1, 0)
    )

    found = evidence(reference, told, WINDOW, TOLERANCE)

    assert {"holding times", "service classes"} <= {column.name for column in found.columns}
    assert 0 <= found.since_request < WINDOW


def test_blocking_is_compared_with_what_the_twin_blocks_of_the_same_requests(
    reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    seen = offered_in(make_trace(traffic, plant, 1000, 6))
    draw = np.random.default_rng(2)

    def log_e(share: float) -> float:
        told = replace(seen, is_blocked=draw.random(1000) < share, expected_blocked=np.full(1000, 0.02))
        columns = evidence(reference, told, WINDOW, TOLERANCE, ("blocking",)).columns
        assert [column.name for column in columns] == ["blocking"]
        return columns[0].log_e

    assert log_e(0.02) < 1
    assert log_e(0.08) > 10


def test_a_class_or_rate_that_the_reference_has_never_seen_is_drift(
    reference: TrafficReference, plant: Plant, traffic: PoissonTraffic
) -> None:
    renamed = replace(traffic, classes=(LatencyClass("gold", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75)))
    faster = replace(traffic, bit_rates_gbps=(25.0, 50.0, 400.0))

    for shifted, column in ((renamed, "service classes"), (faster, "bit rates")):
        found = look(reference, make_trace(shifted, plant, WINDOW, 8), 300)
        assert column in found.drifted(ALPHA)


def test_every_column_of_the_limits_has_a_test() -> None:
    from typing import get_args

    from tasks.limits import DriftColumn

    assert set(COLUMNS) == set(get_args(DriftColumn))
