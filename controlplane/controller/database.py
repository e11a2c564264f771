"""The connection to SQLite or, by URL, to Postgres. Not here: what is stored (``store.py``)."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from configs.database import parse_database_url

CONNECT_TIMEOUT_S = 10
CLAIM_WAIT_S = 5  # for a controller that was just killed, until the server has noticed
_CLAIM_KEY = 7108230  # of the lock that a controller holds; any number would do


class StoreError(ValueError):
    """A database that cannot be used; says which and why."""


class ClaimLostError(SQLAlchemyError):
    """The database was in nobody's hands, or another's, for a while."""


def sqlite_url(file: str) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{file}"


def open_engine(url: str) -> Engine:
    """An engine of a database that answers.

    SQLite runs in WAL mode with ``synchronous=FULL``; Postgres as its server is set.

    Args:
        url: as :func:`configs.database.parse_database_url` takes it.

    Raises:
        StoreError: a URL of another kind, or a database that does not answer.
    """
    try:
        address = parse_database_url(url)
    except ValueError as error:
        raise StoreError(f"online.database_url: {error}") from None
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, pool_pre_ping=True)
        event.listen(engine, "connect", _durable_sqlite)
    else:
        if "connect_timeout" not in address.query:
            address = address.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT_S)})
        engine = create_engine(address, pool_pre_ping=True)
    try:
        engine.connect().close()
    except OperationalError as error:
        engine.dispose()
        why = " ".join(str(error.orig).split())
        raise StoreError(
            f"the database {address.render_as_string()} cannot be opened ({why}): let it answer, or correct "
            "online.database_url"
        ) from error
    return engine


class Claim:
    """One controller's hold on a Postgres database: two would give the same slots twice.

    It is a lock of a session that does nothing else, so it goes with its process. A SQLite file needs none:
    it is in the home of one installation.

    Args:
        engine: of the database.

    Raises:
        OperationalError: another controller holds it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._session = None if engine.dialect.name == "sqlite" else self._take()

    def check(self) -> None:
        """Whether it was held all the time; where it was not, it is taken again.

        Raises:
            ClaimLostError: its session had been lost, e.g. because the server restarted. Another controller
                may have written meanwhile: whoever writes reads the state anew first.
            OperationalError: another controller holds it now, or the server does not answer.
        """
        if self._engine.dialect.name == "sqlite":
            return
        with self._lock:
            if self._is_held():
                return
            self._session = self._take()
        raise ClaimLostError("the connection to the database was lost; it is there again")

    def is_elsewhere(self, connection: Connection) -> bool:
        """Whether another controller holds it now, asked in a transaction of the caller's."""
        if self._engine.dialect.name == "sqlite":
            return False
        with self._lock:
            if self._is_held():
                return False
        return not connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_CLAIM_KEY})").scalar()

    def release(self) -> None:
        """Leave the database to others."""
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session = None

    def _is_held(self) -> bool:
        if self._session is not None and not _answers(self._session):
            self._session = None
        return self._session is not None

    def _take(self) -> Connection:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()  # closed for good by close(), and never lent to anybody else
        try:
            session.exec_driver_sql(f"SET lock_timeout = {int(CLAIM_WAIT_S * 1000)}")
            session.exec_driver_sql(f"SELECT pg_advisory_lock({_CLAIM_KEY})")
        except BaseException:
            session.close()
            raise
        return session


def _answers(session: Connection) -> bool:
    try:
        session.exec_driver_sql("SELECT 1")
    except DBAPIError:
        session.close()
        return False
    return True


def _durable_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # Room is given back in steps only where this is said before the first table is made.
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
