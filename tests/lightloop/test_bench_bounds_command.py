"""``lightloop bench bounds``: lines at a load, and what is carried at 0.1 %."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from lightloop.main import app

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "deeprmsa-nsfnet.json"
SMALL = ("bench", "bounds", "--scenario", "five-node", "--snapshots", "200")


def test_lines_stand_in_order_and_the_table_has_them() -> None:
    done = CliRunner().invoke(app, [*SMALL, "--load", "60", "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    (row,) = document["loads"]
    assert document["topology"] == "five-node"
    assert 0 < row["cut_set"]["request_blocking"] < 1
    assert 0 < row["proven"]["request_blocking"] < row["optimistic"]["request_blocking"] < 1
    assert row["proven"]["ci95"][0] < row["proven"]["request_blocking"] < row["proven"]["ci95"][1]


def test_without_a_load_it_says_what_is_carried() -> None:
    shown = CliRunner().invoke(app, list(SMALL), catch_exceptions=False).stdout
    assert "optimistic:" in shown
    assert "proven:" in shown
    assert "Erlang at 0.1 %" in shown


def test_a_stored_row_is_told_with_its_interval_and_not_drawn_again(tmp_path: Path) -> None:
    store = tmp_path / MEASURED.name
    store.write_text(MEASURED.read_text())
    command = ["bench", "bounds", "--setting", MEASURED.stem, "--snapshots", "1000", "--store", str(store)]

    done = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)

    assert "snapshots at" not in done.output
    assert store.read_text() == MEASURED.read_text()
    document = json.loads(done.stdout)
    carried, half = document["carried_at_0.1pct_erlang"], document["carried_half_width_erlang"]
    assert carried["optimistic"] < carried["proven"]
    for line in ("optimistic", "proven"):
        assert 0 < half[line] < 0.1 * carried[line]
    refused = CliRunner().invoke(app, [*command, "--load", "300"])
    assert refused.exit_code != 0
    assert "leave --scenario, --set and --load" in str(refused.exception)
