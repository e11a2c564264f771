"""A short form of the comparison: neighbouring rows, the controller anew for each, each as configured."""

from __future__ import annotations

import pytest

from benchmarks.one_core import OneCoreFound, compare


def test_neighbouring_rows_are_compared() -> None:
    kept, free = (
        [{"per_s": value} for value in values] for values in ([30.0, 12.0, 44.0], [20.0, 10.0, 40.0])
    )

    document = OneCoreFound(kept, free).document

    assert document["ratio"] == {"median": pytest.approx(1.2), "min": pytest.approx(1.1), "max": 1.5}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_short_run_has_a_row_of_each_kind() -> None:
    told: list[str] = []

    found = compare("five-node", "five-node", num_clients=4, seconds=0.2, pairs=2, say=told.append)

    assert [row["failed"] for row in (*found.kept, *found.free)] == [0] * 4
    assert all(ratio > 0 for ratio in found.ratios)
    kinds = [text.split(": ")[1] for text in told if text.startswith("pair")]
    assert kinds == ["on one core", "left to the system", "left to the system", "on one core"]
