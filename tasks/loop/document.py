"""The loop's document: everything of the loop that is stored or can be asked, put together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.history import Stretch, history_of
from tasks.loop.live import LiveReader, demand_of
from tasks.loop.looks import Demand, LookReader, MonitorLook, demand_in
from tasks.loop.registered import LoopVersion, VersionReader
from tasks.loop.trainings import TRAINING, CurveReader, LoopRun, loop_runs
from tasks.promotion_budget import budget_state
from tasks.promotions import read_promotions
from tasks.registry_reader import KeptRun, RegistryReader, RegistryReadError

MOST_RUNS = 100
MODELS_VIEW = "workflowType=machine_learning"


@dataclass(frozen=True)
class LoopPlaces:
    """Where the loop's parts stand.

    Attributes:
        scenario: that runs.
        decisions: folder of the decision log.
        training: folder of trainings.
        models: folder of fetched models.
        promotions: the promotion log.
        budget: what gates have spent.
        probation: the last verdict on a new champion.
        experiment: of MLflow.
        false_promotions_per_year: the budget.
        window_requests: of a look: so many requests stand for the demand of now.
        prefect_url, mlflow_url: as a browser reaches them.
    """

    scenario: str
    decisions: Path
    training: Path
    models: Path
    promotions: Path
    budget: Path
    probation: Path
    experiment: str
    false_promotions_per_year: float
    window_requests: int
    prefect_url: str
    mlflow_url: str


class LoopReader:
    """Makes the document, again and again; what does not change any more is asked for once.

    Args:
        places: where everything stands.
        registry: of the running model.
        flow_runs: the newest flow runs as Prefect tells them; raises ``ValueError`` where it does not answer.
    """

    def __init__(
        self,
        places: LoopPlaces,
        registry: RegistryReader,
        flow_runs: Callable[[], Sequence[Mapping[str, Any]]],
    ) -> None:
        self._places, self._registry, self._flow_runs = places, registry, flow_runs
        self._versions = VersionReader(registry)
        self._looks = LookReader(registry)
        self._live = LiveReader(places.decisions)
        self._curve = CurveReader(places.training)
        self._told: tuple[LoopVersion, ...] = ()
        self._seen: tuple[MonitorLook, ...] = ()
        self._trained: tuple[KeptRun, ...] = ()
        self._experiment_id: str | None = None
        self._flows: Sequence[Mapping[str, Any]] = ()

    def document(self) -> dict[str, Any]:
        """The loop as of now. What a part that is away told last stays in it, and ``faults`` says so."""
        places, name = self._places, self._registry.model_name
        faults = self._ask_mlflow() | self._ask_prefect()
        rows = self._live.rows()
        promised = {item.number: item.score.value if item.score else None for item in self._told}
        promotions = read_promotions(places.promotions, name)
        served = history_of(promotions, rows, promised.get)
        runs = loop_runs(self._flows, self._trained, {item.run_id: item.number for item in self._told})
        return {
            "scenario": places.scenario,
            "model_name": name,
            "links": {
                "prefect": places.prefect_url,
                "mlflow": places.mlflow_url,
                "experiment_id": self._experiment_id,
                "mlflow_view": MODELS_VIEW,
            },
            "faults": faults,
            "served": [_served(item) for item in served],
            "live": [asdict(item) for item in self._live.bins()],
            "versions": [asdict(item) for item in self._told],
            "looks": [asdict(item) for item in self._seen],
            "runs": [asdict(item) for item in runs],
            "curve": self._curve_of(runs),
            "probation": _stored(places.probation),
            "budget": asdict(budget_state(places.budget, name, places.false_promotions_per_year)),
            "demand": self._demand(served, rows),
        }

    def _ask_mlflow(self) -> dict[str, str]:
        """What keeps MLflow from answering; nothing where it answers."""
        try:
            if self._experiment_id is None:
                self._experiment_id = self._registry.experiment_id(self._places.experiment)
            self._told = self._versions.versions()
            if self._experiment_id is not None:
                scenario = self._places.scenario
                self._seen = self._looks.looks(self._experiment_id, scenario)
                query = f"tags.kind = 'training' and tags.scenario = '{scenario}'"
                self._trained = self._registry.runs(self._experiment_id, query, MOST_RUNS)
        except RegistryReadError as error:
            return {"mlflow": str(error)}
        return {}

    def _ask_prefect(self) -> dict[str, str]:
        try:
            self._flows = self._flow_runs()
        except ValueError as error:
            return {"prefect": str(error)}
        return {}

    def _curve_of(self, runs: Sequence[LoopRun]) -> dict[str, Any] | None:
        """Of the training that runs, or else of the last one; None where there was none."""
        trained = [run for run in runs if run.flow == TRAINING and run.began_s and run.flow_run_id]
        if not trained:
            return None
        return asdict(self._curve.curve(trained[-1].flow_run_id)) | {"is_running": trained[-1].is_running}

    def _demand(self, served: Sequence[Stretch], rows: Any) -> dict[str, Any] | None:
        """Demand of the champion's lessons and of now; None where its model has not been fetched yet."""
        if not served:
            return None
        number = served[-1].version
        found: Demand | None = demand_in(
            self._places.models / f"{self._registry.model_name}-{number}" / "artifacts", number
        )
        if found is None:
            return None
        now = demand_of(rows, found.node_names, self._places.window_requests)
        return asdict(found) | {"now": now}


def _stored(file: Path) -> Any:
    """A JSON file as it stands; None where it is not there, or cannot be read."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def _served(item: Stretch) -> dict[str, Any]:
    """A stretch with its times as numbers."""
    return item.to_json(time.time()) | {"from_s": item.from_s, "to_s": item.to_s}
