"""What the network lived through, as lessons for a training and as what a challenger is judged on.

A window is cut in two by its requests: the earlier part is learned from, the later part is kept for judging.
Not here: making a window (``tasks/operation``), living through it again (``envs/replay_window.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.artefact import load_policy, save_policy
from agents.lessons import Lessons, LivedWindow, Start
from envs.batch_means import difference_interval
from envs.forecast import DemandForecast
from envs.lived_times import holding_of_window, rests_of
from envs.replay_window import replay_window
from envs.snapshot import StandingSnapshot
from envs.trace import read_trace, write_trace
from envs.traffic import PoissonTraffic
from envs.window import Window, WindowError
from flows.operation import mean_holding_s, operation_of, up_to_date
from flows.policies import held_out, step
from flows.settings import Settings
from tasks.challenger import PackagedModel
from tasks.evaluate import Measurement, contender_in, measure_all
from tasks.fidelity import measure_fidelity_task
from tasks.forecast import estimate_forecast_task
from tasks.gate import RuleResult
from tasks.lived_rules import not_worse_on_window_task, remembers
from tasks.operation import StoredWindow, stretch_of, window_of
from tasks.operation.making import window_in
from tasks.registry import WINDOW_TAGS, ModelVersion
from tasks.trace import StoredTrace, read_stored
from tasks.traffic import traffic_like

TRAINING = "training"  # kind of an MLflow run

LEARNED_SHARE = 0.6  # of a window's requests; the rest judge
LAST = "last:"  # before a number of requests


@dataclass(frozen=True)
class Lived:
    """A window of operation, cut for a training.

    Attributes:
        whole: the window.
        learned: its earlier part.
        held_out: its later part, that no training sees.
    """

    whole: StoredWindow
    learned: StoredWindow
    held_out: StoredWindow

    @property
    def tags(self) -> dict[str, str]:
        """What an MLflow run says of it."""
        ids = self.whole.id, self.learned.id, self.held_out.id
        return dict(zip(WINDOW_TAGS, ids, strict=True))


def lived_through(settings: Settings, named: str) -> Lived:
    """The window that a run was given, in its two parts.

    Args:
        settings: of the installation that lived through it.
        named: its id, or begin and end as ``2026-01-31T12:00:00+00:00..2026-01-31T13:00:00+00:00``, or
            ``last:5000`` for the last 5,000 requests.

    Raises:
        WindowError: there is none, or too few requests to cut it.
    """
    operation, topology = operation_of(settings.config, settings.home), settings.plant.topology
    mean_s, span = mean_holding_s(settings.config), _span(named)
    stored = window_in(settings.home.windows / named) if span is None else None
    record = up_to_date(settings, span.get("ended_s") if span else None)
    whole = stored or window_of(record, operation, topology, mean_s, **(span or {}))
    middle_s = whole.began_s + cut_s(whole.window)
    learned, held_out = (
        window_of(record, operation, topology, mean_s, *part)
        for part in ((whole.began_s, middle_s), (middle_s, whole.ended_s))
    )
    return Lived(whole, learned, held_out)


def lived_again(settings: Settings, windows: Mapping[str, str]) -> Lived:
    """The parts of a window as they were stored.

    Args:
        settings: of the installation that lived through it.
        windows: as ``Lived.tags`` names them.

    Raises:
        WindowError: one is no longer there, or damaged.
    """
    return Lived(*(window_in(settings.home.windows / windows[tag]) for tag in WINDOW_TAGS))


def cut_s(window: Window) -> float:
    """When the later part begins: just before its first request arrives.

    Raises:
        WindowError: a part would be empty.
    """
    arrival_s = window.trace.arrival_s
    first = round(LEARNED_SHARE * len(arrival_s))
    if not 0 < first < len(arrival_s):
        raise WindowError(f"a window of {len(arrival_s)} request(s) cannot be cut; name a longer one")
    return float(np.mean(arrival_s[first - 1 : first + 1]))


def why_not_learned(settings: Settings, lived: Lived, run_id: str) -> str:
    """Why nothing may be learned from a window; empty where all is well.

    Args:
        settings: of the installation.
        lived: the window.
        run_id: of this MLflow run, where it has begun already.
    """
    registry = settings.registry
    earlier = set(registry.runs_that_learned(TRAINING, lived.whole.id)) - {run_id}
    if earlier:
        return f"window {lived.whole.id} has been learned from already, in run {sorted(earlier)[0]}"
    fidelity = measure_fidelity_task(settings.plant, lived.whole.folder, registry, settings.home.models)
    return "" if fidelity.passed else f"the twin does not repeat window {lived.whole.id}: {fidelity.reason}"


def learned_trace(settings: Settings, lived: Lived) -> str:
    """The file of the requests to learn from, in the scenario's time."""
    trace, speed = lived.learned.window.trace, settings.config.drift.clock_speed
    if speed != 1.0:
        told_s = None if trace.told_s is None else trace.told_s * speed
        arrival_s, holding_s = trace.arrival_s * speed, trace.holding_s * speed
        trace = replace(trace, arrival_s=arrival_s, holding_s=holding_s, told_s=told_s)
    return str(write_trace(trace, settings.home.traces))


