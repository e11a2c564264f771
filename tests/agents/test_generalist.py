"""The generalist that ships holds where no search has been; the search weighs networks as it says."""

from dataclasses import replace

import numpy as np
import pytest

import agents.generalist as generalist
from agents.artefact import GENERALIST_FOLDER, load_policy, read_manifest
from agents.generalist import SMALLEST_COST, TrainingSetting, search_generalist
from agents.search import SearchState
from agents.spec import SearchSpec
from envs.evaluation import replay
from envs.plant import build_plant
from envs.policy import LinearPolicy
from envs.settings import TRAINING_SETTINGS, agent_plant, benchmark_setting
from envs.simulation import simulate
from topologies.catalogue import load_topology

UNSEEN = "german17"


def test_it_blocks_less_than_first_fit_on_a_network_it_never_met() -> None:
    assert read_manifest(GENERALIST_FOLDER).metadata["settings"] == list(TRAINING_SETTINGS)
    assert UNSEEN not in {benchmark_setting(name).topology for name in TRAINING_SETTINGS}
    setting = benchmark_setting("deeprmsa-nsfnet")
    traffic, network = replace(setting.traffic, load_erlang=230.0), load_topology(UNSEEN)
    first_fit = build_plant(network, replace(setting.plant, k_paths=50))
    own = build_plant(network, agent_plant(setting))
    # The same streams of requests for both; the intervals over 4 runs must not even touch.
    rival = simulate(first_fit, traffic, "ksp_ff", 40_000, seed=3, num_runs=4)
    found = simulate(own, traffic, load_policy(GENERALIST_FOLDER), 40_000, seed=3, num_runs=4)
    assert found.request_blocking.high < rival.request_blocking.low


def test_a_generation_costs_the_mean_logarithm_of_the_blocking_on_every_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = benchmark_setting("deeprmsa-nsfnet")
    settings = []
    for name, load_erlang in (("five-node", 160.0), ("nsfnet", 140.0)):
        spec = replace(agent_plant(setting), k_paths=3, num_slots=40, max_candidates=12, shortlist=2)
        traffic = replace(setting.traffic, load_erlang=load_erlang)
        settings.append(TrainingSetting(name, build_plant(load_topology(name), spec), traffic))
    served: list[tuple[str, np.ndarray, float]] = []
    costs = generalist.linear_costs_on

    def watched(plant, traces, weights, warmup, reward):
        found = costs(plant, traces, weights, warmup, reward)
        again = replay(plant, traces, LinearPolicy("again", tuple(weights[0].tolist())), warmup)
        assert found[0] == pytest.approx(np.mean([item.request_blocking for item in again]), abs=0.01)
        served.append((plant.topology.name, weights[0], float(found[0])))
        return found

    told: list[list[float]] = []
    strategy = generalist.new_search

    def new_search(*arguments):
        state: SearchState = strategy(*arguments)
        tell = state.strategy.tell
        state.strategy.tell = lambda points, values: (told.append(list(values)), tell(points, values))
        return state

    monkeypatch.setattr(generalist, "linear_costs_on", watched)
    monkeypatch.setattr(generalist, "new_search", new_search)
    reported: list[dict[str, float]] = []
    spec = SearchSpec(budget_s=1e-3, population=4, requests_per_candidate=800, threads=1)

    policy, validated = search_generalist(settings, spec, 200, 3, lambda state, means: reported.append(means))

    assert [name for name, _, _ in served] == ["five-node", "nsfnet"] * (4 + 2)
    blocking, compared = np.split(np.array([value for _, _, value in served]).reshape(6, 2), [4])
    assert blocking.min() > 0
    assert told == [pytest.approx(np.log(blocking + SMALLEST_COST).mean(axis=1).tolist())]
    assert reported == [pytest.approx(dict(zip(("five-node", "nsfnet"), blocking.mean(axis=0), strict=True)))]
    assert list(validated.values()) == pytest.approx(np.log(compared + SMALLEST_COST).mean(axis=1).tolist())
    rows = dict(zip(validated, (served[8][1], served[10][1]), strict=True))
    assert policy.weights == pytest.approx(rows[min(validated, key=lambda name: validated[name])])
    assert policy.name == "generalist"
