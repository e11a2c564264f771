"""The elements' process: every ROADM and transponder node of the configured network."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

from configs.bands import bands_of
from configs.home import Home
from configs.load import load_config
from controlplane import failpoints
from controlplane.auth import People
from controlplane.elements.app import build_app
from controlplane.elements.configuration import element_specs
from controlplane.elements.faulty import FaultyElements
from controlplane.elements.host import ElementHost
from controlplane.elements.routes import TABLE
from controlplane.elements.store import ElementStore
from controlplane.guard import Guard
from controlplane.http_server import run
from topologies.catalogue import load_topology


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # uvicorn hands the signal on once the requests in flight have ended.
    signal.signal(signal.SIGTERM, _leave)
    config = load_config()
    home = Home.from_environment().create()
    specs = element_specs(
        load_topology(config.plant.topology), bands_of(config), config.plant.shared_spectrum
    )
    host = ElementHost(specs, ElementStore(home.state / "elements.db"))
    app = build_app(host, home.credentials(), People.of(home, TABLE.process))
    try:
        run(
            Guard(FaultyElements(app) if failpoints.ARE_ON else app),
            config.services.host,
            config.services.elements_port,
            timeout_graceful_shutdown=5,
        )
    finally:
        host.close()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
