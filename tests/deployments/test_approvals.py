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
from deployments.approvals import refuse_overdue
from tasks.challenger import remember_asked


@pytest.fixture
def prefect() -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    """Three suspended runs; remembers what is posted about them."""
    posted: list[tuple[str, Any]] = []
    paused = [{"id": name, "name": f"train {name}"} for name in ("overdue", "in-time", "foreign")]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append((self.path, body))
            content = json.dumps(paused if self.path.endswith("/filter") else {}).encode()
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
