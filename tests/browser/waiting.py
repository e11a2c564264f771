"""Waiting for a page that is drawn by somebody else, in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(
    condition: Callable[[], Any], limit_s: float, poll_s: float = 0.05, late: Callable[[], str] = str
) -> Any:
    """What a condition says, once it is true.

    Args:
        condition: asked again and again; an exception means that the page is in the middle of a change.
        limit_s: after which waiting has failed.
        poll_s: between two questions.
        late: adds to the failure, e.g. where a picture of the page lies.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if answer := condition():
                return answer
            said: Any = answer
        except Exception as error:
            said = error
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {said!r}{late()}"
        time.sleep(poll_s)
