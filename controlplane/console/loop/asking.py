"""Has the browser ask a route of this process: what counts is the login of its user. Not here: the routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from controlplane.tapi.errors import error_reason

LIMIT_S = 90.0
NO_ANSWER = "the console does not answer"
_ASK = """
const answer = await fetch(%s, %s);
let body = null;
try { body = await answer.json(); } catch {}
return [answer.status, body];
"""


class AskRefused(ValueError):  # noqa: N818 - an answer, not a failure of the program
    """The route said no; repeats its reason."""


async def ask(path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the route answers; with a body it is posted to.

    Raises:
        AskRefused: the route refuses, e.g. for a role that does not suffice, or there is no answer.
    """
    options: dict[str, Any] = {"credentials": "same-origin"}
    if body is not None:
        headers = {"Content-Type": "application/json"}
        options |= {"method": "POST", "headers": headers, "body": json.dumps(body)}
    try:
        answer = await ui.run_javascript(_ASK % (json.dumps(path), json.dumps(options)), timeout=LIMIT_S)
    except TimeoutError:
        raise AskRefused(NO_ANSWER) from None
    if answer is None:  # NiceGUI's answer of a page that was closed meanwhile
        raise AskRefused(NO_ANSWER)
    status, told = answer
    if not 200 <= status < 300:
        raise AskRefused(error_reason(told) or f"HTTP {status}")
    return dict(told)
