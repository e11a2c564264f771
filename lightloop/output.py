"""What commands print: tables for people, or one JSON object on stdout for scripts. Logs go to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, nothing else.")]

stdout = Console()
stderr = Console(stderr=True)


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM; no ``Exception``, so that nothing on the way takes it for an error of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure of the program
    """Something asked for cannot be done; the message says what, why and the remedy. Exits with status 1."""


def emit(document: Mapping[str, Any], as_json: bool, render: Callable[[Console], None]) -> None:
    """Print a result once, in the form asked for.

    Args:
        document: what ``--json`` prints. Not-a-number and infinities become null.
        as_json: the command's ``--json`` flag.
        render: draws the same for people.
    """
    if as_json:
        sys.stdout.write(json.dumps(plain(document), indent=2) + "\n")
        sys.stdout.flush()
    else:
        render(stdout)


def say(text: str) -> None:
    """Tell, on stderr, how far something long is."""
    stderr.print(f"{text} ...", style="dim", highlight=False, markup=False)


def tell_line(document: Mapping[str, Any]) -> None:
    """Print a document on one line, for who reads line by line."""
    sys.stdout.write(json.dumps(plain(document)) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """A value as JSON can hold it; not-a-number and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
