"""supervisord of one home: its configuration file, starting it, stopping all of it.

Not here: what is to run (``services.py``), in what order and when it is healthy (``stack.py``).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import psutil

from configs.home import HOME_VARIABLE, Home
from deployments.environment import PROJECT_ROOT
from deployments.services import ServiceProcess
from tasks.processes import ProcessError, ProcessManager, socket_path

MANAGED_VARIABLE = "LIGHTLOOP_MANAGED"  # marks every process that descends from our supervisord
MANAGER_PREFIX = "LIGHTLOOP_MANAGER_"  # of what supervisord's configuration takes from the environment
SHUTDOWN_TIMEOUT_S = 60.0


def render_configuration(services: Sequence[ServiceProcess], home: Home) -> str:
    """supervisord.conf for these services. Holds no secret: processes inherit supervisord's environment.

    What holds a path comes by environment (``manager_environment``): in the file a blank and ``#`` or ``;``
    begin a comment, and a home may be called so.
    """
    lines = [
        "; written by `lightloop up`; changes are lost",
        "[unix_http_server]",
        f"file={_from_environment('SOCKET')}",
        "chmod=0700",
        "[supervisord]",
        f"logfile={_from_environment('LOG')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_from_environment('PIDFILE')}",
        f"directory={_from_environment('PROJECT')}",
        "nodaemon=false",
        "umask=077",
        "silent=true",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in services:
        key = _key(service)
        lines += [
            f"[program:{service.name}]",
            f"command={_from_environment(f'COMMAND_{key}')}",
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "startretries=3",
            f"stopwaitsecs={service.stop_wait_s}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_from_environment(f'LOG_{key}')}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
    return "\n".join(lines) + "\n"


def manager_environment(services: Sequence[ServiceProcess], home: Home) -> dict[str, str]:
    """The variables that ``render_configuration`` names."""
    values = {
        "SOCKET": str(socket_path(home.run)),
        "LOG": str(home.logs / "supervisord.log"),
        "PIDFILE": str(home.run / "supervisord.pid"),
        "PROJECT": str(PROJECT_ROOT),
    }
    for service in services:
        values[f"COMMAND_{_key(service)}"] = shlex.join(service.command)
        # Of all values this one is expanded twice.
        values[f"LOG_{_key(service)}"] = str(home.logs / f"{service.name}.log").replace("%", "%%")
    return {MANAGER_PREFIX + name: value for name, value in values.items()}


def start_manager(
    services: Sequence[ServiceProcess], home: Home, environment: Mapping[str, str]
) -> ProcessManager:
    """A running supervisord with these programs, none of them started yet.

    Raises:
        ProcessError: supervisord did not come up; ends with what it printed.
    """
    file = home.run / "supervisord.conf"
    file.write_text(render_configuration(services, home))
    manager = ProcessManager(home.run)
    manager.socket.unlink(missing_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)]
    marked = {**environment, **manager_environment(services, home), MANAGED_VARIABLE: "1"}
    started = subprocess.run(
        command, env=marked, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )
    deadline = time.monotonic() + 15
    while started.returncode == 0 and time.monotonic() < deadline:
        if manager.is_running():
            return manager
        time.sleep(0.05)
    printed = (started.stderr or started.stdout).strip()
    raise ProcessError(
        f"the process manager did not start: {printed or file}; see {home.logs / 'supervisord.log'}"
    )


def stop_everything(home: Home) -> list[str]:
    """Stop the manager and all it started; returns the names of what was running.

    Processes that left their group (Ray's, a flow's) are found by their environment and ended too.
    """
    manager = ProcessManager(home.run)
    running: list[str] = []
    if manager.is_running():
        running = [name for name, state in manager.states().items() if state.pid]
        manager.shut_down()
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
        while _manager_alive(home, manager) and time.monotonic() < deadline:
            time.sleep(0.1)
    stragglers = managed_processes(home)
    _end(stragglers, force=False)
    _, alive = psutil.wait_procs(stragglers, timeout=5)
    _end(alive, force=True)
    psutil.wait_procs(alive, timeout=5)
    manager.socket.unlink(missing_ok=True)
    return running


def managed_processes(home: Home) -> list[psutil.Process]:
    """Every living process that descends from this home's manager, this process apart."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            ours = environment.get(MANAGED_VARIABLE) == "1" and environment.get(HOME_VARIABLE) == str(
                home.root
            )
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _manager_alive(home: Home, manager: ProcessManager) -> bool:
    try:
        pid = int((home.run / "supervisord.pid").read_text())
    except (OSError, ValueError):
        return manager.is_running()
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end(processes: Sequence[psutil.Process], force: bool) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill() if force else process.terminate()


def _key(service: ServiceProcess) -> str:
    return service.name.upper().replace("-", "_")


def _from_environment(name: str) -> str:
    return f"%(ENV_{MANAGER_PREFIX}{name})s"
