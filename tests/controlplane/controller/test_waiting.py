"""The controller tells the path computation element how many more changes wait for their turn."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx


def test_each_question_says_how_many_wait_behind_it(lab: Any) -> None:
    told: list[str] = []
    asked, go_on = threading.Event(), threading.Event()
    answer = lab.pce_client._http._transport.handler

    def watched(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["X-Waiting"])
        asked.set()
        assert go_on.wait(60)
        return answer(request)

    lab.pce_client._http._transport = httpx.MockTransport(watched)
    threads = [
        threading.Thread(target=lab.manager.create, args=[lab.request("A", end, 25)])
        for end in ("B", "C", "D")
    ]
    threads[0].start()
    assert asked.wait(60)
    for thread in threads[1:]:
        thread.start()
    while lab.manager._waiting.count < 2:
        time.sleep(0.01)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert told == ["0", "1", "0"]
    assert lab.manager._waiting.count == 0
    assert len(lab.state.services()) == 3
