"""Fidelity of the twin on a stored window, with the policies that the registry keeps of the versions in it.

What was measured is kept with the window, so that who comes later (the training after the monitor) reads it.
Not here: the measure itself (``envs/fidelity.py``).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from agents.artefact import ArtefactError, load_forecast, load_policy
from envs.features import FEATURE_SCHEMA_VERSION
from envs.fidelity import Decider, Difference, Fidelity, measure_fidelity
from envs.plant import Plant
from envs.spec import settings_of
from envs.window import Window, read_window
from tasks.decorate import as_task
from tasks.registry import Registry

FIDELITY_FILE = "fidelity.json"  # in the window's folder
FIDELITY_VERSION = 2  # raise when the same window begins to give another measure

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
    """Fidelity of the twin on a stored window; found again where the same was measured before.

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
    window, file = read_window(window_folder), window_folder / FIDELITY_FILE
    policies = policies_in(window, registry, models_folder)
    key = _digest(plant, sorted(policies))
    found = _read(file, window.id, key)
    if found is None:
        found = measure_fidelity(plant, window, policies, on_progress)
        _write(file, found, key)
    return found


def _digest(plant: Plant, versions: list[str]) -> str:
    """Of what the measure depends on beside the window."""
    parts = [FIDELITY_VERSION, FEATURE_SCHEMA_VERSION, plant.path_table.content_hash, settings_of(plant.spec)]
    parts += [repr(plant.latency_model), repr(plant.power), versions]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _read(file: Path, window_id: str, key: str) -> Fidelity | None:
    """What is stored; None where nothing is that can be read, or something else was measured."""
    try:
        stored = json.loads(file.read_text())
        if stored.pop("key") != key or stored["window"] != window_id:
            return None
        first = stored.pop("first_difference")
        return Fidelity(**stored, first_difference=None if first is None else Difference(**first))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(file: Path, found: Fidelity, key: str) -> None:
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(found) | {"key": key}))
    os.replace(temporary, file)


measure_fidelity_task = as_task(stored_fidelity, "fidelity")
