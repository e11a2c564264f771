"""What became of services without a lightpath. Not here: restoring them (``services.py``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Restoration:
    """What became of the services without a lightpath: restored, or still without and why."""

    restored: tuple[str, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    took_s: float = 0.0

    def __str__(self) -> str:
        total = len(self.restored) + len(self.lost)
        return f"{len(self.restored)} of {total} services restored in {self.took_s:.2f} s"
