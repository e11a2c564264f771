"""A policy with a forecast is measured, packaged and put into service with it, and told apart by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, load_policy, save_policy
from agents.folder import fingerprint_of
from agents.lessons import Lessons
from agents.spec import TrainSpec
from envs.evaluation import replay
from envs.features import COLUMN
from envs.forecast import DemandForecast, ForecastError, forecast_from, read_forecast
from envs.plant import Plant, build_plant
from envs.traffic import PoissonTraffic, make_trace
from tasks.evaluate import contender_in, evaluate, measure
from tasks.failed import FailureSampling
from tasks.forecast import estimate_forecast
from tasks.package import package
from tasks.provision import stage
from tasks.registry import RECORDED_FILE, Registry
from tasks.serving_target import owning_slots
from tasks.takeover import take_over
from tasks.trace import held_out_traces, provide_trace, read_stored
from tests.tasks.slots import Serving
from topologies.catalogue import load_topology


@pytest.fixture(scope="module")
def seeing(plant: Plant) -> Plant:
    """The small plant with a look at what candidates leave behind."""
    return build_plant(plant.topology, replace(plant.spec, shortlist=8))


@pytest.fixture(scope="module")
def hot(seeing: Plant, traffic: PoissonTraffic) -> DemandForecast:
    weights = np.ones((5, 5))
    weights[0, 1] = 200.0
    trace = make_trace(replace(traffic, pair_weights=weights), seeing, 500, 1)
    return estimate_forecast(seeing, trace, "window-1")


def test_an_estimate_is_that_of_the_trace_and_names_its_source(
    seeing: Plant, traffic: PoissonTraffic
) -> None:
    trace = make_trace(traffic, seeing, 300, 1)
    found = estimate_forecast(seeing, trace, "window-1")
    assert found == replace(forecast_from(trace, seeing), source_id="window-1")


def test_a_policy_is_measured_with_its_forecast_and_kept_under_it(
    seeing: Plant, traffic: PoissonTraffic, hot: DemandForecast, tmp_path: Path
) -> None:
    stored = held_out_traces(seeing, traffic, 2, 600, 11, tmp_path / "traces")
    traces, policy = read_stored(stored), load_policy(GENERALIST_FOLDER)
    plain = contender_in(save_policy(policy, tmp_path / "plain"))
    weighed = contender_in(save_policy(policy, tmp_path / "weighed", forecast=hot))
    results = tmp_path / "results"

    found = [measure(who, seeing, traces, 100, results) for who in (plain, weighed)]

    assert len(list(results.iterdir())) == 2
    for result, forecast in zip(found, (None, hot), strict=True):
        direct = replay(seeing.with_forecast(forecast), traces, policy, 100)
        assert result.mean_latency_ms == tuple(item.mean_latency_ms for item in direct)
    assert found[0].mean_latency_ms != found[1].mean_latency_ms
    # What the plant itself carries plays no part.
    assert measure(plain, seeing.with_forecast(hot), traces, 100, results) == found[0]
    assert len(list(results.iterdir())) == 2
    whole = evaluate(
        seeing,
        stored,
        tmp_path / "weighed",
        tmp_path / "plain",
        ("ksp_ff",),
        100,
        results,
        lambda _: None,
        FailureSampling(1, 0, 2),
    )
    assert (whole.challenger, whole.champion) == (found[1], found[0])
    assert len(whole.failures) == 1  # the forecast goes along to the network after a cut
    with pytest.raises(ForecastError, match="of the network with hash"):
        measure(weighed, build_plant(load_topology("nsfnet"), seeing.spec), traces, 100, results)


def test_a_training_under_another_forecast_is_another_training(
    seeing: Plant, traffic: PoissonTraffic, hot: DemandForecast
) -> None:
    spec, lessons = TrainSpec(warmup_requests=100), Lessons(traffic)
    assert fingerprint_of(spec, seeing.with_forecast(hot), lessons) != fingerprint_of(spec, seeing, lessons)


def test_a_forecast_is_packaged_and_goes_into_service_with_its_model(
    seeing: Plant,
    traffic: PoissonTraffic,
    hot: DemandForecast,
    registry: Registry,
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    folder = save_policy(load_policy(GENERALIST_FOLDER), tmp_path / "policy", forecast=hot)
    training = provide_trace(seeing, traffic, 400, 1, tmp_path / "traces")
    with registry.run("weighed", {"scenario": "test"}) as run_id:
        model = package(registry, run_id, seeing, training, folder, 100, {"topology": "five-node"})
        assert model.forecast == hot.content_hash
        version = registry.register(model.uri, run_id, model.policy, {"forecast": model.forecast})
    recorded = registry.fetch(version.uri, tmp_path / "models") / RECORDED_FILE
    plain = package_recorded(seeing, traffic, registry, tmp_path / "plain")
    column = COLUMN.capacity_loss
    assert not np.array_equal(np.load(recorded)["features"][..., column], plain[..., column])

    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, version.uri, recorded, lambda text: None)
        assert staged.forecast == hot
        take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    assert read_forecast(pce.endpoint["forecast"]) == hot
    assert pce.endpoint["model_version"] == version.version


def package_recorded(seeing: Plant, traffic: PoissonTraffic, registry: Registry, folder: Path) -> np.ndarray:
    """The features recorded of the same policy without a forecast."""
    artefact = save_policy(load_policy(GENERALIST_FOLDER), folder / "policy")
    training = provide_trace(seeing, traffic, 400, 1, folder / "traces")
    with registry.run("plain", {"scenario": "test"}) as run_id:
        model = package(registry, run_id, seeing, training, artefact, 100, {"topology": "five-node"})
    return np.load(model.recorded)["features"]
