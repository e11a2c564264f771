"""What can be configured: names, units, limits. Not here: where values come from (``load.py``)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

NORTHBOUND = ("controller", "console")
EVERY_ADDRESS = ("0.0.0.0", "::")
Port = Annotated[int, Field(ge=1, le=65535)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Plant(_Section):
    """The network and its spectrum."""

    topology: str = Field(description="a catalogue name, or the path of a topology file")
    num_slots: PositiveInt
    guard_slots: NonNegativeInt
    shared_spectrum: bool = Field(description="True: both directions of a fibre pair share one spectrum")
    k_paths: PositiveInt
    path_order: Literal["km", "hops", "hops_over_se", "hops_se_all"]
    path_ties: Literal["km", "lexicographic", "reverse", "hash", "library"]
    max_candidates: PositiveInt = Field(description="length of the candidate list an agent chooses from")
    starts_per_path: PositiveInt = Field(description="starting positions listed per path")
    formats_per_path: PositiveInt = Field(
        description="formats listed per path, from the most efficient that works downwards"
    )
    shortlist: NonNegativeInt = Field(
        description="candidates per request whose after-state is looked at; 0: none"
    )
    shortlist_paths: PositiveInt = Field(
        description="best paths of every node pair that an after-state is judged by"
    )
    bands: tuple[Literal["L", "C", "S"], ...] = Field(
        description="bands in which quality of transmission decides; empty: the C band, where reach decides"
    )
    channels_per_band: PositiveInt = Field(description="50 GHz channels; with bands, they make the slots")
    launch_dbm: tuple[float, ...] = Field(description="per channel, one for each band; empty: 0 dBm")
    margin_db: float = Field(ge=0, description="GSNR that a lightpath keeps above its format's threshold")
    transceiver_snr_db: PositiveFloat | None = Field(description="of the two ends together; null: left out")
    roadm_loss_db: PositiveFloat | None = Field(description="made good at each link's end; null: left out")
    power_model: str = Field(
        description="what the network is charged for: empty: nothing; default, subcarriers, or a file"
    )


class Reward(_Section):
    """What a carried request earns beside not being blocked, which costs 1; see `envs.reward`."""

    slack: float = Field(ge=0, description="for latency slack, (bound - latency) / bound")
    margin: float = Field(ge=0, description="for GSNR above threshold and margin, per 10 dB")
    energy: float = Field(ge=0, description="against each kW that the network then draws")


class ServiceClass(_Section):
    """A share of the requests with one latency bound."""

    name: str
    share: PositiveFloat
    max_latency_ms: PositiveFloat | None = Field(description="None: no bound")
    min_stretch: PositiveFloat = Field(
        default=1.0, description="the bound is never below this multiple of the pair's least latency"
    )


class Traffic(_Section):
    """Requests: how many, how long, how big."""

    generator: Literal["poisson", "diurnal"]
    load_erlang: PositiveFloat
    mean_holding_time_s: PositiveFloat
    truncate_holding: bool = Field(description="redraw a holding time while it exceeds twice the mean")
    bit_rates_gbps: tuple[PositiveFloat, ...]
    diurnal_swing: float = Field(ge=0, lt=1, description="peak over mean minus one, over a day")
    classes: tuple[ServiceClass, ...]
    requests_per_trace: PositiveInt
    seed: NonNegativeInt


class Search(_Section):
    """Warm start: a direct search of a linear score in the twin (CMA-ES)."""

    enabled: bool
    budget_s: PositiveFloat
    budget_requests: NonNegativeInt = Field(
        default=0, description="in the place of budget_s, which is then ignored; 0: budget_s counts"
    )
    population: PositiveInt
    requests_per_candidate: PositiveInt
    settle_requests: NonNegativeInt = Field(
        default=0,
        description="served before, once for a generation; 0: each candidate warms up",
    )
    threads: PositiveInt = Field(
        default=2, description="that share a generation; the outcome does not depend on it"
    )


class Yardstick(_Section):
    """Fixed traffic on which policies are compared while a training runs; warm-up requests come on top."""

    curve_traces: PositiveInt = Field(ge=2, description="of the live curve")
    curve_requests: PositiveInt = Field(description="counted, of each")
    validation_traces: PositiveInt = Field(ge=2, description="on which the policy is chosen")
    validation_requests: PositiveInt


class Training(_Section):
    """How a challenger is made."""

    algorithm: Literal["ppo"]
    budget_s: PositiveFloat = Field(description="wall-clock budget of the PPO stage")
    budget_requests: NonNegativeInt = Field(
        default=0, description="in the place of budget_s, which is then ignored; 0: budget_s counts"
    )
    num_envs: PositiveInt
    rollout_length: PositiveInt
    minibatch_size: PositiveInt
    num_epochs: PositiveInt
    learning_rate: PositiveFloat
    gamma: float = Field(gt=0, lt=1)
    gae_lambda: float = Field(ge=0, le=1)
    entropy_coefficient: float = Field(ge=0)
    hidden_sizes: tuple[PositiveInt, ...]
    num_env_runners: NonNegativeInt
    checkpoint_every_s: PositiveFloat
    evaluate_every_s: PositiveFloat = Field(description="how often the live curve gets a point")
    seed: NonNegativeInt
    search: Search
    yardstick: Yardstick


class Evaluation(_Section):
    """Held-out traces on which challenger, champion and baselines meet."""

    num_traces: PositiveInt = Field(ge=2, description="independent traces; the interval comes from them")
    requests_per_trace: PositiveInt
    warmup_requests: NonNegativeInt
    seed: NonNegativeInt
    baselines: tuple[str, ...]


class Gate(_Section):
    """When a challenger may become champion."""

    objective: Literal["blocking", "energy"] = Field(
        description="what it must be better in: blocking, or energy per bit at no more blocking than ksp_ff"
    )
    max_blocking_loss: float = Field(
        ge=0, description="with objective energy: blocking points that count as no more than ksp_ff's"
    )
    confidence: float = Field(gt=0.5, lt=1)
    max_slice_regression: float = Field(ge=0, description="blocking points a traffic slice may lose")
    latency_budget_ms: PositiveFloat = Field(description="p99 of a decision behind the real endpoint")
    require_approval: bool
    approval_timeout_s: PositiveFloat = Field(description="how long a person is waited for; then: no")


class Drift(_Section):
    """When traffic counts as drifted."""

    window_decisions: PositiveInt
    min_decisions: PositiveInt
    psi_threshold: PositiveFloat
    drift_share: float = Field(gt=0, le=1)
    interval_s: PositiveFloat


class Retention(_Section):
    """Days that something is kept after it was last used; null: for ever.

    What a registered version refers to, what is in service and what a running flow uses is always kept.
    """

    interval_s: PositiveFloat = Field(description="how often upkeep applies it")
    drift_runs_days: PositiveFloat | None = Field(description="MLflow runs of the drift monitor")
    trainings_days: PositiveFloat | None = Field(description="folders of trainings: checkpoints, journal")
    traces_days: PositiveFloat | None = Field(description="traces that can be made again from their note")
    evaluations_days: PositiveFloat | None = Field(description="measured results that are found again")
    models_days: PositiveFloat | None = Field(description="fetched copies of models")
    decisions_days: PositiveFloat | None = Field(description="closed parts of the decision log")
    logs_days: PositiveFloat | None = Field(description="logs that were turned over")
    prefect_runs_days: PositiveFloat | None = Field(description="ended flow runs with their artifacts")


class Services(_Section):
    """Where the processes listen: those between each other on the loopback, two of them also northbound."""

    host: str = Field(description="of the internal processes; a loopback address, and no other")
    northbound_host: str = Field(
        description="of the controller and the console, which users reach; 0.0.0.0: every address"
    )
    northbound_names: tuple[str, ...] = Field(
        description="names and addresses that users call these two by, beside northbound_host"
    )
    prefect_port: Port
    mlflow_port: Port
    model_a_port: Port
    model_b_port: Port
    pce_port: Port
    controller_port: Port
    elements_port: Port
    console_port: Port

    @field_validator("host")
    @classmethod
    def _stays_inside(cls, host: str) -> str:
        if host == "localhost" or _is_loopback(host):
            return host
        raise ValueError(
            f"{host} is no loopback address; internal processes stay on one. Controller and console are "
            "moved with services.northbound_host"
        )

    def url(self, service: str) -> str:
        """Base address of a service by its name: ``prefect``, ``mlflow``, ``model_a``, ``pce``, ..."""
        host = self.listens_on(service)
        if host in EVERY_ADDRESS:  # where it listens everywhere, our own processes ask on the loopback
            host = self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{getattr(self, service + '_port')}"

    def listens_on(self, service: str) -> str:
        """The address that a service binds."""
        return self.northbound_host if service in NORTHBOUND else self.host

    def names_of(self, service: str) -> tuple[str, ...]:
        """Names that a service answers to, beside those of the loopback."""
        if service not in NORTHBOUND:
            return ()
        own = () if self.northbound_host in EVERY_ADDRESS else (self.northbound_host,)
        return (*own, *self.northbound_names)


class Online(_Section):
    """The online side."""

    decision_deadline_ms: PositiveFloat = Field(description="the PCE falls back when the endpoint is later")
    fallback_policy: str
    decision_log_part_rows: PositiveInt
    decision_log_part_s: PositiveFloat
    database_url: str = Field(description="controller state; empty: SQLite in the home folder")


class Ray(_Section):
    """Where training runs."""

    address: str = Field(description="empty: a local cluster; else ray://host:port or host:port")
    num_cpus: PositiveInt


class Mlflow(_Section):
    """Tracking and registry."""

    tracking_uri: str = Field(description="empty: the server that `lightloop up` starts")
    backend_store_uri: str = Field(description="empty: SQLite in the home folder")
    model_name: str
    experiment: str


class Prefect(_Section):
    """Orchestration."""

    work_pool: str
    database_url: str = Field(description="empty: SQLite in the home folder; else postgresql+asyncpg://...")


class Config(_Section):
    """A resolved configuration. Logged with every run."""

    scenario: str
    plant: Plant
    traffic: Traffic
    reward: Reward
    training: Training
    evaluation: Evaluation
    gate: Gate
    drift: Drift
    retention: Retention
    services: Services
    online: Online
    ray: Ray
    mlflow: Mlflow
    prefect: Prefect
