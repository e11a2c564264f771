"""What a training began with, logged with its run, so that ``lightloop reproduce`` begins with the same.

Configuration with seed and budgets, commit, traces and windows are logged for people too (``config.yaml``,
tags, datasets); here stands what is nowhere else. Not here: how a training is done again
(``flows/reproduction.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

RECIPE_FILE = "recipe.json"
RECIPE_VERSION = 1


class RecipeError(ValueError):
    """A run that cannot be done again; says why."""


@dataclass(frozen=True)
class Recipe:
    """What a training began with.

    Attributes:
        trace: id of the trace that it was trained on.
        is_trace_given: a person named that trace; else it was drawn, or is a window's.
        champion: version that it began with; empty: there was none.
        forecast: hash of the demand forecast that it looked through; empty: none.
        only_forecast: the champion's weights were kept, and only given that forecast.
    """

    trace: str
    is_trace_given: bool = False
    champion: str = ""
    forecast: str = ""
    only_forecast: bool = False

    def to_json(self) -> dict[str, Any]:
        """The stored document."""
        return {"recipe_version": RECIPE_VERSION, **asdict(self)}


def read_recipe(document: Mapping[str, Any], where: str) -> Recipe:
    """The recipe in a document.

    Raises:
        RecipeError: of another version, or other fields.
    """
    if (found := document.get("recipe_version")) != RECIPE_VERSION:
        raise RecipeError(f"{where}: version {found!r} of the recipe; this code reads {RECIPE_VERSION}")
    try:
        return Recipe(**{key: value for key, value in document.items() if key != "recipe_version"})
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from None
