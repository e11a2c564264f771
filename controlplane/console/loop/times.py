"""Times as the person before the page reads them: local, with UTC on hover. Pure."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo


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


def utc(time_s: float) -> str:
    """The same in UTC, with year and second.

    >>> utc(0.0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
