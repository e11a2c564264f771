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
        console.print(drawing.lightpath_table([PLAIN | known, refused, PLAIN]))
    text = captured.get()
    words = text.split()
    for part in (*headings, "1000-1011", "QPSK", "10.25", "fallback", "12.0", "refused:"):
        assert part in words
    assert "…" not in text
    assert "C" not in words  # the only band
    assert ("dB" in words, "W" in words) == ("gsnr_db" in known, "marginal_w" in known)
