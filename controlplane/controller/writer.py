"""The one way into the store: changes that wait share a transaction, and are shown in its order.

What a change writes is decided when its turn comes, on a state in memory that is the store's. The state
follows after the transaction, one change after another in the order of their versions, before whoever asked
goes on. Not here: SQL (``store.py``), what is changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.exc import SQLAlchemyError

from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.group_commit import GroupCommit
from controlplane.tapi.errors import TapiError

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Show = Callable[[], Result]
Write = Callable[[Writing], Show[Result]]


class _Job(Generic[Result]):
    """A change on its way into the store."""

    def __init__(self, write: Write[Result], nodes: Iterable[str], is_alone: bool) -> None:
        self.write, self.nodes, self.is_alone = write, nodes, is_alone
        self.show: Show[Result] | None = None
        self.result: Result | None = None
        self.error: BaseException | None = None


class Writer:
    """Stores changes of the network, and then shows them.

    Args:
        state: only this object changes what is stored of it from now on.
        doubted: told of elements whose service may or may not be stored, and again once that is known.
        reloaded: called when the state was read anew.
    """

    def __init__(
        self,
        state: NetworkState,
        doubted: Callable[[Iterable[str]], None],
        reloaded: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = state.store
        self._state = state
        self._doubted, self._reloaded = doubted, reloaded
        self._nodes_in_doubt: set[str] = set()
        self._commits: GroupCommit[_Job[Any]] = GroupCommit(self._commit)
        self.is_in_doubt = False  # a write failed, and may have been done all the same

    def write(self, write: Write[Result], nodes: Iterable[str] = (), is_alone: bool = False) -> Result:
        """What a change returns, once it is stored and shown.

        If the store fails nobody knows whether it was done: the state is read anew before the next change.

        Args:
            write: writes in a transaction that is shared with changes of other services, and returns what
                shows the change once the transaction has ended. It may raise before it has written anything.
            nodes: elements that were configured for it; ``write`` may still add to them.
            is_alone: it looks at more than one service, so no other change may be in the transaction.

        Raises:
            TapiError: 503, the database failed.
        """
        job = _Job(write, nodes, is_alone)
        self._commits.submit(job)
        if job.error is None:
            return cast(Result, job.result)
        if self.is_in_doubt:
            with suppress(TapiError):  # it is tried again before the next change
                self.trust()
        if isinstance(job.error, SQLAlchemyError):
            raise _database_failed(job.error) from job.error
        raise job.error

    def trust(self) -> None:
        """Have the state be the store's, also after a write of which nobody knows whether it was done.

        Raises:
            TapiError: 503, the database failed.
        """
        if self.is_in_doubt:
            self.catch_up()

    def catch_up(self) -> None:
        """Return once everything is shown that was stored until now: readers of the log may know it already.

        Raises:
            TapiError: 503, the database failed.
        """
        job: _Job[None] = _Job(lambda _writing: lambda: None, (), True)
        self._commits.submit(job)
        if isinstance(job.error, SQLAlchemyError):
            raise _database_failed(job.error) from job.error
        if job.error is not None:
            raise job.error

    def _commit(self, jobs: Sequence[_Job[Any]]) -> None:
        together: list[_Job[Any]] = []
        for job in jobs:
            if job.is_alone:
                self._commit_together(together)
                self._commit_together([job])
                together = []
            else:
                together.append(job)
        self._commit_together(together)

    def _commit_together(self, jobs: list[_Job[Any]]) -> None:
        """Write some jobs in one transaction; one that raises of itself is left out, and the others go on."""
        if not jobs:
            return
        writing_one: _Job[Any] | None = None
        try:
            self._reload_in_doubt()
            with self.store.writing() as writing:
                for job in jobs:
                    writing_one = job
                    job.show = job.write(writing)
                writing_one = None
        except SQLAlchemyError as error:
            self._doubt(jobs, error)
        except Exception as error:
            if writing_one is None:
                self._doubt(jobs, error)
                return
            writing_one.error = error
            self._commit_together([job for job in jobs if job is not writing_one])
        except BaseException as error:
            self._doubt(jobs, error)
        else:
            self._show(jobs)

    def _show(self, jobs: Iterable[_Job[Any]]) -> None:
        for job in jobs:
            assert job.show is not None
            try:
                job.result = job.show()
            except Exception as error:
                log.exception("what was stored cannot be shown: a defect")
                self._doubt([job], error)
        self._state.tell()

    def _doubt(self, jobs: Iterable[_Job[Any]], error: BaseException) -> None:
        self.is_in_doubt = True
        for job in jobs:
            job.error = error
            self._nodes_in_doubt.update(job.nodes)
            self._doubted(job.nodes)

    def _reload_in_doubt(self) -> None:
        if self.is_in_doubt:
            self._state.reload()
            self.is_in_doubt = False
            self._doubted(self._nodes_in_doubt)
            self._nodes_in_doubt = set()
            self._reloaded()


def _database_failed(error: SQLAlchemyError) -> TapiError:
    log.error("the database failed: %s", error)
    why = str(getattr(error, "orig", None) or error).partition("\n")[0][:200]
    return TapiError(
        503,
        "operation-failed",
        f"the database failed ({type(error).__name__}: {why}); ask again with the same uuid",
    )
