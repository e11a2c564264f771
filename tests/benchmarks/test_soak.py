"""Set-ups and deletions by the thousand cost no more at the end than at first, and leave nothing behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.soak import Mark, draw, soak
from configs.load import load_config
from controlplane.controller.database import sqlite_url
from controlplane.controller.network import plant_view
from controlplane.controller.store import Store
from controlplane.tapi.errors import TapiError
from lightloop.main import app
from lightloop.output import Interrupted

MOST_GROWTH_MB = 12.0  # of the process from the second tenth to the last; a million would show 80 times that
MOST_RATIO = 1.3  # of the processor time of a set-up, the last tenths to the first ones


def test_a_few_set_ups_give_marks_and_a_picture(tmp_path: Path) -> None:
    plant = plant_view(load_config("five-node"))
    marks = list(soak(tmp_path, plant, 60, marks=3, standing=5, keep_s=1e-3))
    assert [(mark.set_ups, mark.refused) for mark in marks] == [(20, 0), (40, 0), (60, 0)]
    assert [mark.changes for mark in marks] == [1, 1, 1]  # the newest stays, whatever its age
    store = Store(sqlite_url(str(tmp_path / "controller.db")), plant.identity)
    assert (len(store.services()), store.version()) == (5, 60 + 55)
    store.close()
    draw(marks, tmp_path / "curve.svg")
    assert "set-ups (thousands)" in (tmp_path / "curve.svg").read_text()


@pytest.mark.parametrize(
    ("end", "exception"),
    [
        (Interrupted(signal.SIGINT), None),
        (TapiError(503, "operation-failed", "no element answers"), "no element answers"),
    ],
)
def test_what_was_measured_by_then_is_told_when_it_is_ended(
    end: BaseException, exception: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> Iterator[Mark]:
        yield Mark(20, 4.0, 0, 100.0, 1.0, 3)
        raise end

    monkeypatch.setattr("benchmarks.soak.soak", ended)
    told = CliRunner().invoke(app, ["bench", "soak", "--scenario", "five-node", "--json"])
    assert (told.exit_code == 0) == (exception is None)
    assert exception is None or exception in str(told.exception)
    document = json.loads(told.stdout)
    assert (document["set_ups"], [mark["cpu_ms"] for mark in document["marks"]]) == (20, [4.0])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_thousand_set_ups_leave_memory_disk_and_cost_flat(tmp_path: Path) -> None:
    marks = list(soak(tmp_path, plant_view(load_config("latency-rsa")), 20_000, marks=10, keep_s=5.0))
    assert sum(mark.refused for mark in marks) == 0
    assert marks[-1].memory_mb - marks[1].memory_mb < MOST_GROWTH_MB
    first = min(mark.cpu_ms for mark in marks[:2])
    last = min(mark.cpu_ms for mark in marks[-2:])
    assert last / first < MOST_RATIO
    # The database holds what is young; most of what was ever written is gone.
    assert marks[-1].changes < 20_000
    assert marks[-1].database_mb < 20.0
