"""One controller at a time on a Postgres database, and a number that tells who is in charge from who was.

The claim is a lock of a database session that does nothing else, so it goes with its process. A process that
is frozen, or cut off from the database, keeps its session: whoever waits for the claim ends the sessions of a
controller that has not told for ``lease_s`` that it lives. Each controller that takes charge enters with a
higher *epoch*. A transaction of one with an older epoch changes nothing, and elements refuse it too, so a
controller that comes back late does no harm. A SQLite file needs no lock: it is in the home of one
installation. Not here: what a controller does while it waits (``standby.py``).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy import Connection, Engine, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from controlplane.controller import tables
from controlplane.failpoints import now_s

log = logging.getLogger(__name__)

WAIT_S = 5.0  # for a controller that was just killed, until the server has noticed
LEASE_S = 10.0
LOOK_S = 0.5  # between two looks of one that waits
_LOCK = 7108230  # of the lock that a controller holds; any number would do
_row = tables.claim.c


class ClaimLostError(SQLAlchemyError):
    """The database was in another's hands for a while; whoever writes reads the state anew first."""


@dataclass(frozen=True)
class ClaimHolder:
    """Who holds the database, as one that waits sees it.

    Attributes:
        name: of its sessions; empty where nobody has entered yet.
        url: of its northbound; empty where it has none or is not known.
        silent_s: since it last told that it lives.
    """

    name: str = ""
    url: str = ""
    silent_s: float = 0.0


class Claim:
    """One controller's hold on a database.

    Args:
        engine: of the database; its sessions are called ``name``.
        name: no other controller has it.
        url: of the northbound, for those that wait.
        lease_s: after so long without a sign of life a holder is taken for dead by one that waits.
    """

    def __init__(self, engine: Engine, name: str, url: str = "", lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self._name, self._url, self._lease_s = name, url, lease_s
        self._lock = threading.Lock()
        self._session: Connection | None = None
        self._told_s = time.monotonic()
        self.epoch = 0

    @property
    def _is_shared(self) -> bool:
        return self._engine.dialect.name != "sqlite"

    @property
    def is_doubtful(self) -> bool:
        """Whether so much time has passed since the last sign of life that another may be in charge."""
        return self._is_shared and time.monotonic() - self._told_s > self._lease_s

    def take(self, while_held: Callable[[ClaimHolder | None], None] | None = None) -> None:
        """Get the lock.

        Args:
            while_held: called at every look while another holds it, with None where the database does not
                answer; ends the waiting by raising. Not given: nobody is waited for.

        Raises:
            OperationalError: another controller holds it, and nobody is to be waited for.
        """
        if not self._is_shared:
            return
        if while_held is None:
            self._session = self._new_session(WAIT_S)
            return
        while True:
            seen: ClaimHolder | None = None
            try:
                self._session = self._new_session(None)
                if self._session is not None:
                    return
                seen = self._look()
                if seen.silent_s > self._lease_s:
                    self._end(seen)
            except DBAPIError as error:
                log.debug("the database does not answer: %s", error.orig)
            while_held(seen)
            time.sleep(LOOK_S)

    def enter(self) -> None:
        """Be in charge from now on, with an epoch above all before, also where a backup was put back."""
        with self._engine.begin() as connection:
            before = connection.execute(delete(tables.claim).returning(_row.epoch)).scalars().all()
            now = _now(connection)
            self.epoch = max(int(now.timestamp() * 1000), *(epoch + 1 for epoch in before), 1)
            entered = {"epoch": self.epoch, "holder": self._name, "url": self._url, "heard": now}
            connection.execute(insert(tables.claim).values(**entered))
        self._told_s = time.monotonic()

    def holds(self, connection: Connection) -> bool:
        """Whether this controller is in charge, and stays so until the caller's transaction ends."""
        if not self._is_shared:
            return True
        # A new epoch is a new key: it waits for this lock, and a sign of life does not.
        mine = select(literal(1)).where(_row.epoch == self.epoch).with_for_update(read=True, key_share=True)
        return connection.execute(mine).scalar() is not None

    def keep(self) -> None:
        """Tell that this controller lives; called about every second.

        Raises:
            ClaimLostError: another one is in charge, or about to be.
            DBAPIError: the database does not answer.
        """
        if not self._is_shared:
            return
        with self._lock:
            if self._session is None:
                self._session = self._new_session(None)
                if self._session is None:
                    raise ClaimLostError("another controller holds the database")
            alive = update(tables.claim).where(_row.epoch == self.epoch).values(heard=func.clock_timestamp())
            try:
                is_mine = self._session.execute(alive).rowcount == 1
            except DBAPIError:
                self._drop_session()
                raise
        if not is_mine:
            raise ClaimLostError("another controller was in charge")
        self._told_s = time.monotonic()

    def take_again(self) -> NoReturn:
        """Take charge once more, after another one had it.

        Raises:
            ClaimLostError: it is in charge again, and the state may be another.
            OperationalError: another controller holds it now, or the server does not answer.
        """
        with self._lock:
            self._drop_session()
            self._session = self._new_session(WAIT_S)
        self.enter()
        raise ClaimLostError("the database was in another's hands; it is here again")

    def is_elsewhere(self, connection: Connection) -> bool:
        """Whether another controller holds it now, asked in a transaction of the caller's."""
        if not self._is_shared:
            return False
        with self._lock:
            if self._session is not None:
                if _answers(self._session):
                    return False
                self._drop_session()
        return not connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK})").scalar()

    def release(self) -> None:
        """Leave the database to others."""
        with self._lock:
            if self._session is not None:
                with contextlib.suppress(DBAPIError):  # the server notices a closed connection a little later
                    self._session.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            self._drop_session()

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def _new_session(self, wait_s: float | None) -> Connection | None:
        """A session that has the lock; None where another one has it and nobody is to be waited for."""
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()  # closed for good by close(), and never lent to anybody else
        try:
            if wait_s is None:
                if session.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar():
                    return session
                session.close()
                return None
            session.exec_driver_sql(f"SET lock_timeout = {int(wait_s * 1000)}")
            session.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        except BaseException:
            session.close()
            raise
        return session

    def _look(self) -> ClaimHolder:
        with self._engine.connect() as connection:
            try:
                row = connection.execute(select(tables.claim)).first()
            except ProgrammingError:  # of an older version, which has no such table
                return ClaimHolder()
            if row is None:
                return ClaimHolder()
            return ClaimHolder(row.holder, row.url, (_now(connection) - row.heard).total_seconds())

    def _end(self, silent: ClaimHolder) -> None:
        """End every session of a silent holder, so that its lock goes and no transaction stays open."""
        log.warning("%s has been silent for %.1f s: its sessions are ended", silent.name, silent.silent_s)
        theirs = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = :name AND datname = current_database()"
        )
        with self._engine.begin() as connection:
            connection.execute(theirs, {"name": silent.name})


def _answers(session: Connection) -> bool:
    try:
        session.exec_driver_sql("SELECT 1")
    except DBAPIError:
        return False
    return True


def _now(connection: Connection) -> datetime:
    """The time by the database's clock: one that all controllers share."""
    if connection.dialect.name == "sqlite":
        return datetime.fromtimestamp(now_s(), UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
