"""A challenger, trained by ``agents.train``; its curve goes to MLflow and to the journal while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.plant import Plant
from envs.traffic import PoissonTraffic
from tasks.decorate import as_task
from tasks.journal import Journal
from tasks.registry import Registry
from tasks.trace import StoredTrace

if TYPE_CHECKING:
    from agents.spec import TrainPoint, TrainResult, TrainSpec


def train_challenger(
    spec: TrainSpec,
    plant: Plant,
    traffic: PoissonTraffic,
    training: StoredTrace,
    registry: Registry,
    run_id: str,
    journal: Journal,
) -> TrainResult:
    """A trained policy in a folder beside the journal; Ray has been started and stopped."""
    from agents.train import train  # torch and ray: 5 s to import

    registry.log_traces(run_id, [training.id], training.file.parent, "training")
    registry.log_tags(run_id, {"training.seed": str(spec.seed)})

    def on_progress(point: TrainPoint) -> None:
        fields = point.to_json()
        journal.write("training", **fields)
        numbers = {key: value for key, value in fields.items() if isinstance(value, int | float)}
        curve = {f"training.{key}": value for key, value in numbers.items()}
        curve |= {f"training.baseline.{name}": value for name, value in point.baselines.items()}
        registry.log_metrics(run_id, curve, round(point.elapsed_s))

    result = train(spec, plant, traffic, journal.folder / "agent", on_progress)
    registry.log_document(run_id, result.to_json(), "training.json")
    return result


train_task = as_task(train_challenger, "train")
