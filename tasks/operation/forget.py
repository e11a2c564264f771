"""What the operation record may forget: days that are older than it was told to keep.

Of a forgotten day stays what lives on: services that stand or that something happened to since, and links
that are down. Versions of the network keep their numbers, with holes before ``Record.forgotten_s`` and none
after. Not here: when (``deployments/tidy.py``), files (``store.py``).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from envs.replay_window import LINK_KINDS
from tasks.locks import only_one
from tasks.operation.lives import spans_of
from tasks.operation.record import Ask, ToldChange
from tasks.operation.store import (
    LOCK_FILE,
    LOCK_WAIT_S,
    REFUSED_FILE,
    read_about,
    read_table,
    write_about,
    write_tables,
)


def forget(folder: Path, before_s: float) -> None:
    """Forget what came before a moment. Safe to be killed: the next time does the rest.

    Args:
        folder: of the record.
        before_s: since 1970 UTC.

    Raises:
        OperationError: the record cannot be read.
        BusyError: another process has been at it for two minutes.
    """
    with only_one(folder / LOCK_FILE, "forget old days of the operation record", LOCK_WAIT_S):
        about = read_about(folder)
        asks, changes = living_on(*_read(folder), before_s)
        forgotten_s = max(before_s, float(about.get("forgotten_s", 0.0)))
        # First, so that no window is made of days of which only a part is there.
        write_about(folder, about | {"forgotten_s": forgotten_s, "asks": len(asks)})
        write_tables(folder, asks, changes)
        file = folder / REFUSED_FILE
        if file.exists():
            kept = [line for line in file.read_text().splitlines() if not _is_before(line, before_s)]
            file.write_text("".join(f"{line}\n" for line in kept))


def forgettable_bytes(folder: Path, before_s: float) -> int:
    """About how much ``forget`` would free; 0 where there is nothing to forget.

    Raises:
        OperationError: the record cannot be read.
    """
    asks, changes = _read(folder)
    left_asks, left_changes = living_on(asks, changes, before_s)
    num_rows, num_left = len(asks) + len(changes), len(left_asks) + len(left_changes)
    if num_rows == num_left:
        return 0
    num_bytes = sum(file.stat().st_size for file in folder.glob("day=*/*.parquet"))
    return max(1, round(num_bytes * (1 - num_left / num_rows)))


def living_on(
    asks: Sequence[Ask], changes: Sequence[ToldChange], before_s: float
) -> tuple[list[Ask], list[ToldChange]]:
    """What a window that begins at a moment or later may need.

    Args:
        asks: in order of time.
        changes: in order of version.
        before_s: since 1970 UTC.
    """
    first = bisect_left(list(accumulate((change.time_s for change in changes), max)), before_s)
    version = changes[first].version if first < len(changes) else 0
    recent = {id(ask) for ask in asks if ask.time_s >= before_s or 0 < version <= ask.state_version}
    services = {ask.service_uuid for ask in asks if id(ask) in recent}
    services |= {change.service_uuid for change in changes[first:]}
    standing = {name for name, spans in spans_of(changes).items() if spans[-1].removed is None}
    services |= standing
    last_of_link = {change.nodes: change for change in changes[:first] if change.kind in LINK_KINDS}
    down = {change.version for change in last_of_link.values() if change.kind == "link-failed"}
    kept = [
        change
        for index, change in enumerate(changes)
        if index >= first
        or change.version in down
        or (change.service_uuid in services and change.kind not in LINK_KINDS)
    ]
    return [ask for ask in asks if ask.service_uuid in services], kept


def _read(folder: Path) -> tuple[list[Ask], list[ToldChange]]:
    asks, changes = read_table(folder, "asks", Ask), read_table(folder, "changes", ToldChange)
    return sorted(asks, key=lambda ask: (ask.time_s, ask.decision_id)), sorted(
        changes, key=lambda change: change.version
    )


def _is_before(line: str, before_s: float) -> bool:
    time_s = json.loads(line).get("time_s")
    return isinstance(time_s, int | float) and time_s < before_s
