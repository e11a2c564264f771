"""A demand forecast as a step of a flow. Not here: the formula (``envs.forecast``), whether it is used."""

from __future__ import annotations

from envs.forecast import DemandForecast, forecast_from
from envs.holding import ClassRest
from envs.plant import Plant
from envs.trace import Trace
from tasks.decorate import as_task
from tasks.events import announce

DUE_EVENT = "lightloop.forecast.due"


def estimate_forecast(
    plant: Plant, trace: Trace, source_id: str, rests: tuple[ClassRest, ...] = ()
) -> DemandForecast:
    """What a trace, or a window's trace, says of the next requests on a plant.

    Args:
        plant: whose pairs and bit rates are told apart.
        trace: the requests.
        source_id: of the window or trace, kept with the forecast.
        rests: expected rest of life by class, for a plant that looks at departures.

    Raises:
        TraceError: the trace is of another network.
    """
    return forecast_from(trace, plant, source_id, rests)


def announce_due(scenario: str, window_id: str, num_requests: int) -> str:
    """The id of the emitted event ``lightloop.forecast.due``: a window has passed without drift."""
    said = f"{num_requests:,} requests without drift"
    return announce(DUE_EVENT, scenario, {"window_id": window_id, "reason": said})


announce_due_task = as_task(announce_due, "announce a due forecast", retries=2, timeout_s=60)
estimate_forecast_task = as_task(estimate_forecast, "estimate forecast", "forecast from {source_id}")
