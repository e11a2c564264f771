"""The direct search: better than where it starts, repeatable, and able to go on from its stored state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, load_policy
from agents.lessons import Lessons, LivedWindow
from agents.observations import make_teacher, observe_under
from agents.search import SearchState, new_search, run_search, with_departures_known
from agents.spec import MixtureSpec, SearchSpec
from agents.steady_state import costs_from_steady_state
from agents.streams import Scores, costs_of, window_cost
from agents.twin_envs import TwinEnvs
from agents.validation import ValidationSet, best_of, curve_set, validation_set
from envs.evaluation import paired_difference, replay
from envs.features import CONTEXT, CONTEXT_NAMES, FEATURE_NAMES
from envs.heuristics import baseline
from envs.holding import exponential, fit_holding_times
from envs.lived_times import ALL, holding_of_window
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy
from envs.replay_window import replay_window, states_at_begin
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.search import linear_costs_on
from envs.settings import SETTINGS, agent_plant
from envs.snapshot import StandingSnapshot
from envs.traffic import PoissonTraffic, make_trace
from tests.live_network import live_through
from topologies.catalogue import load_topology

SPEC = SearchSpec(enabled=True, budget_s=1e9, population=8, requests_per_candidate=4000)


class EnoughError(Exception):
    """Ends a search after some generations, whatever the clock says."""


def searched(five_node, generations: int, state: SearchState | None = None, start=None) -> SearchState:
    plant, traffic = five_node
    if state is None:
        sample = observe_under(plant, traffic, baseline("ksp_ff"), 300, seed=3)
        state = new_search(SPEC, sample.spread_within_requests(), seed=1, start=start)
    last = state.generation + generations

    def stop(state: SearchState) -> None:
        if state.generation >= last:
            raise EnoughError

    with pytest.raises(EnoughError):
        run_search(state, plant, Lessons(traffic), SPEC, 300, 1, stop)
    return state


def test_search_beats_the_best_baseline_by_more_than_the_interval(five_node):
    plant, traffic = five_node
    validation = validation_set(plant, Lessons(traffic), 300, seed=1)
    start, _ = best_of([baseline("ksp_ff"), baseline("ff_ksp"), baseline("least_fragmentation")], validation)
    policy = searched(five_node, 40, start=start).policy()
    gain = paired_difference(validation.blocking(start), validation.blocking(policy))
    assert gain.low > 0


def test_search_repeats_itself_and_continues_where_it_was_stored(five_node):
    whole = searched(five_node, 6)
    first = searched(five_node, 3)
    resumed = searched(five_node, 3, SearchState.loads(first.dumps()))
    assert resumed.generation == whole.generation == 6
    assert resumed.requests == whole.requests == 6 * 8 * 4000
    assert resumed.policy().weights == whole.policy().weights


def test_the_budget_counts_the_time_of_earlier_runs(five_node):
    plant, traffic = five_node
    state = searched(five_node, 1)
    state.elapsed_s = 5.0
    before = state.generation
    run_search(state, plant, Lessons(traffic), SearchSpec(True, 4.0, 8, 4000), 300, 1, lambda _: None)
    assert state.generation == before


def test_a_search_stays_near_a_start_that_knows_after_states():
    spread = np.ones(len(FEATURE_NAMES))
    near, far = (
        new_search(SearchSpec(), spread, 1, start).strategy.sigma
        for start in (load_policy(GENERALIST_FOLDER), baseline("ksp_ff"))
    )
    assert near <= far / 5


def test_the_outcome_of_a_short_search_is_not_averaged_back_to_its_start():
    spread = np.ones(len(FEATURE_NAMES))
    state = new_search(SearchSpec(), spread, 1)
    start, reached = np.eye(len(spread))[:2]
    state.means, state.generation = [start, start, reached, reached], 4
    assert (
        state.policy().weights
        == SearchState(state.strategy, state.scale, 1, means=[reached]).policy().weights
    )


def test_features_that_never_tell_candidates_apart_get_no_weight(five_node):
    plant, traffic = five_node
    sample = observe_under(plant, traffic, baseline("ksp_ff"), 300, seed=3)
    spread = sample.spread_within_requests()
    allowed = sample.features[sample.action_mask]
    rows = sample.action_mask.sum(axis=1)
    means = np.repeat(
        [f[m].mean(axis=0) for f, m in zip(sample.features, sample.action_mask, strict=True)], rows, axis=0
    )
    assert spread == pytest.approx(np.sqrt(((allowed - means) ** 2).mean(axis=0)), abs=1e-5)
    slack = FEATURE_NAMES.index("latency_slack")  # best effort only: always 1
    assert spread[slack] < 1e-6
    state = new_search(SPEC, spread, seed=1)
    state.means = [np.ones(len(spread))]
    assert state.policy().weights[slack] == 0


def test_the_teacher_draws_its_own_choice_as_often_as_told(five_node):
    plant, traffic = five_node
    policy = baseline("least_fragmentation")
    sample = observe_under(plant, traffic, policy, 300, seed=3)
    teacher = make_teacher(policy, sample, confidence=0.9)
    logits = np.where(
        sample.action_mask,
        teacher.sharpness * (sample.features.astype(np.float64) @ teacher.feature_weights),
        -np.inf,
    )
    top = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    assert top.mean() == pytest.approx(0.9, abs=0.01)


def test_a_validation_set_measures_linear_and_other_policies_alike(five_node):
    plant, traffic = five_node
    validation = curve_set(plant, Lessons(traffic), 300, seed=1)
    small = ValidationSet(plant, validation.traces[:3], 300)

    class Wrapped:
        name = "wrapped"

        def scores(self, *given):
            return baseline("ksp_bf").scores(*given)

    assert small.blocking(Wrapped()) == pytest.approx(small.blocking(baseline("ksp_bf")), abs=1e-12)


def test_search_for_reward_saves_energy_that_no_search_for_blocking_would(five_node):
    """Same traffic, same budget: the one that earns for sleeping amplifiers draws less on held-out traces."""
    plain, traffic = five_node
    plant = build_plant(plain.topology, replace(plain.spec, power_model="default"))
    quiet = replace(traffic, load_erlang=6.0)
    reward = RewardWeights(energy=0.05)
    validation = curve_set(plant, Lessons(quiet), 300, 1, reward)
    sample = observe_under(plant, quiet, baseline("ksp_ff"), 300, seed=3)
    state = new_search(SPEC, sample.spread_within_requests(), 1, baseline("ksp_ff"))

    def stop(state: SearchState) -> None:
        if state.generation == 15:
            raise EnoughError

    with pytest.raises(EnoughError):
        run_search(state, plant, Lessons(quiet), SPEC, 300, 1, stop, reward)
    first, searched_score = validation.score(baseline("ksp_ff")), validation.score(state.policy())
    assert paired_difference(first.cost, searched_score.cost).low > 0
    assert searched_score.blocking.mean() <= first.blocking.mean() + 0.001
    chosen, costs = best_of([baseline("ksp_ff"), state.policy()], validation)
    assert chosen.name == state.policy().name
    assert costs["ksp_ff"] == pytest.approx(first.cost.mean())


def test_a_validation_set_without_energy_costs_what_is_blocked(five_node):
    plant, traffic = five_node
    score = curve_set(plant, Lessons(traffic), 300, seed=1).score(baseline("ksp_ff"))
    assert score.cost == pytest.approx(score.blocking, abs=1e-12)


def test_several_policies_are_scored_as_each_alone(five_node):
    plant, traffic = five_node
    validation = curve_set(plant, Lessons(traffic), 300, seed=1)
    policies = {name: baseline(name) for name in ("ksp_ff", "random", "load_aware")}
    policies["teacher"] = LinearPolicy("teacher", policies["ksp_ff"].weights)
    for _ in range(2):  # the second time from what is known
        found = validation.scores(policies)
        assert list(found) == list(policies)
        for name, policy in policies.items():
            assert np.array_equal(found[name].blocking, validation.score(policy).blocking)


def test_policies_that_go_on_from_a_steady_state_are_compared_on_the_same_one(five_node):
    plant, traffic = five_node
    trace = make_trace(traffic, plant, 5000, seed=3)
    rows = np.array([baseline(name).weights for name in ("ksp_ff", "load_aware", "ksp_ff")])
    costs = costs_from_steady_state(plant, trace, rows, rows[0], 2000, ONLY_BLOCKING)
    assert costs[0] == costs[2] != costs[1]
    # One that warms up and then goes on is one that serves it all: 600 more requests are not counted.
    assert costs[0] == linear_costs_on(plant, [trace], rows[:1], 2600)[0]


def test_steady_state_costs_do_not_depend_on_the_number_of_threads(five_node):
    plant, traffic = five_node
    trace = make_trace(traffic, plant, 4000, seed=4)
    rows = np.array([baseline(name).weights for name in ("ksp_ff", "load_aware", "ksp_bf", "ff_ksp")])
    alone = costs_from_steady_state(plant, trace, rows, rows[0], 2000, ONLY_BLOCKING)
    assert len(set(alone.tolist())) > 1
    assert (
        costs_from_steady_state(plant, trace, rows, rows[0], 2000, ONLY_BLOCKING, threads=3).tolist()
        == alone.tolist()
    )


def test_the_generalist_blocks_less_with_departures_known_and_decides_as_before_without() -> None:
    setting = SETTINGS["deeprmsa-nsfnet"]
    traffic = replace(setting.traffic, load_erlang=270.0)
    generalist = load_policy(GENERALIST_FOLDER)
    assert isinstance(generalist, LinearPolicy)
    runs = {}
    for known in (False, True):
        spec = replace(agent_plant(setting, known), k_paths=10, max_candidates=80)
        plant = build_plant(load_topology(setting.topology), spec)
        traces = [make_trace(traffic, plant, 10_000, 100 + index) for index in range(6)]
        for policy in (generalist, with_departures_known(generalist)):
            runs[policy.name, known] = replay(plant, traces, policy, 2000)
    plain, told = generalist.name, with_departures_known(generalist).name
    blocked = {key: [trace.request_blocking for trace in traces] for key, traces in runs.items()}
    assert blocked[plain, False] == blocked[told, False]
    for known in (False, True):  # knowing the ends, the plant also lists both edges of free runs
        assert paired_difference(blocked[plain, known], blocked[told, True]).low > 0


def test_each_kind_of_lesson_has_its_share_at_any_moment(five_node):
    plant, traffic = five_node
    window = lived_on(plant, traffic)
    mixture = MixtureSpec(window=0.2, fitted=0.5, scenario=0.3)
    lessons = Lessons(traffic, beside=(traffic,), lived=window, mixture=mixture)
    met = [lessons.kind_of(generation)[0] for generation in range(100)]
    for generation in range(1, 101):
        for kind, share in (("window", 0.2), ("fitted", 0.5), ("scenario", 0.3)):
            assert abs(met[:generation].count(kind) - share * generation) < 1
    assert [turn for kind, turn in map(lessons.kind_of, range(20)) if kind == "window"] == [0, 1, 2, 3]
    assert {Lessons(traffic, mixture=mixture).kind_of(generation)[0] for generation in range(5)} == {"fitted"}


def test_a_window_in_a_search_costs_what_its_replay_blocks(five_node):
    plant, traffic = five_node
    window = lived_on(plant, traffic).window
    for policy in (baseline("ksp_ff"), baseline("load_aware")):
        cost = window_cost(plant, window, np.array(policy.weights), ONLY_BLOCKING)
        assert cost == replay_window(plant, window, policy).request_blocking > 0


def test_fitted_traffic_meets_what_stood_and_its_costs_can_be_repeated(five_node):
    plant, traffic = five_node
    lived = lived_on(plant, traffic)
    lessons = Lessons(traffic, lived=lived, mixture=MixtureSpec(window=0.0, scenario=0.0))
    rows = np.array([baseline(name).weights for name in ("ksp_ff", "load_aware")])
    scores, spec = Scores(rows, rows[0]), replace(SPEC, requests_per_candidate=800)
    first, again = (costs_of(plant, lessons, spec, 0, 7, scores, 300, ONLY_BLOCKING) for _ in range(2))
    assert first.costs.tolist() == again.costs.tolist()
    assert first.num_requests == 1600
    empty = replace(lessons, mixture=MixtureSpec(window=0.0, scenario=0.0, from_snapshot=False))
    other = costs_of(plant, empty, spec, 0, 7, scores, 0, ONLY_BLOCKING)
    assert (first.costs > other.costs).all()  # which meets nothing at first


def test_networks_of_ppo_begin_with_the_spectrum_of_the_snapshot(five_node):
    plant, traffic = five_node
    window = lived_on(plant, traffic).window
    assert window.standing
    long = StandingSnapshot(
        window.standing, window.failed_links, {ALL: exponential(1e9)}
    )  # nothing departs at once
    envs = TwinEnvs(plant, traffic, warmup_requests=300, begin=long)(num_envs=3, seed=2)
    size = plant.spec.max_candidates
    features = np.zeros((3, size, len(FEATURE_NAMES)), np.float32)
    mask, context = np.zeros((3, size), np.bool_), np.zeros((3, len(CONTEXT_NAMES)), np.float32)
    envs.reset_into(features, mask, context)
    stood = states_at_begin(plant, window, traffic)
    for network in range(3):
        assert np.array_equal(envs._run.states.free[network], stood.free[0])
        assert context[network, CONTEXT.network_load] == context[0, CONTEXT.network_load] > 0
    assert len({row.tobytes() for row in features}) == 3  # their requests differ
    ends = [tuple(item.departs_s for item in long.drawn(seed)) for seed in (1, 1, 2)]
    assert ends[0] == ends[1] != ends[2]


def test_what_told_its_end_departs_then_and_others_outlive_their_age(five_node):
    plant, traffic = five_node
    standing = replace(lived_on(plant, traffic).window.standing[0], age_s=50.0, departs_s=1.0)
    told = replace(standing, told_end_s=7.0)
    fitted = fit_holding_times([40.0, 60.0, 80.0], [True] * 3)
    assert fitted is not None
    drawn = [StandingSnapshot((told, standing), (), {ALL: fitted}).drawn(seed) for seed in range(40)]
    assert {item[0].departs_s for item in drawn} == {7.0}
    assert {item[1].departs_s for item in drawn} == {10.0, 30.0}  # at the ages of 60 and 80


def lived_on(plant: Plant, traffic: PoissonTraffic) -> LivedWindow:
    """A window that begins with a busy network."""
    trace = make_trace(traffic, plant, 400, seed=3)
    window = live_through(plant, trace, baseline("ksp_ff"), before=150).window
    return LivedWindow(window, StandingSnapshot.of(window, holding_of_window(window)))
