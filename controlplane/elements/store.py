"""Running configurations on disk, one SQLite file for all elements of a process.

Written with ``synchronous=FULL`` in WAL mode: what a call returned from survives ``kill -9`` and power loss.
Edits of several elements that wait share one transaction. Not here: what the configurations mean.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

from controlplane.elements.configuration import EditDifference
from controlplane.elements.interface import CrossConnect
from controlplane.group_commit import GroupCommit

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cross_connect (
    node TEXT NOT NULL, service_uuid TEXT NOT NULL, in_port TEXT NOT NULL, out_port TEXT NOT NULL,
    first_slot INTEGER NOT NULL, num_slots INTEGER NOT NULL, bidirectional INTEGER NOT NULL,
    modulation_format TEXT NOT NULL, PRIMARY KEY (node, service_uuid)
);
CREATE TABLE IF NOT EXISTS controller (epoch INTEGER NOT NULL);
-- of an older version; what its elements hold is audited by the controller like everything else
DROP TABLE IF EXISTS unconfirmed;
"""

_values = attrgetter(*(column.name for column in fields(CrossConnect)))
Changes = tuple[tuple[str, EditDifference], ...]


class ElementStore:
    """The file; safe to share between threads."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        self._commits = GroupCommit(self._write)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def trouble(self) -> str:
        """Why nothing could be stored now, tried with a write that changes nothing; empty where it could."""
        try:
            with self._lock, _Transaction(self._database):
                version = self._database.execute("PRAGMA user_version").fetchone()[0]
                self._database.execute(f"PRAGMA user_version = {version}")
        except sqlite3.Error as error:
            return f"the elements' database cannot be written: {error}"
        return ""

    def epoch(self) -> int:
        """Of the newest controller that was met; 0 where none was."""
        with self._lock:
            row = self._database.execute("SELECT MAX(epoch) FROM controller").fetchone()
        return row[0] or 0

    def meet(self, epoch: int) -> None:
        """Keep the epoch of a controller."""
        with self._lock, _Transaction(self._database):
            self._database.execute("DELETE FROM controller")
            self._database.execute("INSERT INTO controller VALUES (?)", (epoch,))

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """The running configuration of a node, ordered by service."""
        with self._lock:
            rows = self._database.execute(
                "SELECT service_uuid, in_port, out_port, first_slot, num_slots, bidirectional, "
                "modulation_format FROM cross_connect WHERE node = ? ORDER BY service_uuid",
                (node,),
            ).fetchall()
        return tuple(map(_cross_connect, rows))

    def change(self, changes: Iterable[tuple[str, EditDifference]]) -> None:
        """Take out and put in, by node, in one transaction."""
        self._commits.submit(tuple(changes))

    def _write(self, jobs: Sequence[Changes]) -> None:
        together = tuple(chain.from_iterable(jobs))
        gone = [(node, uuid) for node, difference in together for uuid in difference.gone]
        new = [(node, *_values(item)) for node, difference in together for item in difference.new]
        with self._lock, _Transaction(self._database):
            # All of them first: an element's changes replace what it has, and touch no other's rows.
            self._database.executemany("DELETE FROM cross_connect WHERE node = ? AND service_uuid = ?", gone)
            self._database.executemany("INSERT INTO cross_connect VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)


def _cross_connect(row: Sequence[Any]) -> CrossConnect:
    service_uuid, in_port, out_port, first_slot, num_slots, bidirectional, modulation_format = row
    return CrossConnect(
        service_uuid, in_port, out_port, first_slot, num_slots, bool(bidirectional), modulation_format
    )


class _Transaction:
    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.database.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error:
            if self.database.in_transaction:  # e.g. the disk is full: the next one begins anew
                self.database.execute("ROLLBACK")
            raise
