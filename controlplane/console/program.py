"""Commands of ``lightloop`` that the console runs.

They are programs of the training side, which the online side never loads. Not here: what is asked of them
(``load.py``, ``loop/feed.py``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

COMMAND = (sys.executable, "-m", "lightloop.main")


async def begin(command: Sequence[str], words: Sequence[str], most_line_bytes: int) -> Process:
    """A command that has begun, with its output and its errors to be read.

    Args:
        command: program and its first arguments.
        words: the further ones.
        most_line_bytes: longest line that it tells.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        *words,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        limit=most_line_bytes,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "1000"},
    )


def last_words(said: bytes) -> str:
    """What a program said at its end, as a person reads it."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("lightloop: ")[:500] if lines else "it ended without a word"
