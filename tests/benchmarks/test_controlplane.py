"""A short form of the benchmark: real processes, every row and figure there, nothing lost on the way."""

from __future__ import annotations

import pytest

from benchmarks.controlplane import SetupMeasurement, figures, measure

FIGURES = (
    "setup_p50_ms",
    "setup_p99_ms",
    "setups_per_s",
    "setups_per_s_hung_element",
    "pce_without_model_p50_ms",
    "cost_ratio_10000_standing",
    "longest_stall_ms",
)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_short_run_measures_each_row_and_a_cut() -> None:
    told: list[str] = []
    asked = SetupMeasurement(
        "five-node", (1, 4), (0, 30), seconds=0.2, slots=512, cut=10, scenario="five-node"
    )
    found = measure(asked, told.append)
    assert [(row["slots"], row["clients"], row["standing"], bool(row["hung"])) for row in found.rows] == [
        (found.rows[0]["slots"], 1, 0, False),
        (found.rows[0]["slots"], 4, 0, False),
        (found.rows[0]["slots"], 4, 0, True),
        (512, 1, 0, False),
        (512, 4, 0, False),
        (512, 1, 30, False),
        (512, 4, 30, False),
    ]
    for row in found.rows:
        assert row["setups"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert set(row["cpu_ms"]) == {"elements", "controller", "pce", "model-a", "clients"}
        assert row["failed"] == 0 or row["hung"]
    (cut,) = found.cuts
    assert 0 < cut["hit"] <= 30
    assert cut["restored"] == cut["hit"]
    assert [start["wall_s"] > 0 for start in found.pce_start] == [True, True]
    values = figures([found])
    assert tuple(values) == FIGURES
    assert [name for name, value in values.items() if value is None] == ["cost_ratio_10000_standing"]
    assert any("30 services stand" in text or "of 30 services" in text for text in told)
