"""What ``lightloop request`` asks for beside ends and rate, on a controller in the same process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.controlplane.controller.conftest import Lab, database, http, lab
from tests.lightloop.on_lab import on_lab

__all__ = ["database", "http", "lab"]  # fixtures


@pytest.fixture
def run(lab: Lab, http: TestClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    return on_lab("request", lab, http, monkeypatch)


def test_what_is_wished_for_is_what_the_controller_keeps(lab: Lab, run: Any) -> None:
    ends = ("--from", "A", "--to", "C", "--gbps", "50")

    pair = json.loads(run(*ends, "--protection", "one-plus-one-node", "--json").stdout)
    first = lab.state.service(pair["uuid"])
    assert first is not None
    assert (first.request.disjoint, first.request.reverts) == ("node", False)
    assert [pair["path"], pair["protection"]["path"]] == [
        list(leg.path.nodes) for leg in lab.state.legs(first) if leg.path
    ]
    assert "protection  A - B - C" in run(*ends, "--protection", "one-plus-one").stdout

    wishes = ("--lowest-rate-gbps", "20", "--revert", "--wait-to-revert-min", "5", "--class", "gold")
    made = json.loads(run(*ends, *wishes, "--end", "2031-05-01T20:00:00Z", "--json").stdout)
    kept = lab.state.service(made["uuid"])
    assert kept is not None
    asked = kept.request
    assert (asked.lowest_gbps, asked.reverts, asked.service_class) == (20.0, True, "gold")
    assert (asked.ends_s, asked.wait_to_revert_s) == (1935432000.0, 300.0)


def test_one_that_is_to_come_is_kept_and_told_as_planned(lab: Lab, run: Any) -> None:
    ends = ("--from", "A", "--to", "C")
    start = ("--start", "2031-05-01T18:00:00Z")
    text = run(*ends, *start).stdout
    assert "to be set up at 2031-05-01T18:00:00Z" in text
    (kept,) = lab.state.services()
    assert (kept.path, kept.request.starts_s) == (None, 1935424800.0)
    assert kept.uuid in text
    for words, remedy in (
        ((*ends, "--start", "tomorrow"), "--start: 'tomorrow' is no date and time with a zone"),
        (("--count", "3", *start), "give --from and --to in the place of --count"),
        ((*ends, "--wait-to-revert-min", "5"), "give --revert too"),
        ((*ends, *start, "--end", "2031-05-01T17:00:00Z"), "is not after start-time"),
        ((*ends, "--lowest-rate-gbps", "200"), "below the 100 asked for"),
    ):
        answer = run(*words)
        assert answer.exit_code != 0
        assert remedy in str(answer.exception)
    assert len(lab.state.services()) == 1
