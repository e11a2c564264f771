"""The controller's process: adapters are chosen here and nowhere else."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.auth import People
from controlplane.controller.app import build_app
from controlplane.controller.claim import ClaimHolder
from controlplane.controller.clients import ClientSettings
from controlplane.controller.compaction import Compaction
from controlplane.controller.database import StoreError, sqlite_url
from controlplane.controller.maintenance import Maintenance
from controlplane.controller.network import plant_view
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.routes import TABLE
from controlplane.controller.services import ServiceManager
from controlplane.controller.standby import Alive, InCharge, Standby, begin_anew
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store
from controlplane.controller.stream import NotificationStream
from controlplane.elements.http import HttpSouthbound
from controlplane.failpoints import now_s
from controlplane.guard import Guard
from controlplane.http_server import Server, server_config
from controlplane.one_core import OneCore
from controlplane.trusted import TrustedClients


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("httpx", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # uvicorn hands the signal on once the requests in flight have ended.
    signal.signal(signal.SIGTERM, _leave)
    config = load_config()
    name = "controller_b" if sys.argv[1:] == ["b"] else "controller"
    home = Home.from_environment().create()
    credentials, people = home.credentials(), People.of(home, TABLE.process)
    if config.online.one_core:
        OneCore().start()

    def take(while_held: Callable[[ClaimHolder | None], None] | None = None) -> InCharge:
        return _in_charge(config, name, home, people, while_held)

    try:
        served = Standby(take, credentials, people.users) if config.online.standby else take()
    except StoreError as error:
        sys.exit(f"controller: {error}")
    settings = server_config(
        Guard(served.app if isinstance(served, InCharge) else served, config.services.names_of(name)),
        config.services.listens_on(name),
        config.services.port(name),
        config.services.northbound_tls,
        timeout_graceful_shutdown=10,
    )
    try:
        _Server(settings, served.close_streams).run()
    finally:
        if isinstance(served, InCharge):
            served.close()
    if isinstance(served, Standby) and served.failure:
        sys.exit(f"controller: {served.failure}")


def _in_charge(
    config: Config,
    name: str,
    home: Home,
    people: People,
    while_held: Callable[[ClaimHolder | None], None] | None,
) -> InCharge:
    """A controller on the configured database.

    Raises:
        StoreError: it cannot be used, or another controller holds it and is not to be waited for.
    """
    plant, credentials = plant_view(config), home.credentials()
    url = config.online.database_url or sqlite_url(str(home.state / "controller.db"))
    address = config.services.told_url(name)
    store = Store(url, plant.identity, address, config.online.claim_s, while_held)
    alive = Alive(store.claim, begin_anew if config.online.standby else lambda: None)
    alive.start()
    state = NetworkState(plant, store)
    pce = HttpPathComputation(config.pce_urls, credentials, plant.naming, recent=store.recent)
    southbound = HttpSouthbound(config.services.url("elements"), credentials, lambda: store.claim.epoch)
    manager = ServiceManager(state, pce, southbound, now_s, config.online.restored_first)
    stream = NotificationStream(state)
    keep_days = config.retention.changes_days
    compaction = None if keep_days is None else Compaction(store.log, keep_days)
    maintenance = Maintenance(
        manager, everything_every_s=config.online.audit_interval_s, compaction=compaction
    )
    clients = ClientSettings(
        config.online.default_capacity_gbps,
        config.online.capacity_in_constraint,
        TrustedClients(config.online.trusted_clients),
    )

    def close() -> None:
        manager.close()
        southbound.close()
        pce.close()
        alive.stop()
        store.close()

    app = build_app(state, manager, pce, credentials, stream, maintenance, clients, people)
    return InCharge(app, store.claim, stream.close, close)


class _Server(Server):
    """A server that does not wait for the readers of endless streams when it is told to leave."""

    def __init__(self, config: uvicorn.Config, close_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._close_streams = close_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams, then leave as ever."""
        self._close_streams()
        super().handle_exit(sig, frame)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
