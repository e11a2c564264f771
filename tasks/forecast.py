"""A demand forecast as a step of a flow. Not here: the formula (``envs.forecast``), whether it is used."""

from __future__ import annotations

from envs.forecast import DemandForecast, forecast_from
from envs.plant import Plant
from envs.trace import Trace
from tasks.decorate import as_task


def estimate_forecast(plant: Plant, trace: Trace, source_id: str) -> DemandForecast:
    """What a trace, or a window's trace, says of the next requests on a plant.

    Args:
        plant: whose pairs and bit rates are told apart.
        trace: the requests.
        source_id: of the window or trace, kept with the forecast.

    Raises:
        TraceError: the trace is of another network.
    """
    return forecast_from(trace, plant, source_id)


estimate_forecast_task = as_task(estimate_forecast, "estimate forecast", "forecast from {source_id}")
