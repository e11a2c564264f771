"""Bringing the whole installation up and down: order, waiting, what is said when something fails.

Not here: the table of services (``services.py``), the first champion (``bootstrap.py``), drawing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import psutil
import yaml

from configs.build import parts_of
from configs.home import Home
from configs.load import ConfigError, dump_config, load_config
from configs.schema import Config
from deployments.bootstrap import champion_in_service, compare_beforehand
from deployments.environment import mlflow_login, process_environment
from deployments.flow_runs import cancel_all, settle, skip_overdue
from deployments.health import ServiceStatus, service_statuses
from deployments.manager import managed_processes, start_manager, stop_everything
from deployments.orchestration import OrchestrationError, PrefectApi, deploy_flows
from deployments.plants import switch_plant
from deployments.ports import check_ports
from deployments.served import up_lock
from deployments.services import ServiceProcess, service_table
from tasks.locks import only_one
from tasks.processes import ProcessManager

START_TIMEOUT_S = 600.0  # a first start compiles: minutes on a busy core. What dies is seen at once
MAX_RESTARTS = 3
UP_WAIT_S = START_TIMEOUT_S + 60.0


class StartError(ValueError):
    """A service does not come up; says which, and ends with the last lines of its log."""


class Progress(Protocol):
    """Who is told how far it has got."""

    def step(self, text: str) -> None:
        """Something begins."""

    def statuses(self, statuses: Sequence[ServiceStatus]) -> None:
        """How the services are now; called several times a second while waiting."""


def bring_up(config: Config, home: Home, progress: Progress) -> tuple[ServiceStatus, ...]:
    """Everything running under this configuration, the champion in service. What runs already is reused.

    One at a time: whoever comes second waits for the first, then finds everything there.

    Raises:
        BusyError: another one has not ended in time; names its process.
        PortTakenError: before anything is started.
        StartError, ProcessError, OrchestrationError: what has been started stays up, to be looked at.
    """
    os.umask(0o077)  # what is made from here on is this user's alone
    home.create().tighten()
    with only_one(up_lock(home), "lightloop up", UP_WAIT_S, progress.step, "the installation"):
        return _bring_up(config, home, progress)


def _bring_up(config: Config, home: Home, progress: Progress) -> tuple[ServiceStatus, ...]:
    services = service_table(config, home)
    _check(config, services, home)
    _adopt(config, home, progress)
    manager = ProcessManager(home.run)
    idle = [status.service for status in service_statuses(services, manager) if not status.pid]
    check_ports(idle)
    environment = process_environment(config, home)
    if not manager.is_running():
        progress.step("starting the process manager")
        manager = start_manager(services, home, environment)
    with ThreadPoolExecutor(1) as pool:
        compared = pool.submit(compare_beforehand, config, home)
        _start_wave(1, services, manager, home, progress)
        compared.result()
    api = PrefectApi(config)
    api.create_work_pool(config.prefect.work_pool)
    with ThreadPoolExecutor(1) as pool:
        progress.step("deploying the flows that prefect.yaml declares")
        deployed = pool.submit(deploy_flows, environment)
        champion_in_service(config, home, environment, progress.step)
        deployed.result()
    api.set_interval("drift-monitor/drift-monitor", config.drift.interval_s)
    if not manager.states()["worker"].is_up:  # whatever was under way has no process any more
        for done in (settle(config, home, starting_s=0.0), skip_overdue(config)):
            if done:
                progress.step(done)
        api.pause_work_pool(config.prefect.work_pool, False)
    _start_wave(2, services, manager, home, progress)
    api.wait_for_worker(config.prefect.work_pool)
    statuses = service_statuses(services, manager)
    progress.statuses(statuses)
    return statuses


def bring_down(home: Home) -> list[str]:
    """What runs cancelled, then everything stopped, children too; the names of what was running."""
    manager = ProcessManager(home.run)
    worker = manager.states().get("worker") if manager.is_running() else None
    if worker is not None and worker.is_up:
        # Where that is impossible everything is stopped all the same, and the next start settles the runs.
        with contextlib.suppress(ConfigError, OrchestrationError):
            config = load_config(str(home.config_file))
            os.environ |= mlflow_login(config, home)
            cancel_all(config, home)
    return stop_everything(home)


def current_statuses(config: Config, home: Home) -> tuple[ServiceStatus, ...]:
    """How each service is now."""
    return service_statuses(service_table(config, home), ProcessManager(home.run))


def _check(config: Config, services: Sequence[ServiceProcess], home: Home) -> None:
    """Return where the configuration can be brought up, as far as that shows before anything is changed.

    Ports that this home's own processes hold count as free: what runs under another configuration is stopped.
    """
    parts_of(config)
    if config.services.northbound_tls:
        config.services.northbound_tls.server_context()
    own = {
        connection.laddr.port
        for process in managed_processes(home)
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    check_ports([service for service in services if service.port not in own])


def _adopt(config: Config, home: Home, progress: Progress) -> None:
    """Make ``config`` the home's configuration; what runs under another one is stopped first."""
    text = dump_config(config)
    if home.config_file.exists():
        running = load_config(str(home.config_file))  # read before anything is stopped
        previous = yaml.safe_load(home.config_file.read_text())
        changed = _differences(previous, yaml.safe_load(text))
        if changed and ProcessManager(home.run).is_running():
            progress.step(f"the configuration has changed ({', '.join(changed[:4])}): stopping what runs")
            bring_down(home)
        if any(key.startswith(("plant.", "scenario")) for key in changed) and switch_plant(
            home, running, config
        ):
            progress.step(f"laying aside the state of scenario {previous['scenario']}")
    temporary = home.config_file.with_suffix(".tmp")
    temporary.write_text(text)
    os.replace(temporary, home.config_file)


def _differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [prefix.rstrip(".")]
    keys = [*new, *(key for key in old if key not in new)]
    return [found for key in keys for found in _differences(old.get(key), new.get(key), f"{prefix}{key}.")]


def _start_wave(
    wave: int, services: Sequence[ServiceProcess], manager: ProcessManager, home: Home, progress: Progress
) -> None:
    members = [service for service in services if service.wave == wave]
    states = manager.states()
    for service in members:
        if not states[service.name].is_up:
            manager.start(service.name)
    wait_until_healthy(members, manager, home, lambda: progress.statuses(service_statuses(services, manager)))


def wait_until_healthy(
    services: Sequence[ServiceProcess], manager: ProcessManager, home: Home, on_look: Callable[[], None]
) -> None:
    """Return when every service answers.

    Raises:
        StartError: one failed for good, keeps dying, or is not there in time.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    pids_seen: dict[str, set[int]] = {service.name: set() for service in services}
    while True:
        statuses = service_statuses(services, manager)
        on_look()
        for status in statuses:
            seen = pids_seen[status.service.name]
            seen.update({status.pid} - {0})
            late = time.monotonic() > deadline and status.health != "healthy"
            if status.health == "failed" or late or len(seen) > MAX_RESTARTS:
                raise StartError(_obituary(status, manager, home, late))
        if all(status.health == "healthy" for status in statuses):
            return
        time.sleep(0.3)


def _obituary(status: ServiceStatus, manager: ProcessManager, home: Home, late: bool) -> str:
    name = status.service.name
    what = f"is not healthy after {START_TIMEOUT_S:g} s" if late else "does not stay up"
    tail = "\n".join(manager.log_tail(name).splitlines()[-15:])
    return (
        f"{name} {what} ({status.detail}). The end of {home.logs / name}.log:\n{tail}\n"
        "The rest is left running: lightloop status shows it, lightloop down stops it."
    )
