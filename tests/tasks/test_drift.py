"""The decision log as the training side reads it, and drift against a reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.decisions import read_decision_log
from tasks.drift import detect_drift
from tasks.limits import DriftLimits

LIMITS = DriftLimits(window_decisions=400, min_decisions=50, psi_threshold=0.1, drift_share=0.4)


def decisions(count: int, shift: float, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "chosen": 0.0,
            "c_load": draw.normal(shift, 1.0, count),
            "f_hops": draw.integers(1, 4, count) / 8 + (0.5 if shift else 0.0),
            "f_constant": 1.0,
        }
    )


def write_open_part(folder: Path, number: int, frame: pd.DataFrame, tail: str = "") -> None:
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    (folder / f"part-{number:08d}-20260101T000000Z.jsonl").write_text("\n".join(lines) + "\n" + tail)


def write_closed_part(folder: Path, number: int, frame: pd.DataFrame) -> None:
    frame.to_parquet(folder / f"part-{number:08d}-20260101T000000Z.parquet")


def test_closed_and_open_parts_are_read_in_order_and_no_row_twice(tmp_path: Path) -> None:
    rows = pd.DataFrame({"n": range(10)})
    write_closed_part(tmp_path, 1, rows[:4])
    write_closed_part(tmp_path, 2, rows[4:7])
    write_open_part(tmp_path, 2, rows[4:7])  # closed a moment ago, about to be removed
    write_open_part(tmp_path, 3, rows[7:], tail='{"n": 1')  # a line being written

    assert read_decision_log(tmp_path, 100)["n"].tolist() == list(range(10))
    assert read_decision_log(tmp_path, 4)["n"].tolist() == [6, 7, 8, 9]


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert read_decision_log(tmp_path, 10).empty


@pytest.mark.parametrize(("shift", "has_drifted"), [(0.0, False), (1.5, True)])
def test_shifted_traffic_drifts_and_the_same_traffic_does_not(
    tmp_path: Path, shift: float, has_drifted: bool
) -> None:
    decisions(3000, 0.0, 1).drop(columns="chosen").to_parquet(tmp_path / "reference.parquet")
    log = tmp_path / "decisions"
    log.mkdir()
    write_closed_part(log, 1, decisions(2000, 3.0, 2))  # before the window
    write_closed_part(log, 2, decisions(400, shift, 3))

    report = detect_drift(log, tmp_path / "reference.parquet", LIMITS)

    assert report.has_drifted is has_drifted
    assert report.num_decisions == 400
    assert set(report.scores) == {"c_load", "f_hops"}
    assert set(report.drifted_columns) == ({"c_load", "f_hops"} if has_drifted else set())
    assert ("<html" in report.html) is has_drifted
    assert report.document


def test_psi_of_two_halves_is_what_its_formula_says(tmp_path: Path) -> None:
    # A column of two values; PSI = sum over bins of (p - q) ln(p / q).
    reference = pd.DataFrame({"f_x": np.repeat([0.0, 1.0], [500, 500])})
    window = pd.DataFrame({"chosen": 0.0, "f_x": np.repeat([0.0, 1.0], [300, 100])})
    reference.to_parquet(tmp_path / "reference.parquet")
    write_closed_part(tmp_path, 1, window)

    report = detect_drift(tmp_path, tmp_path / "reference.parquet", LIMITS)

    expected = (0.75 - 0.5) * np.log(0.75 / 0.5) + (0.25 - 0.5) * np.log(0.25 / 0.5)
    assert report.scores["f_x"] == pytest.approx(expected, rel=0.02)


def test_too_few_decisions_are_not_compared(tmp_path: Path) -> None:
    decisions(100, 0.0, 1).to_parquet(tmp_path / "reference.parquet")
    write_open_part(tmp_path, 1, decisions(49, 9.0, 2))

    report = detect_drift(tmp_path, tmp_path / "reference.parquet", LIMITS)

    assert not report.has_drifted
    assert "49 decisions" in report.summary
