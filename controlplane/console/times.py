"""Times as the person before the page reads them: local, with UTC on hover. Pure."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from zoneinfo import ZoneInfo

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # as commands spell a time


@dataclass(frozen=True)
class Clock:
    """Of one browser: in its time zone."""

    zone: tzinfo = UTC

    @classmethod
    def of(cls, name: str) -> Clock:
        """By the name of a time zone; UTC where there is none of that name.

        >>> Clock.of("Nowhere/At all").local(0.0)
        '1 Jan 00:00'
        """
        with contextlib.suppress(ValueError, OSError, LookupError):
            return cls(ZoneInfo(name))
        return cls()

    def local(self, time_s: float) -> str:
        """Day and minute, of seconds since 1970-01-01 UTC.

        >>> Clock.of("Europe/Madrid").local(0.0)
        '1 Jan 01:00'
        """
        moment = datetime.fromtimestamp(time_s, self.zone)
        return f"{moment.day} {moment:%b %H:%M}"

    def second(self, time_s: float) -> str:
        """Hour, minute and second of the day.

        >>> Clock.of("Europe/Madrid").second(1.0)
        '01:00:01'
        """
        return f"{datetime.fromtimestamp(time_s, self.zone):%H:%M:%S}"

    def html(self, time_s: float) -> str:
        """The time as HTML: local, UTC on hover."""
        return f"<time title='{utc(time_s)}'>{escape(self.local(time_s))}</time>"

    def html_of(self, words: str) -> str:
        """Words as HTML in which each time that a command told is local, UTC on hover.

        >>> Clock.of("Europe/Madrid").html_of("made 1970-01-01T00:00:00Z & kept")
        "made <time title='1970-01-01 00:00:00 UTC'>1 Jan 01:00</time> &amp; kept"
        """
        return _STAMP.sub(
            lambda found: self.html(datetime.fromisoformat(found[0]).timestamp()), escape(words)
        )


def utc(time_s: float) -> str:
    """The same in UTC, with year and second.

    >>> utc(0.0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
