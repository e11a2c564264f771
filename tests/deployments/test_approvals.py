"""Nobody answers: the upkeep process says no."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from configs.home import Home
from configs.load import load_config
from deployments.approvals import close_abandoned, refuse_overdue
from tasks.challenger import PackagedModel, remember_asked, remember_challenger


@pytest.fixture
def prefect() -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    """Three suspended runs; remembers what is posted about them."""
    posted: list[tuple[str, Any]] = []
    paused = [{"id": name, "name": f"train {name}"} for name in ("overdue", "in-time", "foreign")]
    states = {"overdue": "PAUSED", "promoted": "COMPLETED", "cancelled": "CANCELLED"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append((self.path, body))
            wanted = body.get("flow_runs", {}).get("id", {}).get("any_")
            found = [{"state_type": states[item]} for item in wanted if item in states] if wanted else paused
            content = json.dumps(found if self.path.endswith("/filter") else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], posted
    server.shutdown()


def test_only_what_waited_too_long_is_refused(
    prefect: tuple[int, list[tuple[str, Any]]], tmp_path: Path
) -> None:
    port, posted = prefect
    config, home = load_config("five-node", [f"services.prefect_port={port}"]), Home(tmp_path).create()
    remember_asked(home.training / "overdue", "ppo passes", "1", -1.0)
    remember_asked(home.training / "in-time", "ppo passes", "1", 3600.0)

    said = refuse_overdue(config, home)

    assert said == "no approval in time, refused: train overdue"
    answers = [(path, body) for path, body in posted if path.endswith("/resume")]
    assert answers == [
        (
            "/api/flow_runs/overdue/resume",
            {"run_input": {"approve": False, "comment": "nobody answered within -1 s"}},
        )
    ]


def test_what_was_cancelled_while_it_waited_is_closed_in_mlflow(
    prefect: tuple[int, list[tuple[str, Any]]], tmp_path: Path
) -> None:
    port, posted = prefect
    both = [f"services.prefect_port={port}", f"services.mlflow_port={port}"]
    config, home = load_config("five-node", both), Home(tmp_path).create()
    for name in ("overdue", "promoted", "cancelled"):
        folder = home.training / name
        remember_asked(folder, "ppo passes", "1", 3600.0)
        remember_challenger(folder, PackagedModel(f"run-{name}", "ppo", folder, "models:/m-1", folder))

    said = close_abandoned(config, home)

    assert said == "ended while they waited for approval: cancelled"
    updated = [body for path, body in posted if path == "/api/2.0/mlflow/runs/update"]
    assert [(body["run_id"], body["status"]) for body in updated] == [("run-cancelled", "KILLED")]
    assert {file.parent.name for file in home.training.glob("*/asked.json")} == {"overdue"}
