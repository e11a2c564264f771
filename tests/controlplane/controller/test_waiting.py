"""The controller tells the path computation element how many more set-ups wait for their turn."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controlplane.controller import restoration


def test_each_question_after_a_cut_says_how_many_wait_behind_it(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoration, "AT_ONCE", 1)
    lab.stop()
    lab.start()
    lab.manager.maintain()
    told: list[str] = []
    answer = lab.pce_answers

    def watched(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["X-Waiting"])
        return answer(request)

    lab.pce_answers = watched
    for _ in range(3):
        lab.manager.create(lab.request("A", "C", 25))
    assert told == ["0", "0", "0"]
    assert len(lab.manager.fail_link(("A", "C")).restored) == 3
    assert told[3:] == ["2", "1", "0"]
    assert lab.manager.num_waiting == 0
