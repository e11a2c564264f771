"""Fidelity of the twin on a stored window, with the policies that the registry keeps of the versions in it.

Not here: the measure itself (``envs/fidelity.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agents.artefact import ArtefactError, load_forecast, load_policy
from envs.fidelity import Decider, Fidelity, measure_fidelity
from envs.plant import Plant
from envs.window import Window, read_window
from tasks.decorate import as_task
from tasks.registry import Registry

_logger = logging.getLogger(__name__)


def policies_in(window: Window, registry: Registry, folder: Path) -> dict[str, Decider]:
    """The versions that decided in a window, each with its forecast; without those that exist no more.

    Args:
        window: what happened.
        registry: where versions are looked up.
        folder: where fetched models are kept.

    Raises:
        RegistryError: MLflow does not answer.
    """
    found = {}
    for number in sorted({item.model_version for item in window.live if item.is_comparable} - {""}):
        version = registry.existing(number)
        if version is None:
            continue
        try:
            stored = registry.policy_folder(version, folder)
            found[number] = Decider(load_policy(stored), load_forecast(stored))
        except ArtefactError as error:  # made for features that are computed no more
            _logger.warning("version %s cannot be compared: %s", number, error)
    return found


def stored_fidelity(
    plant: Plant,
    window_folder: Path,
    registry: Registry,
    models_folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Fidelity:
    """Fidelity of the twin on a stored window.

    Args:
        plant: the network that the window was lived through on.
        window_folder: of the window.
        registry: of the versions in it.
        models_folder: where fetched models are kept.
        on_progress: called now and then with (requests done, requests in all).

    Raises:
        WindowError: see ``read_window`` and ``measure_fidelity``.
        RegistryError: MLflow does not answer.
    """
    window = read_window(window_folder)
    return measure_fidelity(plant, window, policies_in(window, registry, models_folder), on_progress)


measure_fidelity_task = as_task(stored_fidelity, "fidelity")
