"""The connection to SQLite or, by URL, to Postgres.

Not here: what is stored (``store.py``), who may write it (``claim.py``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from configs.database import parse_database_url

CONNECT_TIMEOUT_S = 10


class StoreError(ValueError):
    """A database that cannot be used; says which and why."""


def sqlite_url(file: str) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{file}"


def open_engine(url: str, name: str = "") -> Engine:
    """An engine of a database that answers.

    SQLite runs in WAL mode with ``synchronous=FULL``; Postgres as its server is set.

    Args:
        url: as :func:`configs.database.parse_database_url` takes it.
        name: what Postgres calls the sessions.

    Raises:
        StoreError: a URL of another kind, or a database that does not answer.
    """
    try:
        address = parse_database_url(url)
    except ValueError as error:
        raise StoreError(f"online.database_url: {error}") from None
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address)  # a file needs no look whether it is still there
        event.listen(engine, "connect", _durable_sqlite)
    else:
        if "connect_timeout" not in address.query:
            address = address.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT_S)})
        engine = create_engine(address, pool_pre_ping=True, connect_args={"application_name": name})
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


def _durable_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # Room is given back in steps only where this is said before the first table is made.
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
