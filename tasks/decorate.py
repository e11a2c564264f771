"""The thin decorator of every task: a name people can read, retries and a time limit, no caching by Prefect.

What must not be done twice is kept by content (``trace.py``, ``evaluate.py``), also outside a flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

P = ParamSpec("P")
R = TypeVar("R")


def as_task(
    function: Callable[P, R],
    name: str,
    run_name: str | None = None,
    retries: int = 0,
    retry_delay_s: float = 3.0,
    timeout_s: float | None = None,
) -> Task[P, R]:
    """A function as a Prefect task.

    Args:
        function: the step; tests call it as it is.
        name: in Prefect's UI.
        run_name: of a run, with parameters in braces; the name where none is given.
        retries: for steps that ask a server.
        retry_delay_s: before each of them.
        timeout_s: after which a run has failed.
    """
    return task(  # type: ignore[call-overload]
        function,
        name=name,
        task_run_name=run_name or name,
        retries=retries,
        retry_delay_seconds=retry_delay_s,
        timeout_seconds=timeout_s,
        cache_policy=NO_CACHE,
    )
