"""The running network as tasks see it, under a configuration. Light: commands ask for it too."""

from __future__ import annotations

from configs.home import Home
from configs.schema import Config
from tasks.operation import Operation


def operation_of(config: Config, home: Home) -> Operation:
    """The controller, the decision log, and where the record, windows and traces of an installation are."""
    return Operation(
        controller_url=config.services.url("controller"),
        token=home.credentials().token,
        decisions=home.decisions,
        record=home.operation,
        windows=home.windows,
        traces=home.traces,
    )


def mean_holding_s(config: Config) -> float:
    """Taken for holding times where the record knows no life, in seconds of the clock.

    A trace that is played fast has services that last as much shorter (``drift.clock_speed``).
    """
    return config.traffic.mean_holding_time_s / config.drift.clock_speed
