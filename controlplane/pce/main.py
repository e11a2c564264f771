"""The PCE's process: ``python -m controlplane.pce.main``. Reads the configuration, listens until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

from configs.build import plant_of
from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.auth import People
from controlplane.guard import Guard
from controlplane.http_server import run
from controlplane.pce.app import PceSettings, build_app
from controlplane.pce.routes import TABLE

_DRAIN_S = 5
SECOND_LOG = "b"  # in the folder of the first one's decision log


def settings_of(config: Config, home: Home, second: bool = False) -> PceSettings:
    """What of a configuration concerns the PCE, or the second one: it has a decision log of its own."""
    return PceSettings(
        controller_urls=config.controller_urls,
        decisions=home.decisions / SECOND_LOG if second else home.decisions,
        endpoint_file=home.serving / "endpoint.json",
        controller_certificate=config.services.northbound_certificate,
        decision_deadline_ms=config.online.decision_deadline_ms,
        fallback_policy=config.online.fallback_policy,
        max_waiting=config.online.max_waiting,
        part_rows=config.online.decision_log_part_rows,
        part_s=config.online.decision_log_part_s,
    )


def main() -> None:
    """Run until SIGTERM or SIGINT; requests in flight end, the open part of the decision log is closed."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _leave)
    config, home = load_config(), Home.from_environment()
    second = sys.argv[1:] == ["b"]
    people = People.of(home, TABLE.process)
    app = build_app(plant_of(config), settings_of(config, home, second), home.credentials(), people)
    run(
        Guard(app),
        config.services.host,
        config.services.port("pce_b" if second else "pce"),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )


def _leave(number: int, frame: FrameType | None) -> None:
    # uvicorn takes the signal over while it runs and raises it again when it has shut down.
    sys.exit(0)


if __name__ == "__main__":
    main()
