"""The running installation as an audit takes it. Not here: what is compared (``controlplane/audit.py``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from configs.home import Credentials, Home
from configs.schema import Config
from controlplane.audit import Installation
from controlplane.client import ControllerClient, PceClient
from controlplane.elements.http import HttpSouthbound


@contextmanager
def installation_of(
    config: Config, credentials: Credentials, nodes: tuple[str, ...]
) -> Iterator[Installation]:
    """Clients of controller, PCE and elements; they are closed at the end."""
    at = config.services
    with (
        ControllerClient.of(config, credentials) as controller,
        PceClient(config.pce_urls, credentials) as pce,
        closing(HttpSouthbound(at.url("elements"), credentials)) as southbound,
    ):
        yield Installation(controller, pce, southbound, nodes, Home.from_environment().decisions)
