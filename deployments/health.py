"""Whether a service is well: the process manager's view and the service's own answer, in one record."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import httpx

from configs.tls import TlsError, client_context
from deployments.services import ServiceProcess
from tasks.processes import ProcessManager, ProcessState

Health = Literal["healthy", "starting", "stopped", "failed", "empty"]


@dataclass(frozen=True)
class ServiceStatus:
    """One service now.

    Attributes:
        health: ``empty`` is a model slot that holds no model, which is as it should be.
        detail: for people: pid and uptime, or what is wrong.
    """

    service: ServiceProcess
    health: Health
    pid: int
    detail: str

    @property
    def is_settled(self) -> bool:
        """Nothing to wait for: healthy, or failed for good."""
        return self.health in ("healthy", "failed")


def answers(url: str, certificate: str = "", timeout_s: float = 2.0) -> bool:
    """Whether a GET is answered with a 2xx; by whoever shows the certificate, where there is one."""
    try:
        trusted = client_context(certificate)
        return httpx.get(url, timeout=timeout_s, trust_env=False, verify=trusted).is_success
    except (httpx.HTTPError, TlsError):
        return False


def service_statuses(
    services: Iterable[ServiceProcess], manager: ProcessManager
) -> tuple[ServiceStatus, ...]:
    """The status of each service, asked of all at once."""
    states = manager.states() if manager.is_running() else {}
    with ThreadPoolExecutor(8) as pool:
        return tuple(pool.map(lambda service: _status(service, states.get(service.name)), services))


def _status(service: ServiceProcess, state: ProcessState | None) -> ServiceStatus:
    if state is None or state.state in ("STOPPED", "STOPPING", "EXITED"):
        return ServiceStatus(
            service, "empty" if service.is_slot else "stopped", 0, state.state.lower() if state else ""
        )
    if state.has_failed:
        return ServiceStatus(service, "failed", 0, state.detail)
    if not state.is_up:
        return ServiceStatus(service, "starting", state.pid, state.detail)
    if service.health_url is not None and not answers(service.health_url, service.certificate):
        return ServiceStatus(service, "starting", state.pid, "running, does not answer yet")
    return ServiceStatus(service, "healthy", state.pid, f"pid {state.pid}, {_duration(state.uptime_s)}")


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
