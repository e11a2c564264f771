"""Published figures, determinism, and the agreement of every way to run a policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.evaluation import interval, paired_difference, replay
from envs.heuristics import BASELINE_NAMES, baseline
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy
from envs.search import linear_costs_on
from envs.settings import SETTINGS, benchmark_setting
from envs.simulation import fragmentation, simulate
from envs.spec import PlantSpec
from envs.traffic import DiurnalTraffic, LatencyClass, PoissonTraffic, make_trace
from topologies.catalogue import load_topology

SMALL = PlantSpec(num_slots=32, k_paths=3, max_candidates=12, starts_per_path=4)


@pytest.fixture(scope="module")
def five_node() -> Plant:
    return build_plant(load_topology("five-node"), SMALL)


# Figures of an independent reference for KSP-FF (path table: entry by networkx, ties by a hash of the node
# list); the paths of equal cost that enter move a figure by up to a few percent of itself.
@pytest.mark.parametrize(
    ("setting", "k", "order", "load_erlang", "truncate", "published", "relative"),
    [
        ("deeprmsa-nsfnet", 5, "hops_over_se", 250, True, 0.0258, 0.04),
        ("deeprmsa-nsfnet", 5, "hops", 250, True, 0.0309, 0.04),
        ("deeprmsa-nsfnet", 5, "km", 250, True, 0.0500, 0.04),
        ("deeprmsa-nsfnet", 50, "hops_over_se", 250, True, 0.0210, 0.04),
        ("deeprmsa-nsfnet", 50, "hops", 250, True, 0.0252, 0.05),
        ("deeprmsa-nsfnet", 50, "km", 250, True, 0.0279, 0.04),
        ("deeprmsa-nsfnet", 5, "hops_over_se", 190, True, 2.12e-3, 0.10),
        ("deeprmsa-nsfnet", 5, "hops_over_se", 210, True, 6.24e-3, 0.07),
        ("deeprmsa-nsfnet", 5, "hops_over_se", 230, True, 1.40e-2, 0.05),
        ("deeprmsa-nsfnet", 5, "hops_over_se", 270, True, 3.93e-2, 0.04),
        ("deeprmsa-nsfnet", 5, "hops_over_se", 250, False, 0.118, 0.02),
        ("deeprmsa-cost239", 5, "hops_over_se", 600, True, 0.0320, 0.10),
        ("deeprmsa-cost239", 50, "hops_over_se", 600, True, 0.0201, 0.05),
    ],
)
def test_ksp_ff_reproduces_published_blocking(
    setting: str, k: int, order: str, load_erlang: float, truncate: bool, published: float, relative: float
) -> None:
    chosen = benchmark_setting(setting)
    plant = build_plant(load_topology(chosen.topology), replace(chosen.plant, k_paths=k, path_order=order))
    traffic = replace(chosen.traffic, load_erlang=load_erlang, truncate_holding=truncate)
    blocking = simulate(plant, traffic, "ksp_ff", 2_000_000, seed=1).request_blocking
    assert blocking.half_width < 0.10 * published
    assert blocking.mean == pytest.approx(published, rel=relative)


def test_ff_ksp_reproduces_published_blocking() -> None:
    chosen = benchmark_setting("deeprmsa-nsfnet")
    plant = build_plant(load_topology(chosen.topology), chosen.plant)
    blocking = simulate(plant, chosen.traffic, "ff_ksp", 1_000_000, seed=1).request_blocking
    assert blocking.mean == pytest.approx(0.0348, rel=0.04)


def test_same_seed_same_figures_on_any_number_of_processes(five_node: Plant) -> None:
    traffic = PoissonTraffic(load_erlang=40.0)
    one = simulate(five_node, traffic, "ksp_ff", 8000, seed=7, num_runs=4, warmup=100)
    two = simulate(five_node, traffic, "ksp_ff", 8000, seed=7, num_runs=4, warmup=100, processes=2)
    other = simulate(five_node, traffic, "ksp_ff", 8000, seed=8, num_runs=4, warmup=100)
    assert one.runs == two.runs
    assert one.runs != other.runs


@pytest.mark.parametrize("name", ["ksp_ff", "ff_ksp"])
def test_fused_kernel_candidates_and_weights_are_the_same_policy(five_node: Plant, name: str) -> None:
    traffic = PoissonTraffic(
        load_erlang=150.0, classes=(LatencyClass("a", 1.0, 3.0, 1.2), LatencyClass("b", 1.0))
    )
    trace = make_trace(traffic, five_node, 5000, 3)
    policy = baseline(name)
    assert isinstance(policy, LinearPolicy)
    replayed = replay(five_node, [trace], policy, 500)[0]
    searched = linear_costs_on(five_node, [trace], np.array([policy.weights]), 500)[0]
    fused = simulate(five_node, traffic, name, 20_000, seed=1, num_runs=2, warmup=500)
    scored = simulate(
        five_node, traffic, replace(policy, name="weights"), 20_000, seed=1, num_runs=2, warmup=500
    )
    assert replayed.request_blocking == searched
    assert 0 < replayed.request_blocking < 0.5
    assert fused.runs == scored.runs
    assert replayed.latency_violations == 0


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_no_baseline_breaks_a_latency_bound(five_node: Plant, name: str) -> None:
    tight = PoissonTraffic(load_erlang=30.0, classes=(LatencyClass("tight", 1.0, 0.1, 1.0),))
    result = replay(five_node, [make_trace(tight, five_node, 2000, 1)], baseline(name))[0]
    assert result.latency_violations == 0
    assert result.num_requests == 2000
    assert result.request_blocking < 1.0


def test_a_trace_replays_bit_for_bit(five_node: Plant) -> None:
    traces = [make_trace(PoissonTraffic(load_erlang=40.0), five_node, 3000, seed) for seed in (1, 2)]
    assert replay(five_node, traces, baseline("random")) == replay(five_node, traces, baseline("random"))


def test_holding_times_follow_the_truncated_exponential(five_node: Plant) -> None:
    trace = make_trace(PoissonTraffic(load_erlang=10.0, mean_holding_s=2.0), five_node, 200_000, 1)
    # Mean of an exponential cut at twice its mean: 1 - 2 / (e^2 - 1), times the mean.
    expected_s = 2.0 * (1 - 2 / (np.exp(2) - 1))
    assert trace.holding_s.max() <= 4.0
    assert trace.holding_s.mean() == pytest.approx(expected_s, rel=0.005)
    interarrival_s = np.diff(trace.arrival_s)
    assert interarrival_s.mean() == pytest.approx(0.2, rel=0.01)
    assert interarrival_s.std() == pytest.approx(0.2, rel=0.02)


def test_pairs_and_rates_follow_their_weights(five_node: Plant) -> None:
    weights = np.zeros((5, 5))
    weights[0, 1], weights[2, 4] = 3.0, 1.0
    traffic = PoissonTraffic(
        10.0, 1.0, bit_rates_gbps=(100.0, 200.0), bit_rate_weights=(9.0, 1.0), pair_weights=weights
    )
    trace = make_trace(traffic, five_node, 100_000, 1)
    share = np.mean((trace.source == 0) & (trace.destination == 1))
    assert set(zip(trace.source.tolist(), trace.destination.tolist(), strict=True)) == {(0, 1), (2, 4)}
    assert share == pytest.approx(0.75, abs=0.006)
    assert np.mean(trace.bit_rate_gbps == 100.0) == pytest.approx(0.9, abs=0.004)


def test_daily_rate_peaks_at_six_and_dips_at_eighteen(five_node: Plant) -> None:
    traffic = DiurnalTraffic(load_erlang=100.0, mean_holding_s=3600.0, swing=0.5)
    trace = make_trace(traffic, five_node, 200_000, 1)
    hour = (trace.arrival_s % 86_400.0) // 3600
    counts = np.bincount(hour.astype(int), minlength=24)[:24] / len(hour) * 24
    expected = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(24) + 0.5) / 24)
    days = trace.arrival_s[-1] / 86_400.0
    assert days > 50
    np.testing.assert_allclose(counts, expected, atol=0.04)


def test_intervals_are_students_t() -> None:
    # Mean 2, sample standard deviation 1, n = 3: t(0.975, 2) = 4.302653.
    result = interval([1.0, 2.0, 3.0])
    assert result.mean == 2.0
    assert result.half_width == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert paired_difference([1.0, 2.0], [2.0, 3.0]).mean == -1.0
    assert paired_difference([1.0, 2.0], [2.0, 3.0]).half_width == 0.0


def test_fragmentation_counts_the_longest_run() -> None:
    free = np.array([[0b0110_1111], [0], [0b1111_1111]], np.uint64)
    assert fragmentation(free, 8) == pytest.approx((1 - 4 / 6) / 3)


def test_every_setting_builds_where_its_network_is_in_the_catalogue() -> None:
    from topologies.catalogue import topology_names

    for setting in SETTINGS.values():
        if setting.topology in topology_names() and setting.topology != "jpn48":
            plant = build_plant(load_topology(setting.topology), setting.plant)
            assert simulate(plant, setting.traffic, "ksp_ff", 2000, 1, 2, 100).num_requests == 2000


def test_least_capacity_loss_blocks_less_than_first_fit() -> None:
    # On this setting a sketch of MSCL-KSP gave 1.4 to 1.7 % with K=10; the best KSP-FF gives 2.1 %.
    chosen = benchmark_setting("deeprmsa-nsfnet")
    plant = build_plant(load_topology(chosen.topology), chosen.plant)
    blocking = simulate(plant, chosen.traffic, "mscl_ksp", 60_000, seed=1, num_runs=6).request_blocking
    assert 0.014 < blocking.low < blocking.high < 0.021
