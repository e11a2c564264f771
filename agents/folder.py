"""The folder of a training: what a killed one continues from, and the lines that followers read.

state.json      stage, elapsed times, which checkpoint is whole; replaced atomically, so a kill loses nothing
progress.jsonl  one ``TrainPoint`` a line
search.ckpt     the search after its last stored generation
ppo-0, ppo-1    RLlib checkpoints, written in turns: the one that ``state.json`` names is whole
teacher, policy artefacts; ``policy`` is the result
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.lessons import Lessons
from agents.spec import TrainingError, TrainPoint, TrainSpec
from envs.features import FEATURE_SCHEMA_VERSION
from envs.plant import Plant

STATE_FILE = "state.json"
PROGRESS_FILE = "progress.jsonl"
SEARCH_FILE = "search.ckpt"
FORMAT_VERSION = 1


def fingerprint_of(spec: TrainSpec, plant: Plant, lessons: Lessons) -> str:
    """16 hex digits over what decides the outcome of a training; where Ray runs does not."""
    settings = {key: value for key, value in spec.to_json().items() if key != "ray"}
    document = {
        "spec": settings,
        "topology": plant.topology.content_hash,
        "plant": repr(plant.spec),
        "power": repr(plant.power),
        "lessons": lessons.fingerprint(),
        "features": FEATURE_SCHEMA_VERSION,
        **({"forecast": plant.forecast.content_hash} if plant.forecast else {}),
        **({"transceivers": repr(plant.spec.transceivers)} if plant.spec.transceivers else {}),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands."""

    fingerprint: str  # of spec, plant and lessons: another training does not continue this one
    stage: str = "search"  # "search", "ppo", "done"
    runs: int = 1  # how often it was started
    search_elapsed_s: float = 0.0
    ppo_elapsed_s: float = 0.0
    ppo_steps: int = 0
    checkpoint: str = ""  # folder of the last whole RLlib checkpoint
    best_cost: float = float("inf")  # of the PPO policies on the curve's traces
    result: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


@dataclass
class TrainingFolder:
    """One training's folder."""

    root: Path
    state: TrainingState

    @classmethod
    def open(cls, root: Path | str, fingerprint: str) -> tuple[TrainingFolder, bool]:
        """The folder, and whether it holds a training that was begun before.

        Raises:
            TrainingError: it holds another training, or files that this code cannot read.
        """
        root = Path(root)
        file = root / STATE_FILE
        if not file.exists():
            root.mkdir(parents=True, exist_ok=True)
            folder = cls(root, TrainingState(fingerprint))
            folder.update()
            return folder, False
        try:
            document = json.loads(file.read_text())
            state = TrainingState(**document)
        except (json.JSONDecodeError, TypeError) as error:
            raise TrainingError(f"{file}: unreadable ({error}); train into another folder") from None
        if state.fingerprint != fingerprint:
            raise TrainingError(
                f"{root} holds another training (its settings, plant or traffic differ: fingerprint "
                f"{state.fingerprint}, this one is {fingerprint}); train into another folder"
            )
        folder = cls(root, state)
        folder.update(runs=state.runs + 1)
        return folder, True

    def update(self, **changes: Any) -> None:
        """Change the state, on disk first."""
        state = replace(self.state, **changes)
        write_atomically(self.root / STATE_FILE, json.dumps(asdict(state), indent=2).encode())
        self.state = state

    @property
    def elapsed_s(self) -> float:
        """Of all stages, as far as it is stored."""
        return self.state.search_elapsed_s + self.state.ppo_elapsed_s

    def next_checkpoint(self) -> Path:
        """The folder of the RLlib checkpoint that may be overwritten."""
        return self.root / ("ppo-1" if self.state.checkpoint == "ppo-0" else "ppo-0")

    def append(self, point: TrainPoint) -> None:
        """One more line of progress."""
        with (self.root / PROGRESS_FILE).open("a") as stream:
            stream.write(json.dumps(point.to_json()) + "\n")

    def points(self) -> list[TrainPoint]:
        """The progress so far; a line cut short by a kill is left out."""
        file = self.root / PROGRESS_FILE
        points = []
        for line in file.read_text().splitlines() if file.exists() else []:
            try:
                points.append(TrainPoint(**json.loads(line)))
            except json.JSONDecodeError:
                continue
        return points

    def forget_after(self, elapsed_s: float) -> None:
        """Drop lines later than the checkpoint that a training continues from: they will be made again."""
        kept = [point for point in self.points() if point.elapsed_s <= elapsed_s + 1e-6]
        lines = "".join(json.dumps(point.to_json()) + "\n" for point in kept)
        write_atomically(self.root / PROGRESS_FILE, lines.encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside, then move: neither a reader nor a kill sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)
