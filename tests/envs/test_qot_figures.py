"""What is counted of a run where quality of transmission decides, against a walk through its events."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from envs.features import FEATURE_NAMES
from envs.gsnr.counting import SAMPLED
from envs.gsnr.figures import MARGIN_QUANTILES
from envs.heuristics import baseline
from envs.policy import choose
from envs.simulation import simulate
from envs.statistics import results_of
from tests.naive_qot import NaiveLitNetwork
from tests.qot_walk import BANDS, CHANNELS, TRAFFIC, Walk, plant_of

WARMUP = 60


def test_figures_of_a_run_equal_a_walk_through_its_events() -> None:
    plant = plant_of(transceiver_snr_db=25.0)
    walk, policy, naive = Walk(plant, seed=2), baseline("max_margin"), NaiveLitNetwork(plant)
    walk.run.warmup = WARMUP
    offered, carried, margins_db, used, arrivals_s = [], [], [], [], []
    for step in range(260):
        row, t = walk.run.requests, int(walk.run.position[0])
        now_s, rate_gbps = float(row.arrival_s[0, t]), float(row.bit_rate_gbps[0, t])
        naive.standing = walk.standing()
        naive.depart(now_s)
        counted = step >= WARMUP
        if counted:
            offered.append(rate_gbps)
            arrivals_s.append(now_s)
            used.append(dict.fromkeys(BANDS, 0))
            for _, slot in naive.taken():
                used[-1][BANDS[slot // (4 * CHANNELS)]] += 1
        before = set(naive.standing)
        if walk.step(choose(policy.scores(*walk.buffers))) and counted:
            (new,) = set(walk.standing()) - before
            naive.standing = [*before, new]
            least_db = min(naive.margins_db(naive.standing)[-1]) + plant.spec.margin_db
            carried.append((new, rate_gbps, float(row.holding_s[0, t])))
            margins_db.append(least_db)
        walk.observe()
    result = results_of(walk.run.statistics, plant)[0]
    got = result.qot
    assert got is not None
    assert result.num_requests == 200
    assert 5 < 200 - len(carried) < 150
    assert result.request_blocking == pytest.approx(1 - len(carried) / 200)
    assert result.bit_rate_blocking == pytest.approx(1 - sum(rate for _, rate, _ in carried) / sum(offered))
    gbit = sum(rate_gbps * holding_s for _, rate_gbps, holding_s in carried)
    assert got.throughput_gbps == pytest.approx(gbit / (arrivals_s[-1] - arrivals_s[0]), rel=1e-6)
    assert got.mean_channels == pytest.approx(np.mean([len(item.channels) for item, *_ in carried]))
    for index, name in enumerate(BANDS):
        inside = [item.first_slot // (4 * CHANNELS) == index for item, *_ in carried]
        assert got.lightpath_share[name] == pytest.approx(np.mean(inside))
        mean_slots = np.mean([row[name] for row in used[::SAMPLED]])
        assert got.spectrum_used[name] == pytest.approx(mean_slots / (4 * CHANNELS * plant.num_units))
    assert list(got.margin_db) == list(MARGIN_QUANTILES)
    expected = np.quantile(margins_db, MARGIN_QUANTILES)
    np.testing.assert_allclose(list(got.margin_db.values()), expected, atol=0.003)
    assert got.margin_db[0.0] >= plant.spec.margin_db


def test_a_simulation_sums_its_runs_up_and_the_two_ways_of_serving_agree() -> None:
    plant = plant_of()

    class Scored:
        """The same policy, but not one that has a kernel of its own."""

        name = "scored"

        def scores(self, features, action_mask, context):
            return baseline("qot_mscl").scores(features, action_mask, context)

    fused, scored = (
        simulate(plant, TRAFFIC, policy, 900, seed=5, num_runs=3, warmup=200)
        for policy in ("qot_mscl", Scored())
    )
    assert fused.qot is not None
    assert scored.qot is not None
    assert fused.row()["request_blocking"] == scored.row()["request_blocking"] > 0
    assert fused.qot.row() == scored.qot.row()
    assert sum(fused.row()["lightpath_share"].values()) == pytest.approx(1.0)
    low, high = fused.row()["throughput_gbps_ci95"]
    assert low < fused.row()["throughput_gbps"] < high


def test_a_run_in_which_all_is_blocked_has_figures_too() -> None:
    plant = plant_of(margin_db=60.0)
    found = simulate(plant, TRAFFIC, "band_by_band", 200, seed=1, num_runs=2, warmup=10)
    assert found.request_blocking.mean == found.bit_rate_blocking.mean == 1.0
    assert found.qot is not None
    row = found.qot.row()
    assert row["throughput_gbps"] == 0.0
    assert all(math.isnan(value) for value in row["margin_db"].values())
    assert set(row["lightpath_share"].values()) == set(row["spectrum_used"].values()) == {0.0}


def test_max_margin_equals_the_naive_twin() -> None:
    plant, policy = plant_of(), baseline("max_margin")
    walk, naive = Walk(plant, seed=8), NaiveLitNetwork(plant)
    carried = 0
    for step in range(110):
        row, t = walk.run.requests, int(walk.run.position[0])
        action = int(choose(policy.scores(*walk.buffers))[0])
        if step % 3 == 0 and walk.run.candidates.listed[0]:
            naive.standing = walk.standing()
            naive.depart(float(row.arrival_s[0, t]))
            pair, bound_ms = int(row.pair[0, t]), float(row.max_latency_ms[0, t])
            listed = naive.listed(pair, float(row.bit_rate_gbps[0, t]), bound_ms)
            margins_db = [min(naive.margins_db([*naive.standing, item])[-1]) for item in listed]
            assert margins_db[action] == pytest.approx(max(margins_db), abs=1e-3)
            found = walk.run.candidates
            assert listed[action].path == found.path[0, action]
            assert listed[action].first_slot == found.first_slot[0, action]
            carried += 1
        walk.step(np.array([action]))
        walk.observe()
    assert carried > 15


def decisions_of(name: str, column: str) -> Iterator[tuple[np.ndarray, int]]:
    """A column of the candidates of each request, NaN where masked, and which of them a baseline takes."""
    plant, policy, index = plant_of(starts=2), baseline(name), FEATURE_NAMES.index(column)
    walk = Walk(plant, seed=8)
    for _ in range(150):
        features, mask, _ = walk.buffers
        actions = choose(policy.scores(*walk.buffers))
        if mask.any():
            yield np.where(mask[0], features[0, :, index], np.nan), int(actions[0])
        walk.step(actions)
        walk.observe()


def test_qot_mscl_takes_the_least_loss() -> None:
    differs = 0
    for loss, action in decisions_of("qot_mscl", "carrier_loss"):
        assert loss[action] == pytest.approx(np.nanmin(loss), rel=1e-5)
        differs += action != 0
    assert differs > 20


def test_nobody_leaves_a_tenth_of_a_decibel_more_reserve_than_most_reserve() -> None:
    differs = 0
    for reserve, action in decisions_of("most_reserve", "gsnr_reserve"):
        assert 10 * reserve[action] >= 10 * np.nanmax(reserve) - 0.1001
        differs += action != 0
    assert differs > 20


def test_on_a_dark_network_no_margin_is_larger_than_that_of_max_margin() -> None:
    plant = plant_of()
    walk = Walk(plant, num_networks=60, seed=1)
    features, mask, context = walk.buffers
    column = FEATURE_NAMES.index("gsnr_margin")
    by_band = choose(baseline("band_by_band").scores(features, mask, context))
    by_margin = choose(baseline("max_margin").scores(features, mask, context))
    rows = np.arange(60)
    gained_db = 10 * (features[rows, by_margin, column] - features[rows, by_band, column])
    assert (gained_db >= -1e-6).all()
    assert (gained_db > 0.5).any()


@pytest.mark.parametrize(
    ("rate_gbps", "expected"),
    [
        (100.0, [("PM-QPSK", 1), ("PM-BPSK", 2)]),
        (400.0, [("PM-16QAM", 2), ("PM-8QAM", 3), ("PM-QPSK", 4), ("PM-BPSK", 8)]),
    ],
)
def test_few_channels_come_first_and_of_equals_the_most_robust(rate_gbps, expected) -> None:
    from envs.candidates import observe
    from envs.network import Network
    from envs.request import Request

    plant = plant_of(formats_per_path=6, margin_db=0.0, launch_dbm=(-2.0, -2.0, -2.0), max_candidates=40)
    _, listed = observe(plant, Network(plant), Request(0, 1, rate_gbps))
    rows = [(item.modulation_format, item.num_slots // 4) for item in listed if item.path == listed[0].path]
    in_c = rows[: len(expected)]
    assert in_c == expected
