"""The loop's document, as ``lightloop loop --json`` prints it. Times are seconds since 1970-01-01 UTC."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

CONTINUOUS_TRAINING = "continuous-training"  # flow


class _LoopPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Links(_LoopPart):
    """Where Prefect and MLflow stand; no experiment where none was made yet."""

    prefect: str
    mlflow: str
    experiment_id: str | None = None
    mlflow_view: str = ""

    def flow_run(self, run_id: str) -> str:
        """Prefect's page of a flow run."""
        return f"{self.prefect}/runs/flow-run/{run_id}"

    def experiment(self) -> str:
        """MLflow's page of the experiment; of all of them before there is one."""
        if self.experiment_id is None:
            return self.mlflow
        return f"{self.mlflow}/#/experiments/{self.experiment_id}?{self.mlflow_view}"

    def run(self, run_id: str, artifact: str = "") -> str:
        """MLflow's page of a run, or of a file of it."""
        place = f"/artifacts/{artifact}" if artifact else ""
        return f"{self.mlflow}/#/experiments/{self.experiment_id}/runs/{run_id}{place}?{self.mlflow_view}"

    def model(self, name: str) -> str:
        """MLflow's page of a registered model."""
        return f"{self.mlflow}/#/models/{name}"

    def version(self, model_name: str, number: str) -> str:
        """MLflow's page of a version."""
        return f"{self.model(model_name)}/versions/{number}"


class ServedStretch(_LoopPart):
    """One version in service; ``to_s`` is None while it serves."""

    version: str
    policy: str
    from_s: float
    to_s: float | None
    came: dict[str, str]
    decisions: int
    blocked: int
    request_blocking: float | None
    ci95: tuple[float | None, float | None]
    promised_request_blocking: float | None


class LiveStretch(_LoopPart):
    """What was blocked in a stretch of time, with its 95 % interval."""

    from_s: float
    to_s: float
    requests: int
    blocked: int
    value: float
    low: float
    high: float


class MeasuredScore(_LoopPart):
    """Request blocking of a policy on held-out traces; the ends of its 95 % interval where known."""

    role: str
    policy: str
    value: float
    low: float | None = None
    high: float | None = None


class ShownVersion(_LoopPart):
    """A registered version."""

    number: str
    policy: str
    run_id: str
    made_s: float
    aliases: tuple[str, ...]
    flow_run_id: str
    gate: str
    verdict: str
    scenario: str
    topology: str
    reason: str
    forecast: str
    score: MeasuredScore | None
    rivals: tuple[MeasuredScore, ...]
    figures: dict[str, float]
    traces: tuple[str, ...]
    windows: dict[str, str]
    hyperparameters: dict[str, str]


class ColumnSeen(_LoopPart):
    """One column of a look."""

    drifted: bool
    log_e: float
    measure: str
    seen: float | None
    ordinary: float | None


class RegretSeen(_LoopPart):
    """Champion less the best of the others; and everybody's replayed blocking, mean and interval."""

    against: str
    mean: float
    ci95: tuple[float | None, float | None]
    replayed: dict[str, tuple[float | None, float | None, float | None]] = {}


class ShownLook(_LoopPart):
    """A look of the drift monitor."""

    run_id: str
    flow_run_id: str
    time_s: float
    version: str
    drifted: bool
    summary: str
    log_e: float
    threshold_log_e: float | None
    requests: int
    columns: dict[str, ColumnSeen]
    regret: RegretSeen | None
    twin: str
    choices_equal: float | None
    page: str


class ShownRun(_LoopPart):
    """A flow run of the loop; it has begun where ``began_s`` is told, ended where ``ended_s`` is."""

    flow_run_id: str
    run_id: str
    flow: str
    name: str
    state: str
    state_type: str
    began_s: float | None
    ended_s: float | None
    reason: str
    verdict: str
    version: str


class CurvePoint(_LoopPart):
    """One point of a training's curve, and the baselines on the same traces."""

    elapsed_s: float
    stage: str
    blocking: float
    share_done: float
    baselines: dict[str, float]


class SaidStep(_LoopPart):
    """What a training said."""

    time_s: float
    text: str


class ShownCurve(_LoopPart):
    """The curve of a training, and the last things that it said."""

    flow_run_id: str
    is_running: bool
    points: tuple[CurvePoint, ...]
    steps: tuple[SaidStep, ...]


class ProbationVerdict(_LoopPart):
    """What became of the last promotion."""

    version: str
    promoted_s: float
    outcome: str
    reason: str


class PromotionBudget(_LoopPart):
    """The chance of a false promotion: allowed in 365 days, spent in the last 365, and what comes next."""

    yearly: float
    spent: float
    num_gates: int
    next_alpha: float


class ShownForecast(_LoopPart):
    """The demand forecast in service; its pairs with the greatest weight first, the mean weight is 1."""

    hash: str
    source_id: str
    num_requests: int
    pairs: tuple[dict[str, Any], ...]
    rates: tuple[dict[str, float], ...]


class DemandThenAndNow(_LoopPart):
    """(nodes, nodes) requests by source and destination: the champion's lessons, and of late."""

    version: str
    node_names: tuple[str, ...]
    then: tuple[tuple[int, ...], ...]
    now: tuple[tuple[int, ...], ...]
    requests: int
    forecast: ShownForecast | None


class LoopDocument(_LoopPart):
    """Everything of the loop at one moment. ``faults``: what does not answer, and why."""

    scenario: str
    model_name: str
    links: Links
    faults: dict[str, str]
    served: tuple[ServedStretch, ...]
    live: tuple[LiveStretch, ...]
    versions: tuple[ShownVersion, ...]
    looks: tuple[ShownLook, ...]
    runs: tuple[ShownRun, ...]
    curve: ShownCurve | None
    probation: ProbationVerdict | None
    budget: PromotionBudget
    demand: DemandThenAndNow | None

    @property
    def champion(self) -> str:
        """The version in service; empty: none."""
        return self.served[-1].version if self.served else ""

    def version(self, number: str) -> ShownVersion | None:
        """A version by its number; None where it is not listed any more."""
        return next((item for item in self.versions if item.number == number), None)
