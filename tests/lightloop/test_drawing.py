"""Tables in the terminal: what they hold fits 80 columns."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from lightloop import drawing

PLAIN = {
    "bit_rate_gbps": 100.0,
    "path": ["CA1", "UT", "IL", "PA"],
    "first_slot": 1000,
    "num_slots": 12,
    "modulation_format": "PM-QPSK",
    "latency_ms": 10.25,
    "decided_by": "fallback",
    "total_ms": 12.0,
}


@pytest.mark.parametrize(
    ("known", "headings"),
    [
        ({}, []),
        ({"gsnr_db": 12.34, "band": "S"}, ["dB", "12.3", "S"]),
        ({"marginal_w": 210.4, "band": "C"}, ["W", "210"]),
        ({"gsnr_db": 12.34, "band": "L", "marginal_w": 210.4}, ["dB", "12.3", "L", "W", "210"]),
    ],
)
def test_lightpaths_show_the_quantities_that_they_tell(known: dict[str, Any], headings: list[str]) -> None:
    refused = {"bit_rate_gbps": 100.0, "source": "A", "destination": "B", "reason": "no path within 1 ms"}
    console = Console(width=80)
    with console.capture() as captured:
        channel = {
            name: value for name, value in PLAIN.items() if name != "bit_rate_gbps"
        }  # GHz were asked for
        console.print(drawing.lightpath_table([PLAIN | known, refused, PLAIN, channel]))
    text = captured.get()
    words = text.split()
    for part in (*headings, "1000-1011", "QPSK", "10.25", "fallback", "12.0", "refused:"):
        assert part in words
    assert "…" not in text
    assert "C" not in words  # the only band
    assert ("dB" in words, "W" in words) == ("gsnr_db" in known, "marginal_w" in known)


@pytest.mark.parametrize("with_energy", [False, True])
def test_an_evaluation_fits_whatever_it_counts(with_energy: bool) -> None:
    row = {
        "policy": "least_marginal_power",
        "role": "challenger",
        "request_blocking": 0.10123,
        "request_blocking_ci95": [0.10023, 0.10223],
        "bit_rate_blocking": 0.14567,
        "utilisation": 0.543,
        "mean_latency_ms": 10.25,
    }
    if with_energy:
        row |= {"mean_power_w": 157_860.0, "energy_per_bit_pj": 13_508.0}
        row |= {"energy_per_bit_pj_ci95": [13_447.0, 13_569.0]}
    console = Console(width=80)
    with console.capture() as captured:
        console.print(drawing.evaluation_table({"trace_ids": ["a", "b"], "policies": [row]}))
    text = captured.get()
    assert "…" not in text
    told = ["least_marginal_power", "challenger", "10.123%", "0.100%", "14.567%"]
    assert set(told + (["157.86", "13,508", "61"] if with_energy else ["54.3%", "10.25"])) <= set(
        text.split()
    )
    assert len([line for line in text.splitlines() if "challenger" in line]) == 1
