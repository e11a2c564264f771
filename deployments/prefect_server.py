"""Prefect's server behind the login: ``python -m deployments.prefect_server``.

What ``prefect server start`` runs, with the host and origin checks around it. Its credentials are Prefect's
own (``PREFECT_SERVER_API_AUTH_STRING``): its websockets ask for them in a message, not in a header.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from configs.load import load_config
from controlplane.guard import Guard
from controlplane.http_server import run


class WaitingSqlite(AioSqliteConfiguration):
    """SQLite whose transactions take the write lock when they begin, and wait for it.

    Most of Prefect's begin as readers. Such a one fails at its first write, without waiting, if another
    wrote since: "database is locked".
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """As Prefect's, always as if for an update."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def main() -> None:
    """Serve until SIGTERM."""
    from prefect.server.api.server import create_app

    database_url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if database_url and database_url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = WaitingSqlite(database_url)
    at = load_config().services
    run(Guard(create_app(final=True)), at.host, at.prefect_port, log_level="warning")


if __name__ == "__main__":
    main()
