"""Policies that ship, and which of them a plant is for. How they were made: each folder's ``policy.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.artefact import GENERALIST_FOLDER, load_policy
from agents.search import with_departures_known
from envs.policy import LinearPolicy

if TYPE_CHECKING:
    from envs.plant import Plant

QOT_FOLDER = GENERALIST_FOLDER.with_name("qot")
ENERGY_FOLDER = GENERALIST_FOLDER.with_name("energy")


def shipped_for(plant: Plant) -> dict[str, LinearPolicy]:
    """The policies that ship and know what matters on a plant, by name."""
    found: dict[str, LinearPolicy] = {}
    if plant.spec.shortlist > 0:
        found["generalist"] = _linear(GENERALIST_FOLDER)
        if plant.spec.departures_known:
            found["generalist, departures known"] = with_departures_known(found["generalist"])
    if plant.thresholds_db:
        found["shipped QoT agent"] = _linear(QOT_FOLDER)
    if plant.power is not None:
        found["shipped energy agent"] = _linear(ENERGY_FOLDER)
    return found


def _linear(folder: Path) -> LinearPolicy:
    policy = load_policy(folder)
    assert isinstance(policy, LinearPolicy)
    return policy
