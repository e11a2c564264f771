"""Who holds a port, asked before anything is started."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Sequence

import psutil

from deployments.services import ServiceProcess


class PortTakenError(ValueError):
    """A port is held by somebody else; says which service wanted it, who holds it and what to change."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise PortTakenError(
                f"nothing can listen on {host}:{port}: {error.strerror}; set services.host or "
                "services.northbound_host to an address of this machine"
            ) from None
    return True


def free_port_settings(services: Sequence[str]) -> list[str]:
    """Overrides of the configuration that put each of these services on a port of its own."""
    ports = zip(services, free_ports(len(services)), strict=True)
    return [f"services.{name}_port={port}" for name, port in ports]


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    with contextlib.ExitStack() as open_sockets:
        probes = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def holder(port: int) -> str:
    """``pid 123 (python -m http.server)`` of the process that listens there, or a plain admission."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f"pid {connection.pid} ({command[:120] or 'unknown program'})"
    except (psutil.Error, PermissionError):
        pass
    return "a process this user may not see"


def check_ports(services: Iterable[ServiceProcess]) -> None:
    """Return when every port is free or none is needed.

    Raises:
        PortTakenError: one line for each port that is taken.
    """
    wanted: dict[int, ServiceProcess] = {}
    problems = []
    for service in services:
        if service.port is None:
            continue
        twin = wanted.setdefault(service.port, service)
        if twin is not service:
            problems.append(
                f"port {service.port} is given to both {twin.name} and {service.name}: change one"
            )
        elif not is_free(service.host, service.port):
            key = service.port_key
            problems.append(
                f"port {service.port}, wanted by {service.name}, is held by {holder(service.port)}: "
                f"stop that or choose another with {key} (lightloop up --set {key}=NUMBER)"
            )
    if problems:
        raise PortTakenError("\n".join(problems))
