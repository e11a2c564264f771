"""From nothing to the best policy of a training: search, critic warm-up, PPO, choice. Resumable.

This module is the order of things; the pieces are in ``search.py``, ``ppo.py``, ``validation.py`` and
``folder.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agents.artefact import load_policy, save_policy
from agents.budget import CHECKPOINTS, REPORTS
from agents.folder import SEARCH_FILE, TrainingFolder, fingerprint_of, write_atomically
from agents.lessons import Lessons
from agents.observations import make_teacher, observe_under
from agents.search import SearchState, new_search, run_search
from agents.shipped import shipped_for
from agents.spec import TrainingError, TrainPoint, TrainResult, TrainSpec
from agents.twin_envs import TwinEnvs
from agents.validation import ValidationSet, curve_set, validation_set
from envs.evaluation import paired_difference
from envs.heuristics import BASELINE_NAMES, baseline
from envs.lightpath_env import observation_space
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy

OnProgress = Callable[[TrainPoint], None]

TEACHER_CONFIDENCE = 0.8  # how often the teacher's own choice is drawn when PPO begins
OBSERVATION_SEED = 800_000_000
STORE_SEARCH_EVERY_S = 5.0


@dataclass
class _Training:
    """What the stages share."""

    spec: TrainSpec
    plant: Plant
    lessons: Lessons
    folder: TrainingFolder
    on_progress: OnProgress | None
    curve: ValidationSet
    baselines: dict[str, float] = field(default_factory=dict)  # blocking on the curve's traces
    baseline_costs: dict[str, float] = field(default_factory=dict)

    @cached_property
    def validation(self) -> ValidationSet:
        """On which the policy is chosen."""
        spec = self.spec
        return validation_set(
            self.plant, self.lessons, spec.warmup_requests, spec.seed, spec.reward, spec.validation
        )

    def point(self, policy: ScoringPolicy, **more: Any) -> TrainPoint:
        """A point of the curve for a policy; costs only where energy counts beside blocking."""
        score = self.curve.score(policy)
        has_cost = self.spec.reward.energy > 0
        return TrainPoint(
            blocking=float(score.blocking.mean()),
            baselines=self.baselines,
            cost=float(score.cost.mean()) if has_cost else None,
            baseline_costs=self.baseline_costs if has_cost else None,
            **more,
        )

    def report(self, point: TrainPoint) -> None:
        self.folder.append(point)
        if self.on_progress is not None:
            self.on_progress(point)


def train(
    spec: TrainSpec,
    plant: Plant,
    lessons: Lessons,
    output_dir: Path | str,
    on_progress: OnProgress | None = None,
) -> TrainResult:
    """The best policy found, by what it earns on the validation traces: a teacher, PPO, or one known before.

    A training that was killed continues from what ``output_dir`` holds; one that is done is not done again.

    Args:
        spec: budgets and sizes.
        plant: the network.
        lessons: what arrives, and which agents are known.
        output_dir: made if missing; see ``agents.folder`` for what it holds.
        on_progress: called with each new point of the curve.

    Raises:
        TrainingError: ``output_dir`` holds another training.
    """
    folder, resumed = TrainingFolder.open(output_dir, fingerprint_of(spec, plant, lessons))
    training = _Training(
        spec,
        plant,
        lessons,
        folder,
        on_progress,
        curve_set(plant, lessons, spec.warmup_requests, spec.seed, spec.reward, spec.validation),
    )
    if folder.state.stage == "done":
        return _result(training, resumed)
    scores = training.curve.scores({name: baseline(name) for name in linear_baselines(spec)})
    training.baselines = {name: float(score.blocking.mean()) for name, score in scores.items()}
    training.baseline_costs = {name: float(score.cost.mean()) for name, score in scores.items()}
    if folder.state.stage == "search":
        if resumed:
            folder.forget_after(folder.elapsed_s)
        _find_teacher(training)
        folder.update(stage="ppo")
    if folder.state.stage == "ppo":
        if resumed:
            folder.forget_after(folder.elapsed_s)
        if spec.algorithm == "ppo":
            _improve_by_ppo(training)
        _choose(training)
    return _result(training, resumed)


def linear_baselines(spec: TrainSpec) -> tuple[str, ...]:
    """Names of the baselines that a training is compared with and may start from.

    Raises:
        PolicyError: a baseline that does not exist.
        TrainingError: none of them is a linear score.
    """
    named = spec.baselines or BASELINE_NAMES
    found = tuple(name for name in named if isinstance(baseline(name), LinearPolicy))
    if not found:
        raise TrainingError(f"no linear score among the baselines {', '.join(named)}; name one, e.g. ksp_ff")
    return found


def _find_teacher(training: _Training) -> None:
    """Stores the best linear policy there is: a known one, or what a search makes of the best of them."""
    spec, plant, folder = training.spec, training.plant, training.folder
    validation = training.validation
    best_name = min(training.baseline_costs, key=lambda name: training.baseline_costs[name])
    known: dict[str, ScoringPolicy] = {"best baseline": baseline(best_name)}
    known |= shipped_for(plant)
    known |= {item.name: item.linear for item in training.lessons.starts if item.linear is not None}
    costs = _costs(validation, known)
    start = known[_least(costs)]
    assert isinstance(start, LinearPolicy)
    if spec.search.enabled:
        known["search"] = _search(training, start)
        costs = _costs(validation, known)
    metadata = {"validation_cost": costs}
    save_policy(known[_least(costs)], folder.root / "teacher", metadata, plant.forecast)


def _costs(validation: ValidationSet, policies: Mapping[str, ScoringPolicy]) -> dict[str, float]:
    return {name: float(score.cost.mean()) for name, score in validation.scores(policies).items()}


def _least(costs: Mapping[str, float]) -> str:
    """The first of the cheapest."""
    return min(costs, key=lambda name: costs[name])


def _search(training: _Training, start: LinearPolicy) -> LinearPolicy:
    spec, folder = training.spec, training.folder
    file = folder.root / SEARCH_FILE
    if file.exists():
        state = SearchState.loads(file.read_bytes())
    else:
        sample = observe_under(
            training.plant,
            training.lessons.traffic,
            start,
            spec.warmup_requests,
            OBSERVATION_SEED + spec.seed,
        )
        state = new_search(spec.search, sample.spread_within_requests(), spec.seed, start)
    clock = {"reported": -np.inf, "stored": state.elapsed_s}
    budget = spec.search.budget
    between = min(budget.apart(spec.evaluate_every_s, REPORTS), 1 / REPORTS)

    def store(state: SearchState) -> None:
        write_atomically(file, state.dumps())
        folder.update(search_elapsed_s=state.elapsed_s)
        clock["stored"] = state.elapsed_s

    def on_generation(state: SearchState) -> None:
        if state.elapsed_s - clock["stored"] >= STORE_SEARCH_EVERY_S:
            store(state)
        share = budget.share(state.elapsed_s, state.requests)
        if share - clock["reported"] >= between:
            clock["reported"] = share
            training.report(
                training.point(
                    state.policy(),
                    elapsed_s=state.elapsed_s,
                    stage="search",
                    steps=state.requests,
                    steps_per_s=state.requests / state.elapsed_s,
                    share_done=min(1.0, share),
                )
            )

    run_search(
        state,
        training.plant,
        training.lessons,
        spec.search,
        spec.warmup_requests,
        spec.seed,
        on_generation,
        spec.reward,
    )
    store(state)
    return state.policy()


def _improve_by_ppo(training: _Training) -> None:
    """PPO from the teacher until its budget is spent; stores the best policy of the curve in ``ppo-best``."""
    from agents.local_ray import ray_session
    from agents.ppo import PPOSettings, build_algorithm

    spec, folder = training.spec, training.folder
    teacher_policy = load_policy(folder.root / "teacher")
    assert isinstance(teacher_policy, LinearPolicy)
    sample = observe_under(
        training.plant,
        training.lessons.traffic,
        teacher_policy,
        spec.warmup_requests,
        OBSERVATION_SEED + spec.seed + 1,
    )
    envs = TwinEnvs(
        training.plant,
        training.lessons.traffic,
        spec.warmup_requests,
        spec.reward,
        training.lessons.begin,
        1_000_000 * (folder.state.runs - 1),
    )
    with ray_session(spec.ray.address, max(spec.ray.num_cpus, spec.num_env_runners + 1)):
        algorithm = build_algorithm(
            PPOSettings.of(spec),
            envs,
            observation_space(training.plant),
            gymnasium.spaces.Discrete(training.plant.spec.max_candidates),
            make_teacher(teacher_policy, sample, TEACHER_CONFIDENCE),
        )
        try:
            if folder.state.checkpoint:
                algorithm.restore_from_path(str((folder.root / folder.state.checkpoint).resolve()))
            _ppo_loop(training, algorithm)
        finally:
            algorithm.stop()


def _ppo_loop(training: _Training, algorithm: Any) -> None:
    from agents.ppo import UpdateStatistics, policy_of, statistics_of

    spec, folder = training.spec, training.folder
    before_s, steps_before, began = folder.state.ppo_elapsed_s, folder.state.ppo_steps, time.monotonic()
    steps, budget = steps_before, spec.budget
    checkpointed = reported = budget.share(before_s, steps_before)
    until_point = budget.apart(spec.evaluate_every_s, REPORTS)
    until_checkpoint = budget.apart(spec.checkpoint_every_s, CHECKPOINTS)

    def elapsed() -> float:
        return before_s + time.monotonic() - began

    def spent() -> float:
        return budget.share(elapsed(), steps)

    def report(statistics: UpdateStatistics) -> None:
        policy = policy_of(algorithm, "ppo")
        point = training.point(
            policy,
            elapsed_s=folder.state.search_elapsed_s + elapsed(),
            stage="ppo",
            steps=steps,
            steps_per_s=(steps - steps_before) / max(time.monotonic() - began, 1e-9),
            share_done=min(1.0, spent()),
            reward=statistics.reward,
            entropy=statistics.entropy,
            explained_variance=statistics.explained_variance,
        )
        cost = point.blocking if point.cost is None else point.cost
        if cost < folder.state.best_cost:
            save_policy(policy, folder.root / "ppo-best", {"curve_cost": cost, "steps": steps})
            folder.update(best_cost=cost)
        training.report(point)

    def checkpoint() -> None:
        target = folder.next_checkpoint()
        algorithm.save_to_path(str(target.resolve()))
        folder.update(ppo_elapsed_s=elapsed(), ppo_steps=steps, checkpoint=target.name)

    statistics = UpdateStatistics()
    while spent() < 1:
        statistics = statistics_of(algorithm.train(), statistics)
        steps = steps_before + statistics.steps
        if spent() - reported >= until_point:
            reported = spent()
            report(statistics)
        if spent() - checkpointed >= until_checkpoint:
            checkpointed = spent()
            checkpoint()
    report(statistics)
    checkpoint()
    save_policy(policy_of(algorithm, "ppo"), folder.root / "ppo-last", {"steps": steps})


def _choose(training: _Training) -> None:
    """Stores the better of teacher and PPO by what they earn on the validation traces, and the gain."""
    spec, folder, plant = training.spec, training.folder, training.plant
    met: dict[str, ScoringPolicy] = {"teacher": load_policy(folder.root / "teacher")}
    for item in training.lessons.starts:
        if item.linear is None:  # the others were the teacher's rivals
            save_policy(item.policy, folder.root / item.name, {})
            met[item.name] = item.policy
    for name in ("ppo-best", "ppo-last"):
        if (folder.root / name).exists():
            met[name] = load_policy(folder.root / name)
    rivals = {name: baseline(name) for name in training.baselines}
    scores = training.validation.scores(met | rivals)
    chosen = min(met, key=lambda name: float(scores[name].cost.mean()))
    best_baseline = min(training.baselines, key=lambda name: float(scores[name].cost.mean()))
    gain = paired_difference(scores[best_baseline].blocking, scores[chosen].blocking)
    cost_gain = paired_difference(scores[best_baseline].cost, scores[chosen].cost)
    result = {
        "chosen": chosen if chosen == "teacher" else "ppo" if chosen.startswith("ppo-") else "start",
        "chosen_candidate": chosen,
        "validation": {name: float(score.blocking.mean()) for name, score in scores.items()},
        "validation_cost": {name: float(score.cost.mean()) for name, score in scores.items()},
        "best_baseline": best_baseline,
        "gain": gain.mean,
        "gain_ci95": [gain.low, gain.high],
        "cost_gain": cost_gain.mean,
        "cost_gain_ci95": [cost_gain.low, cost_gain.high],
    }
    metadata = result | {
        "topology": plant.topology.name,
        "topology_hash": plant.topology.content_hash,
        "seed": spec.seed,
        "ppo_steps": folder.state.ppo_steps,
        "fingerprint": folder.state.fingerprint,
    }
    policy = load_policy(folder.root / chosen)
    save_policy(policy, folder.root / "policy", metadata, plant.forecast)
    folder.update(stage="done", result=result | {"policy_name": policy.name})
    training.report(
        training.point(
            policy,
            elapsed_s=folder.elapsed_s,
            stage="choice",
            steps=folder.state.ppo_steps,
            steps_per_s=0.0,
            share_done=1.0,
        )
    )


def _result(training: _Training, resumed: bool) -> TrainResult:
    folder = training.folder
    result = folder.state.result
    points = folder.points()
    return TrainResult(
        policy_folder=folder.root / "policy",
        teacher_folder=folder.root / "teacher",
        chosen=result["chosen"],
        chosen_candidate=result["chosen_candidate"],
        policy_name=result["policy_name"],
        validation=result["validation"],
        validation_cost=result["validation_cost"],
        best_baseline=result["best_baseline"],
        gain=result["gain"],
        gain_ci95=(result["gain_ci95"][0], result["gain_ci95"][1]),
        cost_gain=result["cost_gain"],
        cost_gain_ci95=(result["cost_gain_ci95"][0], result["cost_gain_ci95"][1]),
        curve=tuple(points),
        steps=folder.state.ppo_steps,
        search_requests=max((point.steps for point in points if point.stage == "search"), default=0),
        elapsed_s=folder.elapsed_s,
        resumed=resumed,
    )


__all__ = ["OnProgress", "TrainPoint", "TrainResult", "TrainSpec", "TrainingError", "train"]
