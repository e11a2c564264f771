"""How much a test tries: less in ``make test-nojit``, where nothing is compiled."""

from __future__ import annotations

from envs.compiled import COMPILED


def examples(compiled: int) -> int:
    """How many examples Hypothesis draws."""
    return compiled if COMPILED else max(compiled // 3, 3)
