"""The refusal of this package: it names the value, where it stands and the remedy."""

from __future__ import annotations


class GsnrError(ValueError):
    """A line, a band or a network whose GSNR cannot be computed as asked."""
