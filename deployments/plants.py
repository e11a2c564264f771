"""Changing the scenario of a home: what belongs to one plant is laid aside, what was laid aside comes back.

Network state, decisions and served models mean nothing on another plant; MLflow, Prefect, traces and training
runs are shared by all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from configs.home import Home
from configs.schema import Config

STATE_FILES = "controller.db", "elements.db"


def plant_key(config: Config) -> str:
    """A folder name for a scenario on a plant: the scenario, and a digest of the plant's section."""
    section = json.dumps(asdict(config.plant), sort_keys=True)
    return f"{config.scenario}-{hashlib.sha256(section.encode()).hexdigest()[:8]}"


def switch_plant(home: Home, old: Config, new: Config) -> bool:
    """Lay aside what is the old plant's and bring back what is the new one's; False when they are one.

    Nothing may be running.
    """
    if plant_key(old) == plant_key(new):
        return False
    shelf = home.root / "plants"
    _move(_belongings(home), shelf / plant_key(old))
    kept = shelf / plant_key(new)
    if kept.is_dir():
        for item in list(kept.iterdir()):
            target = home.state if item.name.startswith(STATE_FILES) else home.root
            shutil.rmtree(target / item.name, ignore_errors=True)
            shutil.move(item, target / item.name)
        kept.rmdir()
    home.create()
    return True


def _belongings(home: Home) -> list[Path]:
    # SQLite keeps a journal beside the database under the same first name.
    databases = [file for name in STATE_FILES for file in home.state.glob(f"{name}*")]
    return [*databases, home.decisions, home.operation, home.windows, home.serving]


def _move(items: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        if item.exists():
            shutil.move(item, folder / item.name)
