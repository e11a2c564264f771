"""Which databases the controller's state can be in, and how their URLs are written. Not here: their use."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",  # as libpq writes it too
    "postgresql+psycopg": "postgresql+psycopg",
}


def parse_database_url(text: str) -> URL:
    """The URL with the driver that is used.

    Args:
        text: ``sqlite:////path/of/file`` or ``postgresql://user@host/database``; what else libpq knows
            follows as ``?name=value``.

    Raises:
        ValueError: it is no URL, or of another kind of database.
    """
    kinds = "write sqlite:////path/of/file or postgresql://user@host/database"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"no URL of a database; {kinds}") from None
    if url.drivername not in _DRIVERS:
        raise ValueError(f"the state cannot be kept in {url.drivername}; {kinds}")
    if not url.database:
        raise ValueError(f"{url.render_as_string()} names no database; {kinds}")
    return url.set(drivername=_DRIVERS[url.drivername])