def lessons_of(
    settings: Settings, lived: Lived, learned: StoredTrace, champion: ModelVersion | None
) -> Lessons:
    """Traffic like a window's, the window itself and the scenario's own; the champion to begin with."""
    trace, window = read_trace(learned.file), lived.learned.window
    # Lives are drawn on the clock of the trace, which is the scenario's.
    speed = settings.config.drift.clock_speed
    holding = {name: times.at_speed(speed) for name, times in holding_of_window(window).items()}
    return Lessons(
        traffic_like(trace, settings.plant),
        beside=(settings.traffic,),
        starts=known_agents(settings, champion),
        lived=LivedWindow(window, StandingSnapshot.of(window, holding, speed)),
        mixture=settings.config.training.mixture,
    )


def forecast_of(
    settings: Settings,
    lived: Lived,
    learned: StoredTrace,
    champion: ModelVersion | None,
    on_step: Callable[[str], None],
) -> DemandForecast | None:
    """What the window says of the next requests; None where the champion does worse with it on that window.

    A wrong forecast costs more than none. That it helps is not shown here: the gate asks for that on requests
    that the forecast was not made of.
    """
    plant = settings.plant
    if not plant.spec.shortlist:
        return None  # the columns that it weighs are not computed
    # Lives are told in seconds of the clock that the PCE lives by, which a trace played fast is not on.
    is_real_time = settings.config.drift.clock_speed == 1.0
    looks_at_lives = plant.spec.departures_known and is_real_time
    rests = rests_of(holding_of_window(lived.learned.window)) if looks_at_lives else ()
    trace = read_trace(learned.file, topology=plant.topology)
    forecast = step(estimate_forecast_task)(plant, trace, lived.whole.id, rests)
    if champion is None:
        return forecast
    folder = settings.registry.policy_folder(champion, settings.home.models)
    policy, window = load_policy(folder), lived.learned.window
    told, untold = (replay_window(plant.with_forecast(item), window, policy) for item in (forecast, None))
    loss = difference_interval(told.blocked, untold.blocked)
    said = f"{told.request_blocking:.3%} with forecast {forecast.content_hash}"
    on_step(f"the champion where it was learned: {said}, {untold.request_blocking:.3%} without")
    return None if loss.low > 0 else forecast


def with_new_forecast(
    settings: Settings, forecast: DemandForecast | None, champion: ModelVersion | None, folder: Path
) -> Path:
    """The champion's policy with another forecast, as an artefact in ``folder``.

    Raises:
        WindowError: no forecast helps it, or there is no champion to be given one.
    """
    if champion is None or forecast is None:
        raise WindowError(
            "there is no forecast to give to the champion: name a window on which it does no worse with one, "
            "on a plant that lists after-states (plant.shortlist above 0)"
        )
    policy = load_policy(settings.registry.policy_folder(champion, settings.home.models))
    return save_policy(policy, folder / "policy", {"forecast_of": champion.version}, forecast)


def rules_of_window(
    settings: Settings,
    lived: Lived | None,
    made: PackagedModel,
    champion: ModelVersion | None,
    on_step: Callable[[str], None],
) -> tuple[RuleResult, ...]:
    """What the gate asks beside its own rules of a challenger that learned from a window."""
    if lived is None or champion is None:
        return ()
    plant, limits, section = settings.plant, settings.config.gate, settings.config.evaluation
    folder = settings.registry.policy_folder(champion, settings.home.models)
    ours, theirs = contender_in(made.policy_folder), contender_in(folder, f"champion {champion.version}")
    window = lived.held_out.window
    on_window = not_worse_on_window_task(plant, window, ours, theirs, limits.confidence, on_step)
    traces = read_stored(held_out(settings))
    asked = [Measurement(who, plant, traces) for who in (ours, theirs)]
    on_own = measure_all(asked, section.warmup_requests, settings.home.evaluations, on_step)
    return (on_window, remembers(on_own[0], on_own[1], limits.max_forgotten, limits.confidence))


def known_agents(settings: Settings, champion: ModelVersion | None) -> tuple[Start, ...]:
    """The champion, as what a training begins with and falls back to."""
    if champion is None:
        return ()
    contender = contender_in(settings.registry.policy_folder(champion, settings.home.models))
    return (Start("champion", contender.policy, contender.content),)


def held_out_traffic(settings: Settings, lived: Lived) -> PoissonTraffic:
    """Traffic like that of the later part: what the held-out traces are drawn from."""
    return traffic_like(lived.held_out.window.trace, settings.plant)


def _span(named: str) -> dict[str, Any] | None:
    """What ``window_of`` is to make a window of; None where an id names one that is there."""
    if named.startswith(LAST):
        if not named.removeprefix(LAST).isdecimal():
            raise WindowError(f"window {named!r}: write {LAST} and a number of requests, as {LAST}5000")
        return {"last_requests": int(named.removeprefix(LAST))}
    stretch = stretch_of(named)
    return None if stretch is None else {"began_s": stretch[0], "ended_s": stretch[1]}
