"""Wilson's interval of a share, and Newcombe's of the difference of two."""

from __future__ import annotations

import math

import pytest

from tasks.share import Share, share_difference


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263, Wilson's score without correction.
    assert Share(81, 263).ci95 == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert all(math.isnan(bound) for bound in Share(0, 0).ci95)


@pytest.mark.parametrize(
    ("share", "other", "low", "high"),
    [
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 20), 0.6791, 1.0000),
        (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    share: Share, other: Share, low: float, high: float
) -> None:
    # Newcombe 1998b, table II, method 10.
    found = share_difference(share, other, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
