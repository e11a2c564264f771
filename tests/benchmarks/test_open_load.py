"""Times count from when a request was due, every answer is seen, and nothing is left standing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from benchmarks.controlplane_load import CREATED, REFUSED
from benchmarks.open_load import NO_ANSWER, Answer, OpenLoad, joined, part_of, quantile_ms

STATUSES = (CREATED, CREATED, REFUSED, 503)  # of set-ups, one after the other


class Remembering(ThreadingHTTPServer):
    """Answers set-ups with ``STATUSES`` in turn and breaks the connection instead of a third deletion."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.set_up: dict[str, int] = {}
        self.deleted: list[str] = []
        self.turns, self.deletions = count(), count(1)
        self.enough, self.lock = threading.Event(), threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Remembering
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (service,) = body["tapi-connectivity:connectivity-service"]
        with self.server.lock:
            status = STATUSES[next(self.server.turns) % len(STATUSES)]
            self.server.set_up[service["uuid"]] = status
            if len(self.server.set_up) >= 20:
                self.server.enough.set()
        self._answer(status)

    def do_DELETE(self) -> None:
        with self.server.lock:
            self.server.deleted.append(self.path.rpartition("=")[2])
            number = next(self.server.deletions)
        if number == 3:
            self.close_connection = True
            return
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Remembering]:
    made = Remembering()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_all_that_may_stand_is_deleted_and_what_failed_is_told(server: Remembering) -> None:
    sips = {name: f"sip-{name}" for name in "ABC"}
    url = f"http://127.0.0.1:{server.server_address[1]}"
    load = OpenLoad(url, {}, sips, "UNIDIRECTIONAL", rate_per_s=200.0, num_connections=8)
    with load:
        assert server.enough.wait(30)
    answers = load.answers()

    setups = [item for item in answers if not item.is_deletion]
    assert sorted(item.status for item in setups) == sorted(server.set_up.values())
    may_stand = {uuid for uuid, status in server.set_up.items() if status != REFUSED}
    assert set(server.deleted) == may_stand
    assert sum(item.status == NO_ANSWER for item in answers) == 1
    begin_s, end_s = min(item.due_s for item in answers), max(item.answered_s for item in answers)
    part = part_of(answers, begin_s, end_s, 200.0)
    of = list(server.set_up.values())
    assert len(part.setups_ms) == of.count(CREATED)
    assert part.refused == of.count(REFUSED)
    assert part.failed == of.count(503) + 1
    assert len(part.deletions_ms) == len(server.deleted) - 1
    assert min(part.setups_ms) > 0


def test_a_server_that_stands_still_is_seen_by_all_that_were_due_meanwhile() -> None:
    # Ten a second; nothing is answered between 1 s and 2 s, and everything at once then.
    due = [0.1 * number for number in range(30)]
    answers = [Answer(at, max(at + 0.01, 2.0 if at >= 1 else 0.0), CREATED, False) for at in due]

    part = part_of(answers, 0.0, 2.5, 10.0)
    assert len(part.setups_ms) == 25  # what was due later is another part's
    assert part.failed == part.waiting == 0
    assert quantile_ms(part.setups_ms, 1.0) == pytest.approx(1000.0)
    assert sum(ms > 99.0 for ms in part.setups_ms) == 10
    assert part_of(answers, 0.0, 1.85, 10.0).waiting == 9
    assert part_of(answers, 0.0, 1.85, 10.0).kept_up
    assert not part_of(answers, 0.0, 1.85, 4.0).kept_up
    both = joined([part, part_of(answers, 0.0, 1.85, 10.0)])
    assert (both.seconds, len(both.setups_ms), both.waiting) == (4.35, 44, 9)
