"""The figures per service class are those of a list of decisions, and of independent runs."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from envs.class_figures import class_figures
from envs.heuristics import baseline
from envs.lockstep import lockstep_on_requests
from envs.plant import Plant, build_plant
from envs.policy import choose
from envs.simulation import simulate
from envs.spec import PlantSpec
from envs.statistics import ClassResult, results_of
from envs.traffic import LatencyClass, PoissonTraffic, make_trace, requests_of
from topologies.catalogue import load_topology

CLASSES = (
    LatencyClass("tight", 1.0, 4.0, 1.2),
    LatencyClass("loose", 1.0, 20.0, 1.5),
    LatencyClass("free", 2.0),
)
TRAFFIC = PoissonTraffic(load_erlang=60.0, classes=CLASSES)


@pytest.fixture(scope="module")
def plant() -> Plant:
    spec = PlantSpec(num_slots=32, k_paths=3, max_candidates=12, starts_per_path=4)
    return build_plant(load_topology("five-node"), spec)


def test_class_figures_are_those_of_the_listed_decisions(plant: Plant) -> None:
    """Every decision is written down, then each figure computed from its definition."""
    requests = requests_of([make_trace(TRAFFIC, plant, 4000, 5)], plant)
    run = lockstep_on_requests(plant, requests, warmup=300, num_classes=3)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    policy = baseline("load_aware")
    asked: dict[int, int] = defaultdict(int)
    carried: dict[int, list[tuple[int, int, float]]] = defaultdict(list)  # class: (pair, path, bound)
    for t in range(4000):
        action = choose(policy.scores(features, mask, context))
        if t >= 300:
            service_class = int(requests.service_class[0, t])
            asked[service_class] += 1
            if mask[0, action[0]]:
                path = int(run.candidates.path[0, action[0]])
                bound_ms = float(requests.max_latency_ms[0, t])
                carried[service_class].append((int(requests.pair[0, t]), path, bound_ms))
        run.step_into(action, features, mask, context, rewards, more=t < 3999)

    result = results_of(run.statistics, plant)[0]

    table = plant.path_table
    latency_ms = plant.latency_model.path_latency_ms(table.path_length_km, table.path_hops)
    everything: list[float] = []
    for c in range(3):
        found = result.classes[c]
        latencies = [latency_ms[path] for _, path, _ in carried[c]]
        everything += latencies
        least_ms = [min(latency_ms[p] for p in table.paths_of(*divmod(pair, 5))) for pair, _, _ in carried[c]]
        slacks = [1 - latency_ms[path] / bound_ms for _, path, bound_ms in carried[c]]
        assert 0 < len(carried[c]) < asked[c] == found.offered
        assert found.request_blocking == pytest.approx(1 - len(carried[c]) / asked[c])
        assert found.mean_latency_ms == pytest.approx(np.mean(latencies), rel=1e-6)
        assert found.p95_latency_ms == pytest.approx(_p95(latencies), rel=1e-6)
        assert found.mean_hops == pytest.approx(np.mean([table.path_hops[path] for _, path, _ in carried[c]]))
        assert found.mean_detour == pytest.approx(np.mean(np.divide(latencies, least_ms) - 1), abs=1e-6)
        assert found.mean_slack == pytest.approx(np.mean(slacks), rel=1e-6)
        assert found.least_slack == pytest.approx(min(slacks), abs=1e-6)
        assert found.violations == 0 <= found.least_slack
    assert result.p95_latency_ms == pytest.approx(_p95(everything), rel=1e-6)
    assert result.classes[2].mean_slack == result.classes[2].least_slack == 1.0


def _p95(values: list[float]) -> float:
    """The least value that 95 % of the values do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def test_a_lightpath_over_its_bound_is_counted_in_its_class(plant: Plant) -> None:
    """The bounds are lowered after the candidates were listed, which only a broken twin could do."""
    requests = requests_of([make_trace(TRAFFIC, plant, 200, 5)], plant)
    run = lockstep_on_requests(plant, requests, num_classes=3)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    run.observe_into(features, mask, context)
    in_tight = 0
    for t in range(200):
        if requests.service_class[0, t] == 0:
            requests.max_latency_ms[0, t] = 0.01
            in_tight += bool(mask[0, 0])
        run.step_into(np.zeros(1, np.int64), features, mask, context, rewards, more=t < 199)

    result = results_of(run.statistics, plant)[0]

    assert [item.violations for item in result.classes] == [in_tight, 0, 0]
    assert result.latency_violations == in_tight > 0
    assert result.classes[0].least_slack < -1


def test_a_simulation_tells_every_class_with_its_interval(plant: Plant) -> None:
    result = simulate(plant, TRAFFIC, "ksp_ff", 8000, seed=2, num_runs=4, warmup=200)

    assert [item.name for item in result.classes] == ["tight", "loose", "free"]
    assert [item.is_bounded for item in result.classes] == [True, True, False]
    assert sum(item.offered for item in result.classes) == result.num_requests
    for c, item in enumerate(result.classes):
        slacks = [run.classes[c].mean_slack for run in result.runs]
        assert item.mean_slack.mean == pytest.approx(np.mean(slacks))
        assert item.least_slack == min(run.classes[c].least_slack for run in result.runs)
        assert item.violations == 0


def test_runs_without_a_lightpath_of_a_class_are_left_out_of_its_intervals() -> None:
    nan = math.nan
    nothing = ClassResult(10, 1.0, nan, nan, nan, nan, nan, nan, 0)
    runs = [
        ClassResult(10, 0.1, 2.0, 3.0, 1.0, 0.0, 0.5, 0.25, 0),
        ClassResult(10, 0.3, 4.0, 5.0, 1.0, 0.0, 0.7, 0.5, 1),
    ]

    found = class_figures("some", [*runs, nothing])

    assert found.mean_latency_ms.mean == pytest.approx(3.0)
    assert found.request_blocking.mean == pytest.approx(1.4 / 3)
    assert (found.least_slack, found.violations, found.offered) == (0.25, 1, 30)
    row = class_figures("none", [nothing]).row()
    assert row["mean_latency_ms"] is row["least_slack"] is None
    assert row["mean_latency_ms_ci95"] == [None, None]
    assert row["request_blocking"] == 1.0
