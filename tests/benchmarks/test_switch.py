"""A whole installation, a real switch under load: nothing fails, and both stretches are told."""

from __future__ import annotations

import pytest

from benchmarks.switch import SwitchEffort, figures


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_switch_under_a_tiny_load_fails_no_request() -> None:
    told: list[str] = []
    # A machine that other work shares is no fault of the switch.
    patient = ("online.decision_deadline_ms=2000",)

    found = figures(SwitchEffort((2.0,), 5.0, 1, "five-node", patient), told.append)

    (row,) = found["rates"]
    for part in ("without", "during"):
        assert row[part]["failed"] == 0
        assert row[part]["setups"] > 0
        assert 0 < row[part]["p50_ms"] <= row[part]["p99_ms"] <= row[part]["longest_ms"]
    assert len(row["switch_s"]) == 1
    assert row["switch_s"][0] > 0
    assert any("switch 1 of 1" in text for text in told)
