"""The scenarios that a flow can be asked for: a choice in the page of Prefect and checked elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from configs.load import CONFIG_FILE_VARIABLE, load_config, scenario_names


def scenario_choices() -> tuple[str, ...]:
    """Every scenario of this project, and the one that is running where it comes from a file of its own."""
    names = scenario_names()
    running = load_config().scenario if os.environ.get(CONFIG_FILE_VARIABLE) else None
    return tuple(names if running is None or running in names else [*names, running])


if TYPE_CHECKING:
    Scenario = str
else:
    Scenario = Literal[scenario_choices()]
