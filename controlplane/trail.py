"""The trail: who changed what, when, from where, with what outcome. Appended to, never rewritten.

One file of JSON lines a process and UTC day, in ``trail/`` of the home. A line is written in one call before
its change is answered, so whatever a client was told is in it, also after SIGKILL; a line that a crash of the
machine cut short is passed over by readers. Bodies, passwords and tokens are in no line. Retention
(``retention.trail_days``) removes whole days. Not here: which requests are noted (``auth.py``).
``lightloop audit`` is something else: it compares what the parts of the installation know.
"""

from __future__ import annotations

import heapq
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["done", "refused", "failed", "unanswered"]
MOST_TEXT = 500  # characters of one field
SPAN = re.compile(r"-(\d{1,6})([mhd])")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

log = logging.getLogger(__name__)


class TrailError(ValueError):
    """The trail is asked for what it cannot tell; names the value and the remedy."""


@dataclass(frozen=True)
class TrailEntry:
    """One change that was asked for.

    Attributes:
        time: RFC 3339 in UTC, when it was answered.
        process: that was asked, or ``command`` for a command on the machine itself.
        user: who asked.
        role: of the user; of a command ``local``.
        address: of the client.
        what: method and path, or the command.
        about: what it concerns where the path does not say so: a service, a link, a model's version.
        status: of the answer; None where there was none, or no HTTP.
        outcome: whether the change was made.
        via: the process of ours that asked in the user's name; empty: the user did.
    """

    time: str
    process: str
    user: str
    role: str
    address: str
    what: str
    about: str
    status: int | None
    outcome: Outcome
    via: str = ""


class Trail:
    """Writes the trail of one process.

    Args:
        folder: of all trails; made at the first entry.
        process: whose.
    """

    def __init__(self, folder: Path, process: str) -> None:
        self.folder = folder
        self._process = process
        self._open: tuple[str, str, int] | None = None  # day, path and file

    def note(
        self,
        user: str,
        role: str,
        address: str,
        what: str,
        outcome: Outcome,
        about: str = "",
        status: int | None = None,
        via: str = "",
    ) -> None:
        """Append an entry. One that cannot be written is told in the log and holds nothing up."""
        now = _told(datetime.fromtimestamp(time.time(), UTC))
        what, about = what[:MOST_TEXT], about[:MOST_TEXT]
        entry = TrailEntry(now, self._process, user, role, address, what, about, status, outcome, via)
        line = json.dumps({key: value for key, value in vars(entry).items() if value not in ("", None)})
        try:
            os.write(self._file(now[:10]), line.encode() + b"\n")
        except OSError as error:
            log.error("not in the trail, for %s: %s", error, line)

    def close(self) -> None:
        """Close the file; the next entry opens it again."""
        if self._open is not None:
            os.close(self._open[2])
            self._open = None

    def _file(self, day: str) -> int:
        if self._open is None or self._open[0] != day or not os.path.exists(self._open[1]):
            self.close()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = str(self.folder / f"{self._process}-{day}.jsonl")
            self._open = day, path, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return self._open[2]


def parse_since(text: str, now_s: float | None = None) -> str:
    """A time as ``read_trail`` takes it.

    Args:
        text: RFC 3339, a day, or a span before now: ``-90m``, ``-2h``, ``-7d``.
        now_s: seconds since 1970 UTC; None: now.

    Raises:
        TrailError: it is none of these.

    >>> parse_since("2031-05-01T20:00:00+02:00"), parse_since("-1d", 86400.0)
    ('2031-05-01T18:00:00.000Z', '1970-01-01T00:00:00.000Z')
    """
    span = SPAN.fullmatch(text)
    try:
        if span:
            seconds = float(span[1]) * {"m": 60, "h": 3600, "d": 86400}[span[2]]
            moment = datetime.fromtimestamp((time.time() if now_s is None else now_s) - seconds, UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise TrailError(
            f"{text[:80]!r} is no time; write 2031-05-01, 2031-05-01T18:00:00Z, or -2h, -7d"
        ) from None
    return _told(moment)


def read_trail(folder: Path, since: str = "", user: str = "") -> Iterator[TrailEntry]:
    """The entries of every process in order of time.

    Args:
        folder: of the trails.
        since: entries from then on, as ``parse_since`` gives it; empty: all.
        user: entries of one user; empty: of everybody.
    """
    files = [path for path in trail_files(folder) if day_of(path) >= since[:10]]
    of_process = [chain.from_iterable(map(_entries_of, [*found])) for _, found in groupby(files, _process_of)]
    for entry in heapq.merge(*of_process, key=lambda entry: entry.time):
        if entry.time >= since and user in ("", entry.user):
            yield entry


def trail_files(folder: Path) -> list[Path]:
    """The files of a trail, by process and day."""
    return sorted(path for path in folder.glob("*.jsonl") if day_of(path))


def day_of(path: Path) -> str:
    """The UTC day of a file of the trail; empty where it is none.

    >>> day_of(Path("controller-2030-01-31.jsonl"))
    '2030-01-31'
    """
    day = path.stem[-10:]
    return day if DAY.fullmatch(day) else ""


def _process_of(path: Path) -> str:
    return path.stem[:-11]


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _entries_of(path: Path) -> Iterator[TrailEntry]:
    empty: dict[str, Any] = dict.fromkeys(("user", "role", "address", "what", "about"), "")
    nothing = TrailEntry(time="", process="", status=None, outcome="unanswered", **empty)
    with path.open(errors="replace") as lines:
        for line in lines:
            try:
                yield replace(nothing, **json.loads(line))
            except (ValueError, TypeError):  # cut short, or of a later version
                continue
