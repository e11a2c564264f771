"""``lightloop bench bounds``: lines at a load, and what is carried at 0.1 %."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from lightloop.main import app

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
