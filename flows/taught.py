"""What a challenger is taught: lessons, demand forecast and the traffic that it will be judged on.

One place for the training flow and for doing a training again. Not here: training (``agents/train.py``),
windows (``lived.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.lessons import Lessons
from envs.forecast import DemandForecast
from envs.traffic import PoissonTraffic
from flows.lived import Lived, forecast_of, held_out_traffic, known_agents, lessons_of
from flows.settings import Settings
from tasks.registry import ModelVersion
from tasks.trace import StoredTrace, traffic_for


@dataclass(frozen=True)
class Taught:
    """What decides the outcome of a training beside the configuration."""

    lessons: Lessons
    forecast: DemandForecast | None


def taught_by(
    settings: Settings,
    lived: Lived | None,
    training: StoredTrace,
    judged_on: PoissonTraffic,
    champion: ModelVersion | None,
    on_step: Callable[[str], None],
) -> Taught:
    """Lessons and forecast of a window, or of the traffic that the challenger is judged on.

    Args:
        settings: of the training.
        lived: the window that is learned from.
        training: the trace of its earlier part; or one that was drawn or given.
        judged_on: the traffic of the held-out traces.
        champion: whom the training begins with.
        on_step: told what the forecast is worth.
    """
    if lived is None:
        return Taught(Lessons(judged_on, starts=known_agents(settings, champion)), None)
    forecast = forecast_of(settings, lived, training, champion, on_step)
    return Taught(lessons_of(settings, lived, training, champion), forecast)


def judged_on(
    settings: Settings, lived: Lived | None, training: StoredTrace, given: str | None
) -> PoissonTraffic:
    """The traffic of the held-out traces: of the window's later part, else the scenario's or a trace's."""
    if lived is not None:
        return held_out_traffic(settings, lived)
    return traffic_for(settings.plant, settings.traffic, training, given)
