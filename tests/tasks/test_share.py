"""Wilson's interval of a share."""

from __future__ import annotations

import math

import pytest

from tasks.share import Share


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263, Wilson's score without correction.
    assert Share(81, 263).ci95 == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert all(math.isnan(bound) for bound in Share(0, 0).ci95)
