"""The one table of what runs: name, command, port, health, purpose. Not here: how it is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from configs.home import Home
from configs.schema import NORTHBOUND, Config

SLOTS = ("model-a", "model-b")
SECOND = "b"  # as the mains of controller and PCE are told that they are the second


@dataclass(frozen=True)
class ServiceProcess:
    """One managed process.

    Attributes:
        port: where it listens; None where it listens nowhere.
        host: the address it binds.
        port_key: the configuration key that moves it elsewhere.
        certificate: file of the one that it shows; empty: it speaks plain HTTP.
        health_url: answers 200 when it is healthy; None where running is all there is to see.
        wave: started together with those of the same number, after those of a smaller one are healthy.
            Slots have none: the provision task starts them.
    """

    name: str
    purpose: str
    command: tuple[str, ...]
    address: str
    port: int | None = None
    host: str = "127.0.0.1"
    port_key: str = ""
    health_url: str | None = None
    certificate: str = ""
    wave: int | None = 1
    stop_wait_s: int = 15  # longer than the one question that it may be waiting for

    @property
    def is_slot(self) -> bool:
        """Whether this is a place for a model, empty until one is provisioned."""
        return self.name in SLOTS


def service_table(config: Config, home: Home) -> tuple[ServiceProcess, ...]:
    """Every managed process under a configuration, in the order in which they are shown."""
    at = config.services
    python = sys.executable

    def own(name: str, purpose: str, instance: str = "") -> ServiceProcess:
        field = f"{name}_{instance}" if instance else name
        return ServiceProcess(
            name=field.replace("_", "-"),
            purpose=purpose,
            command=(python, "-m", f"controlplane.{name}.main", *([instance] if instance else [])),
            address=at.url(field),
            port=at.port(field),
            host=at.listens_on(field),
            port_key=f"services.{field}_port",
            health_url=at.url(field) + "/health",
            certificate=at.northbound_certificate if field in NORTHBOUND else "",
        )

    def slot(name: str) -> ServiceProcess:
        field = name.replace("-", "_")
        return ServiceProcess(
            name=name,
            purpose="MLflow inference server",
            command=(python, "-m", "deployments.model_slot", name),
            address=at.url(field),
            port=at.port(field),
            host=at.host,
            port_key=f"services.{field}_port",
            health_url=at.url(field) + "/ping",
            wave=None,
        )

    mlflow = (python, "-m", "deployments.mlflow_server")
    prefect = (python, "-m", "deployments.prefect_server")
    worker = [python, "-m", "prefect", "worker", "start", "--pool", config.prefect.work_pool]
    worker += ["--type", "process", "--name", "lightloop", "--install-policy", "never"]
    second = (
        own("controller", "the second controller: one is in charge, the other waits", SECOND),
        own("pce", "the second PCE, asked where the first does not answer", SECOND),
    )
    return (
        ServiceProcess(
            name="prefect",
            purpose="orchestration: server and UI",
            command=prefect,
            address=at.url("prefect"),
            port=at.prefect_port,
            host=at.host,
            port_key="services.prefect_port",
            health_url=at.url("prefect") + "/api/health",
        ),
        ServiceProcess(
            name="worker",
            purpose=f"runs the flows of work pool {config.prefect.work_pool!r}",
            command=tuple(worker),
            address=at.url("prefect") + f"/work-pools/work-pool/{config.prefect.work_pool}",
            wave=2,
            stop_wait_s=20,
        ),
        ServiceProcess(
            name="upkeep",
            purpose="settles runs that lost their process, reconciles what is served, applies retention",
            command=(python, "-m", "deployments.upkeep"),
            address=f"{home.logs}/upkeep.log",
            wave=2,
        ),
        ServiceProcess(
            name="mlflow",
            purpose="tracking and registry: server and UI",
            command=mlflow,
            address=at.url("mlflow"),
            port=at.mlflow_port,
            host=at.host,
            port_key="services.mlflow_port",
            health_url=at.url("mlflow") + "/health",
        ),
        slot(SLOTS[0]),
        slot(SLOTS[1]),
        own("elements", "network elements and their southbound"),
        own("controller", "SDN controller, TAPI northbound"),
        own("pce", "path computation with the model and a fallback"),
        *(second if config.online.standby else ()),
        own("console", "web console"),
    )
