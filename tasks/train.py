"""A challenger, trained by ``agents.train``; its curve goes to MLflow and the progress log as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.plant import Plant
from tasks.decorate import as_task
from tasks.figures import curve_metrics, training_metrics, validation_table
from tasks.progress_log import ProgressLog
from tasks.registry import Registry
from tasks.trace import StoredTrace

if TYPE_CHECKING:
    from agents.lessons import Lessons
    from agents.spec import TrainPoint, TrainResult, TrainSpec


def train_challenger(
    spec: TrainSpec,
    plant: Plant,
    lessons: Lessons,
    training: StoredTrace,
    registry: Registry,
    run_id: str,
    progress: ProgressLog,
) -> TrainResult:
    """A trained policy in a folder beside the progress log; Ray has been started and stopped."""
    from agents.train import train  # torch and ray: 5 s to import

    registry.log_traces(run_id, [training.id], training.file.parent, "training")

    def on_progress(point: TrainPoint) -> None:
        progress.write("training", **point.to_json())
        registry.log_metrics(run_id, curve_metrics(point), round(point.elapsed_s))

    result = train(spec, plant, lessons, progress.folder / "agent", on_progress)
    registry.log_metrics(run_id, training_metrics(result))
    registry.log_table(run_id, validation_table(result), "tables/validation.json")
    registry.log_document(run_id, result.to_json(), "training.json")
    return result


train_task = as_task(train_challenger, "train")
