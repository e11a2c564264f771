"""Running configurations and unconfirmed commits on disk, one SQLite file for all elements of a process.

Written with ``synchronous=FULL`` in WAL mode: what a call returned from survives ``kill -9`` and power loss.
Not here: what the configurations mean.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from controlplane.elements.interface import CrossConnect

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cross_connect (
    node TEXT NOT NULL, service_uuid TEXT NOT NULL, in_port TEXT NOT NULL, out_port TEXT NOT NULL,
    first_slot INTEGER NOT NULL, num_slots INTEGER NOT NULL, bidirectional INTEGER NOT NULL,
    modulation_format TEXT NOT NULL, PRIMARY KEY (node, service_uuid)
);
CREATE TABLE IF NOT EXISTS unconfirmed (
    node TEXT PRIMARY KEY, persist_id TEXT NOT NULL, previous TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS controller (epoch INTEGER NOT NULL);
"""


class ElementStore:
    """The file; safe to share between threads."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)

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

    def running(self, node: str) -> dict[str, CrossConnect]:
        """The running configuration of a node, by service."""
        with self._lock:
            rows = self._database.execute(
                "SELECT service_uuid, in_port, out_port, first_slot, num_slots, bidirectional, "
                "modulation_format FROM cross_connect WHERE node = ? ORDER BY service_uuid",
                (node,),
            ).fetchall()
        return {row[0]: _cross_connect(row) for row in rows}

    def unconfirmed(self) -> dict[str, tuple[str, dict[str, CrossConnect]]]:
        """Node to persist id and the configuration to return to."""
        with self._lock:
            rows = self._database.execute("SELECT node, persist_id, previous FROM unconfirmed").fetchall()
        return {
            node: (persist_id, {item[0]: _cross_connect(item) for item in json.loads(previous)})
            for node, persist_id, previous in rows
        }

    def commit_unconfirmed(
        self,
        node: str,
        before: dict[str, CrossConnect],
        after: dict[str, CrossConnect],
        persist_id: str,
        previous: dict[str, CrossConnect],
    ) -> None:
        """Make a configuration running and note what to return to, in one transaction."""
        with self._lock, _Transaction(self._database):
            self._replace(node, before, after)
            self._database.execute(
                "INSERT OR REPLACE INTO unconfirmed VALUES (?, ?, ?)",
                (node, persist_id, json.dumps([astuple(item) for item in previous.values()])),
            )

    def confirm(self, node: str) -> None:
        """Forget what to return to."""
        with self._lock, _Transaction(self._database):
            self._database.execute("DELETE FROM unconfirmed WHERE node = ?", (node,))

    def roll_back(self, node: str, before: dict[str, CrossConnect], after: dict[str, CrossConnect]) -> None:
        """Return to a configuration and forget the commit, in one transaction."""
        with self._lock, _Transaction(self._database):
            self._replace(node, before, after)
            self._database.execute("DELETE FROM unconfirmed WHERE node = ?", (node,))

    def _replace(self, node: str, before: dict[str, CrossConnect], after: dict[str, CrossConnect]) -> None:
        gone: Iterable[str] = [uuid for uuid, item in before.items() if after.get(uuid) != item]
        new = [item for uuid, item in after.items() if before.get(uuid) != item]
        self._database.executemany(
            "DELETE FROM cross_connect WHERE node = ? AND service_uuid = ?", [(node, uuid) for uuid in gone]
        )
        self._database.executemany(
            "INSERT INTO cross_connect VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(node, *astuple(item)) for item in new],
        )


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
        self.database.execute("COMMIT" if kind is None else "ROLLBACK")
