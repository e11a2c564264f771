"""Notification subscriptions in SQL. Not here: what may be asked of them (``subscriptions.py``)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, Engine, delete, insert, select

from controlplane.controller import tables
from controlplane.tapi.subscription import Subscription

_columns = tables.subscriptions.c


class SubscriptionTable:
    """The subscriptions of one database.

    Args:
        engine: of the database.
        writing: a transaction of the one controller that may write.
    """

    def __init__(self, engine: Engine, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._engine = engine
        self._writing = writing

    def all(self) -> tuple[Subscription, ...]:
        """Every subscription, in order of UUID."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.subscriptions).order_by(_columns.uuid)).all()
        return tuple(Subscription(row.uuid, json.loads(row.wanted), row.state) for row in rows)

    def put(self, subscription: Subscription) -> None:
        """Store a subscription, in the place of an older one."""
        with self._writing() as connection:
            connection.execute(delete(tables.subscriptions).where(_columns.uuid == subscription.uuid))
            connection.execute(
                insert(tables.subscriptions).values(
                    uuid=subscription.uuid,
                    state=subscription.state,
                    wanted=json.dumps(subscription.wanted),
                )
            )

    def remove(self, uuid: str) -> None:
        """Drop a subscription."""
        with self._writing() as connection:
            connection.execute(delete(tables.subscriptions).where(_columns.uuid == uuid))
