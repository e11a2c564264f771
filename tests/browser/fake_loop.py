"""The console with fakes behind its loop page, as a program that runs in a folder of its own.

The loop's document is what ``document.json`` of the folder holds; what Prefect is asked to run is written
into ``orders.jsonl``, a line each. Login, roles, routes and page are the real ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from configs.home import Home
from configs.load import load_config
from controlplane.auth import People
from controlplane.console.loop.actions import PrefectClient
from controlplane.console.loop.feed import LoopFeed
from controlplane.console.main import build_app, make_feed, page_settings
from controlplane.console.routes import TABLE

# Stands for the command line: tells the document as often as it changes, or a chain.
TELL = """
import json, sys, time
from pathlib import Path
if "lineage" in sys.argv:
    facts = {"time": "2026-01-31T12:00:00Z", "policy": "ppo"}
    print(json.dumps({"what": "decision", "name": sys.argv[-1], "facts": facts, "comes_from": []}))
    sys.exit()
while True:
    print(json.dumps(json.loads(Path("document.json").read_text())), flush=True)
    time.sleep(0.2)
"""


class NotedRuns(PrefectClient):
    """Prefect, of which is noted what it is asked."""

    async def run(self, deployment: str, parameters: dict[str, Any]) -> str:
        """As ``PrefectClient.run``."""
        with Path("orders.jsonl").open("a") as file:
            file.write(json.dumps([deployment, parameters]) + "\n")
        return "flow-run-of-the-test"


def main() -> None:
    """Serve until told to stop."""
    config, home = load_config(), Home.from_environment()
    credentials = home.credentials()
    app = build_app(
        make_feed(config, credentials),
        page_settings(config),
        credentials,
        People.of(home, TABLE.process),
        NotedRuns("http://prefect.test", credentials),
        loop_feed=LoopFeed((sys.executable, "-c", TELL)),
    )
    uvicorn.run(app, port=config.services.console_port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
