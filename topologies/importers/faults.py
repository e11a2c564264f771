"""What is wrong with a file, all of it at once, each fault with the option that cures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topologies.errors import TopologyError

MOST_TOLD = 20
UNREADABLE = "not readable as a network"  # the reason where an importer gave up before it knew all faults


@dataclass(frozen=True)
class Fault:
    """One thing that keeps a file from being a network."""

    reason: str  # the kind, as summaries count it
    text: str  # place, value, what is wrong
    cure: str = ""  # what to say to the import; empty: the file has to change


class FileFaultsError(TopologyError):
    """A file with one fault or more."""

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [f"{fault.text}; {fault.cure}" if fault.cure else fault.text for fault in faults]
        if len(lines) == 1:
            super().__init__(f"{path}: {lines[0]}")
            return
        told = "".join(f"\n  - {line}" for line in lines[:MOST_TOLD])
        more = f"\n  and {len(lines) - MOST_TOLD} more" if len(lines) > MOST_TOLD else ""
        super().__init__(f"{path}: {len(lines)} faults:{told}{more}")


def reason_of(error: TopologyError) -> str:
    """The kinds of fault of a refused file, for summaries."""
    if isinstance(error, FileFaultsError):
        return ", ".join(dict.fromkeys(fault.reason for fault in error.faults))
    return UNREADABLE
