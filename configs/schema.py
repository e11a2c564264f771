"""What can be configured: names, units, limits. Not here: where values come from (``load.py``).

A section that a part of the program works by is that part's own dataclass, bounds and defaults included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from agents.spec import RaySpec, TrainingSpec, TrainSpec
from configs.tls import TlsFiles
from envs.fields import NonNegativeInt, PositiveFloat, PositiveInt, Seed
from envs.plant_choices import PlantChoices
from envs.reward import RewardWeights
from tasks.limits import DriftLimits, GateLimits

NORTHBOUND = ("controller", "controller_b", "console")
EVERY_ADDRESS = ("0.0.0.0", "::")
Port = Annotated[int, Field(ge=1, le=65535)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class PlantSection(PlantChoices):
    """The network and its spectrum. ``topology``: a catalogue name, or the path of a topology file."""

    topology: str = field(kw_only=True)


class ServiceClass(_Section):
    """A share of the requests with one latency bound."""

    name: str
    share: PositiveFloat
    max_latency_ms: PositiveFloat | None = Field(description="None: no bound")
    mean_holding_time_s: PositiveFloat | None = Field(
        default=None, description="of its own; None: that of the traffic"
    )
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
    told_share: float = Field(
        0.0, ge=0, le=1, description="of the requests that tell their end; see plant.departures_known"
    )
    requests_per_trace: PositiveInt
    seed: Seed


class EvaluationSection(_Section):
    """Held-out traces on which challenger, champion and baselines meet."""

    num_traces: PositiveInt = Field(ge=2, description="independent traces; the interval comes from them")
    failed_fibres: NonNegativeInt = Field(2, description="of the most used fibres, each cut once")
    failed_nodes: NonNegativeInt = Field(1, description="of the most used nodes, each down once")
    failed_groups: NonNegativeInt = Field(1, description="of the most used risk groups, each cut at once")
    failure_traces: PositiveInt = Field(4, ge=2, description="of the traces, on which failures are met")
    requests_per_trace: PositiveInt
    warmup_requests: NonNegativeInt
    seed: Seed
    baselines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gate(GateLimits):
    """When a challenger may become champion, and whether a person is asked.

    Attributes:
        approval_timeout_s: how long a person is waited for; then: no.
    """

    require_approval: bool
    approval_timeout_s: PositiveFloat


@dataclass(frozen=True, kw_only=True)
class Drift(DriftLimits):
    """When traffic counts as drifted, and how often it is looked at."""

    interval_s: PositiveFloat


class Retention(_Section):
    """Days that something is kept after it was last used; null: for ever.

    What a registered version refers to, what is in service and what a running flow uses is always kept.
    """

    interval_s: PositiveFloat = Field(description="how often upkeep applies it")
    drift_runs_days: PositiveFloat | None = Field(description="MLflow runs of the drift monitor")
    trainings_days: PositiveFloat | None = Field(
        description="folders of trainings, and versions that did not pass their gate"
    )
    traces_days: PositiveFloat | None = Field(description="traces that can be made again from their note")
    evaluations_days: PositiveFloat | None = Field(description="measured results that are found again")
    models_days: PositiveFloat | None = Field(description="fetched copies of models")
    decisions_days: PositiveFloat | None = Field(
        description="closed parts of the decision log that the operation record has taken in"
    )
    record_days: PositiveFloat | None = Field(description="days of the operation record")
    windows_days: PositiveFloat | None = Field(description="windows of operation, with their traces")
    changes_days: PositiveFloat | None = Field(
        description="changes in the controller's log, which removes them itself; far above the time between "
        "two looks of the operation record"
    )
    trail_days: PositiveFloat | None = Field(365, description="days of the trail: who changed what")
    logs_days: PositiveFloat | None = Field(description="logs that were turned over")
    prefect_runs_days: PositiveFloat | None = Field(description="ended flow runs with their artifacts")


class ServicesSection(_Section):
    """Where the processes listen: those between each other on the loopback, two of them also northbound."""

    host: str = Field(description="of the internal processes; a loopback address, and no other")
    northbound_host: str = Field(
        description="of the controller and the console, which users reach; 0.0.0.0: every address"
    )
    northbound_names: tuple[str, ...] = Field(
        description="names and addresses that users call these two by, beside northbound_host"
    )
    northbound_certificate: str = Field("", description="PEM file; with it these two speak HTTPS only")
    northbound_key: str = Field("", description="PEM file: the key to the certificate")
    prefect_port: Port
    mlflow_port: Port
    model_a_port: Port
    model_b_port: Port
    pce_port: Port
    controller_port: Port
    pce_b_port: Port = Field(description="of the second PCE, where online.standby is set")
    controller_b_port: Port = Field(description="of the second controller, where online.standby is set")
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

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> ServicesSection:
        if bool(self.northbound_certificate) != bool(self.northbound_key):
            given = self.northbound_certificate or self.northbound_key
            raise ValueError(
                f"{given}: northbound_certificate and northbound_key are needed together, or neither of them"
            )
        return self

    @property
    def northbound_tls(self) -> TlsFiles | None:
        """What controller and console show; None: they speak plain HTTP."""
        if not self.northbound_certificate:
            return None
        return TlsFiles(self.northbound_certificate, self.northbound_key)

    def url(self, service: str) -> str:
        """Base address of a service by its name: ``prefect``, ``mlflow``, ``model_a``, ``pce``, ..."""
        host = self.listens_on(service)
        if host in EVERY_ADDRESS:  # where it listens everywhere, our own processes ask on the loopback
            host = self.host
        return self._url(host, service)

    def told_url(self, service: str) -> str:
        """Base address of a service as users have it."""
        names = self.names_of(service)
        return self._url(names[0], service) if names else self.url(service)

    def port(self, service: str) -> int:
        """The port of a service by its name."""
        return int(getattr(self, f"{service}_port"))

    def _url(self, host: str, service: str) -> str:
        scheme = "https" if service in NORTHBOUND and self.northbound_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port(service)}"

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
    max_waiting: NonNegativeInt = Field(
        description="with more requests waiting, for the model or at the controller, the fallback decides"
    )
    decision_log_part_rows: PositiveInt
    decision_log_part_s: PositiveFloat
    database_url: str = Field(
        description="controller state; empty: SQLite in the home folder; else postgresql://user@host/database"
    )
    default_capacity_gbps: PositiveInt | None = Field(
        default=None, description="of a TAPI service whose client gives none; None: it is refused"
    )
    capacity_in_constraint: bool = Field(
        default=False,
        description="every service is told with its capacity where ETSI TeraFlowSDN looks for it, too",
    )
    trusted_clients: tuple[str, ...] = Field(
        default=(), description="addresses of programs that need no credentials at the controller"
    )

    @field_validator("trusted_clients")
    @classmethod
    def _are_addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            ip_address(address)  # says what is wrong with it
        return addresses

    audit_interval_s: PositiveFloat = Field(
        description="between two audits of all elements by the controller; suspect ones every second"
    )
    restored_first: tuple[str, ...] = Field(
        description="service classes that come first after a cut, in this order; then all others"
    )
    standby: bool = Field(
        description="a second controller and a second PCE wait to take over; needs Postgres. "
        "Without it a controller ends whose database another one holds"
    )
    claim_s: PositiveFloat = Field(
        description="after so long without a sign of life the controller in charge is taken for dead"
    )
    controller_urls: tuple[str, ...] = Field(
        description="of every controller; whichever is in charge answers. Empty: those of this installation"
    )
    pce_urls: tuple[str, ...] = Field(
        description="of every PCE, in the order in which they are asked. Empty: those of this installation"
    )
    one_core: bool = Field(
        description="the controller's threads, which take turns anyway, share a processor core (Linux)"
    )

    @model_validator(mode="after")
    def _waits_where_it_can(self) -> Online:
        if self.standby and not self.database_url.startswith("postgres"):
            raise ValueError("online.standby needs a Postgres database: set online.database_url")
        return self

    @field_validator("database_url")
    @classmethod
    def _of_a_known_kind(cls, url: str) -> str:
        if url:
            from configs.database import parse_database_url  # SQLAlchemy loads only where it is needed

            parse_database_url(url)
        return url


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
    plant: PlantSection
    traffic: Traffic
    reward: Annotated[RewardWeights, PlainSerializer(RewardWeights._asdict)] = RewardWeights()
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSection
    gate: Gate
    drift: Drift
    retention: Retention
    services: ServicesSection
    online: Online
    ray: RaySpec = RaySpec()
    mlflow: Mlflow
    prefect: Prefect

    @property
    def controller_urls(self) -> tuple[str, ...]:
        """Base address of every controller; whichever is in charge answers."""
        return self.online.controller_urls or self._urls("controller")

    @property
    def pce_urls(self) -> tuple[str, ...]:
        """Base address of every PCE, in the order in which they are asked."""
        return self.online.pce_urls or self._urls("pce")

    def _urls(self, service: str) -> tuple[str, ...]:
        names = (service, f"{service}_b") if self.online.standby else (service,)
        return tuple(self.services.url(name) for name in names)

    def train_spec(self) -> TrainSpec:
        """The training, with what other sections say of it."""
        return TrainSpec(
            **vars(self.training),
            warmup_requests=self.evaluation.warmup_requests,
            reward=self.reward,
            baselines=self.evaluation.baselines,
            ray=self.ray,
        )
