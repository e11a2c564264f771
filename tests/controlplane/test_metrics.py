"""What is declared: names as Prometheus wants them, and the page that lists them."""

from __future__ import annotations

import re
from pathlib import Path

from controlplane.metrics import every_metric, table

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def test_the_page_lists_the_metrics_as_they_are_declared() -> None:
    assert table() in PAGE.read_text()


def test_names_follow_the_conventions() -> None:
    declared = every_metric()
    names = [item.name for item in declared]

    assert len(set(names)) == len(names)
    for item in declared:
        assert re.fullmatch("lightloop_(pce|controller|elements|console)_[a-z_]+", item.name)
        assert (item.kind == "counter") == item.name.endswith("_total"), item.name
        assert item.kind != "histogram" or item.name.endswith("_seconds"), item.name
        assert not re.search("_(ms|milliseconds|percent|minutes)(_|$)", item.name), item.name
