"""The running network as tasks see it, under a configuration. Light: commands ask for it too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configs.home import Home
from configs.schema import Config
from tasks.operation import Operation

if TYPE_CHECKING:
    from flows.settings import Settings
    from tasks.drift_source import Twin
    from tasks.operation.store import Record


def operation_of(config: Config, home: Home) -> Operation:
    """The controller, the decision log, and where the record, windows and traces of an installation are."""
    return Operation(
        controller_urls=config.controller_urls,
        token=home.credentials().token,
        decisions=home.decisions,
        record=home.operation,
        windows=home.windows,
        traces=home.traces,
        certificate=config.services.northbound_certificate,
    )


def mean_holding_s(config: Config) -> float:
    """Taken for holding times where the record knows no life, in seconds of the clock.

    A trace that is played fast has services that last as much shorter (``drift.clock_speed``).
    """
    return config.traffic.mean_holding_time_s / config.drift.clock_speed


def up_to_date(settings: Settings, ended_s: float | None = None) -> Record:
    """The operation record up to a moment, as a step of a flow; see ``record_until``.

    Raises:
        OperationError, BusyError: the record cannot be brought up to date.
    """
    from tasks.operation import record_until_task

    operation = operation_of(settings.config, settings.home)
    return record_until_task(operation, settings.plant.topology, ended_s)


def twin_of(settings: Settings, champion_folder: Path) -> Twin:
    """What is asked how much of the same requests the champion ordinarily blocks.

    Raises:
        ArtefactError: see ``load_policy``.
    """
    from tasks.drift_source import Twin
    from tasks.regret import CHAMPION_NAME, entrant_in

    champion = entrant_in(champion_folder, CHAMPION_NAME)
    return Twin(settings.plant, champion, mean_holding_s(settings.config))
