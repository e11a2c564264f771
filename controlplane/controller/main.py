"""The controller's process: adapters are chosen here and nowhere else."""

from __future__ import annotations

import logging
import sys

import uvicorn

from configs.home import Home
from configs.load import load_config
from controlplane.controller.app import build_app
from controlplane.controller.maintenance import Maintenance
from controlplane.controller.network import plant_view
from controlplane.controller.pce_client import PceClient
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store, StoreError, sqlite_url
from controlplane.elements.http import HttpSouthbound


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line per request is too much
    config = load_config()
    home = Home.from_environment().create()
    credentials = home.credentials()
    plant = plant_view(config.plant)
    try:
        store = Store(
            config.online.database_url or sqlite_url(str(home.state / "controller.db")), plant.identity
        )
    except StoreError as error:
        sys.exit(f"controller: {error}")
    state = NetworkState(plant, store)
    pce = PceClient(config.services.url("pce"), credentials, plant.naming)
    southbound = HttpSouthbound(config.services.url("elements"), credentials)
    manager = ServiceManager(state, pce, southbound)
    try:
        uvicorn.run(
            build_app(state, manager, pce, credentials, Maintenance(manager)),
            host=config.services.host,
            port=config.services.controller_port,
            log_level="warning",
            timeout_graceful_shutdown=10,
        )
    finally:
        manager.close()
        southbound.close()
        pce.close()
        store.close()


if __name__ == "__main__":
    main()
