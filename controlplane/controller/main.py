"""The controller's process: adapters are chosen here and nowhere else."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import uvicorn

from configs.home import Home
from configs.load import load_config
from controlplane.auth import People
from controlplane.controller.app import build_app
from controlplane.controller.clients import ClientSettings
from controlplane.controller.compaction import Compaction
from controlplane.controller.database import StoreError, sqlite_url
from controlplane.controller.maintenance import Maintenance
from controlplane.controller.network import plant_view
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.routes import TABLE
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store
from controlplane.controller.stream import NotificationStream
from controlplane.elements.http import HttpSouthbound
from controlplane.guard import Guard
from controlplane.http_server import server_config
from controlplane.trusted import TrustedClients


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("httpx", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # uvicorn hands the signal on once the requests in flight have ended.
    signal.signal(signal.SIGTERM, _leave)
    config = load_config()
    home = Home.from_environment().create()
    credentials = home.credentials()
    plant = plant_view(config)
    try:
        store = Store(
            config.online.database_url or sqlite_url(str(home.state / "controller.db")), plant.identity
        )
    except StoreError as error:
        sys.exit(f"controller: {error}")
    state = NetworkState(plant, store)
    pce = HttpPathComputation(config.services.url("pce"), credentials, plant.naming)
    southbound = HttpSouthbound(config.services.url("elements"), credentials)
    manager = ServiceManager(state, pce, southbound)
    stream = NotificationStream(state)
    keep_days = config.retention.changes_days
    compaction = None if keep_days is None else Compaction(store.log, keep_days)
    maintenance = Maintenance(manager, compaction=compaction)
    clients = ClientSettings(
        config.online.default_capacity_gbps, TrustedClients(config.online.trusted_clients)
    )
    people = People.of(home, TABLE.process)
    app = build_app(state, manager, pce, credentials, stream, maintenance, clients, people)
    settings = server_config(
        Guard(app, config.services.names_of("controller")),
        config.services.listens_on("controller"),
        config.services.controller_port,
        timeout_graceful_shutdown=10,
    )
    try:
        _Server(settings, stream).run()
    finally:
        manager.close()
        southbound.close()
        pce.close()
        store.close()


class _Server(uvicorn.Server):
    """A server that does not wait for the readers of endless streams when it is told to leave."""

    def __init__(self, config: uvicorn.Config, stream: NotificationStream) -> None:
        super().__init__(config)
        self._stream = stream

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams, then leave as ever."""
        self._stream.close()
        super().handle_exit(sig, frame)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
