"""The change log in SQL: appended to, read in pages, shortened from its old end; nobody reads all of it.

Versions are 1, 2, 3, ...; what is kept is without a gap and always holds the newest change, so that the last
version is known after everything else was removed. Not here: what a change says (``change_documents.py``),
when it is old (``compaction.py``), the state itself (``store.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from controlplane.controller import tables
from controlplane.failpoints import now_s
from controlplane.tapi.connectivity import Service
from controlplane.tapi.errors import TapiError
from controlplane.tapi.purpose import CREATE, PROTECT

LAST_VERSION = 2**63 - 1  # what a database counts to
PAGE_ROWS = 1000
PAGE_BYTES = 1_000_000  # of documents; one that is larger is a page of its own
_number = tables.changes.c.version
# Made once: they know then what SQLAlchemy has compiled of them.
_LAST, _APPEND = select(func.max(_number)), insert(tables.changes)


@dataclass(frozen=True)
class Change:
    """One entry of the change log.

    Attributes:
        version: its place in the log.
        cause: ``create``, ``delete``, ``ended`` (its told end came), ``cut``, ``restore``, ``repair``,
            ``move`` or ``protect``.
        happened: when.
        document: what changed (docs/contracts.md), version included.
    """

    version: int
    cause: str
    happened: datetime
    document: dict[str, Any]

    @property
    def time_s(self) -> float:
        """When it happened, in seconds since 1970 UTC."""
        return self.happened.timestamp()

    @property
    def told(self) -> dict[str, Any]:
        """As readers get it: the document, why it happened, and when."""
        return self.document | {"cause": self.cause, "time_s": self.time_s}

    def stamped(self, service: Service) -> Service:
        """The service whose lightpath this change set up, knowing so."""
        return replace(
            service,
            set_up_version=self.version,
            set_up_cause=self.cause,
            set_up_s=self.time_s,
            began_s=service.began_s or (self.time_s if self.cause in (CREATE, PROTECT) else 0.0),
        )


@dataclass(frozen=True)
class Page:
    """Some changes in order, and how far the log reaches.

    Attributes:
        changes: those after the version asked for, as many as fit.
        version: of the last of them; where there is none, the one asked for.
        last: of the newest change; above ``version`` there are more pages.
    """

    changes: tuple[Change, ...]
    version: int
    last: int


class GoneError(TapiError):
    """The changes after a version are not in this log, or not any more; a reader takes the snapshot.

    Attributes:
        first_since: the version after which the log can still be read.
        last: the newest version.
    """

    def __init__(self, store: str, since: int, first_since: int, last: int) -> None:
        self.store, self.first_since, self.last = store, first_since, last
        super().__init__(
            410,
            "data-missing",
            f"the changes after version {since} are not here: this log can be read from {first_since} to "
            f"{last}. Take the state from /snapshot and go on from its version",
        )

    def document(self) -> dict[str, Any]:
        """The error with what a program needs to go on."""
        document = super().document()
        kept = {"store": self.store, "first-since": self.first_since, "last": self.last}
        document["ietf-restconf:errors"]["error"][0]["error-info"] = {"lightloop:change-log": kept}
        return document


class ChangeLog:
    """The log of one database.

    Args:
        engine: of the database.
        store: the database's identity.
    """

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def reach(self) -> tuple[int, int]:
        """Versions of the oldest change that is kept and of the newest; 1 and 0 before the first."""
        with self._engine.connect() as connection:
            last = last_version(connection)  # first, so that no later change is counted but left out
            return _first_version(connection) or 1, last

    def page(self, since: int, rows: int = PAGE_ROWS) -> Page:
        """The changes after a version, as many as one page takes.

        Raises:
            GoneError: that version is not of this log, or what followed it was removed.
        """
        with self._engine.connect() as connection:
            last = last_version(connection)
            first_since = (_first_version(connection) or 1) - 1
            if not first_since <= since <= last:
                raise GoneError(self._store, since, first_since, last)
            query = select(tables.changes).where(_number > since, _number <= last)
            changes: list[Change] = []
            size = 0
            for row in connection.execute(query.order_by(_number).limit(min(rows, PAGE_ROWS))):
                size += len(row.document)
                if changes and size > PAGE_BYTES:
                    break
                changes.append(Change(row.version, row.cause, _aware(row.happened), json.loads(row.document)))
        if since < last and (not changes or changes[0].version != since + 1):  # removed meanwhile
            raise GoneError(self._store, since, changes[0].version - 1 if changes else last, last)
        return Page(tuple(changes), changes[-1].version if changes else since, last)

    def remove_before(self, moment: datetime, rows: int) -> int:
        """Remove the oldest changes that happened before a moment, in one short transaction; how many.

        The newest change stays, whatever its age.

        Args:
            moment: what is younger stays, and so does everything after it.
            rows: most changes to remove now.
        """
        with self._engine.begin() as connection:
            last = last_version(connection)
            query = select(_number, tables.changes.c.happened).where(_number < last)
            oldest = connection.execute(query.order_by(_number).limit(rows)).all()
            count = next(
                (index for index, row in enumerate(oldest) if _aware(row.happened) >= moment), len(oldest)
            )
            if count:
                connection.execute(delete(tables.changes).where(_number <= oldest[count - 1].version))
        return count

    def give_back(self, pages: int) -> int:
        """Give free pages of a SQLite file back to the file system, at most so many; how many are left.

        A file made by an older version keeps them and fills them again; so does Postgres.
        """
        if self._engine.dialect.name != "sqlite":
            return 0
        with self._engine.connect() as connection:
            if not connection.exec_driver_sql("PRAGMA auto_vacuum").scalar():
                return 0
            database = connection.connection.driver_connection
            assert database is not None
            # As a script: a statement that is executed is stepped once, and each step gives back one page.
            database.executescript(f"PRAGMA incremental_vacuum({pages})")
            return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0)


class Appending:
    """Changes under the next versions, for one transaction of the caller's.

    Args:
        connection: in that transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: int | None = None
        self._changes: list[Change] = []

    def append(self, change: dict[str, Any], cause: str) -> Change:
        """Number a change; it is in the log after ``flush``."""
        if self._last is None:
            self._last = last_version(self._connection)
        self._last += 1
        happened = datetime.fromtimestamp(now_s(), UTC)
        appended = Change(self._last, cause, happened, {"version": self._last} | change)
        self._changes.append(appended)
        return appended

    def flush(self) -> tuple[Change, ...]:
        """Put all of them into the log; which they were."""
        changes, self._changes = tuple(self._changes), []
        if changes:
            self._connection.execute(_APPEND, list(map(_row, changes)))
        return changes


def _row(change: Change) -> dict[str, Any]:
    return {
        "version": change.version,
        "kind": change.document["kind"],
        "cause": change.cause,
        "happened": change.happened,
        "document": json.dumps(change.document),
    }


def last_version(connection: Connection) -> int:
    """Version of the newest change; 0 when there was none."""
    return connection.execute(_LAST).scalar() or 0


def _first_version(connection: Connection) -> int:
    # Asked by itself: SQLite looks at one end of the key for max or min, and at every row for both at once.
    return connection.execute(select(func.min(_number))).scalar() or 0


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite keeps no zone
