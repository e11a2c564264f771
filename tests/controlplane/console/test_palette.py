"""Colours can be told from their grounds, by WCAG 2.2's own formula (1.4.3: 4.5 to 1 for text, AA)."""

from __future__ import annotations

from itertools import product

import pytest

from controlplane.console.palette import DARK, LIGHT, Palette


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the known grey just below AA


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_colour_has_aa_contrast_on_every_ground(palette: Palette) -> None:
    grounds = ("ground", "surface", "raised", "accent_ground")
    for text, ground in product(("ink", "soft", "faint", "accent", "bad"), grounds):
        ratio = contrast(getattr(palette, text), getattr(palette, ground))
        assert ratio >= 4.5, f"{text} on {ground}: {ratio:.2f}"
