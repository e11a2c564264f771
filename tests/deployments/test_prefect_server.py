"""Prefect's transactions on SQLite wait for each other instead of failing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from deployments.prefect_server import WaitingSqlite


async def read_and_write_beside_each_other(config: AioSqliteConfiguration) -> int:
    """Two transactions that each read, let the other go on, and add one."""
    engine = await config.engine()
    async with engine.begin() as connection:
        await connection.execute(text("create table runs (states integer)"))
        await connection.execute(text("insert into runs values (0)"))

    async def change() -> None:
        session = await config.session(engine)
        async with session, config.begin_transaction(session):
            found = (await session.execute(text("select states from runs"))).scalar_one()
            await asyncio.sleep(0.05)
            await session.execute(text("update runs set states = :states"), {"states": found + 1})

    try:
        await asyncio.gather(change(), change())
        session = await config.session(engine)
        async with session:
            return int((await session.execute(text("select states from runs"))).scalar_one())
    finally:
        await engine.dispose()


def test_a_transaction_waits_for_another_that_writes(tmp_path: Path) -> None:
    found = asyncio.run(
        read_and_write_beside_each_other(WaitingSqlite(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    )
    assert found == 2


def test_prefect_alone_fails_so_that_this_is_still_needed(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(
            read_and_write_beside_each_other(AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
        )
