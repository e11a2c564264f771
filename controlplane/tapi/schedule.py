"""When a service begins and ends, as its client tells it: ``schedule`` of a connectivity service.

Read as RFC 3339, or in the spelling that TAPI 2.1.3 gives for its ``date-and-time``; kept as it was written.
Not here: who sets the service up then (``controller/scheduled.py``), and releases it (``services.py``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.tapi.errors import invalid

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,18})?([Zz]|[+-]\d\d:\d\d)")
_TAPI = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,18})?(?:(Z)|([+-]\d\d):?(\d\d))")
EXAMPLE = "2031-05-01T18:00:00Z"


def parse_schedule(schedule: Mapping[str, Any], path: str) -> tuple[float | None, float | None]:
    """When a service begins and when it ends, in seconds since 1970 UTC; None where nothing is told.

    Whether that is past is not looked at: a body that was taken once is taken again.

    Args:
        schedule: canonical.
        path: of it, for errors.

    Raises:
        TapiError: 400, a time that cannot be read, or an end that is not after the start.
    """
    start, end = schedule.get("start-time"), schedule.get("end-time")
    starts_s = None if start is None else read_time(start, f"{path}/start-time")
    ends_s = None if end is None else read_time(end, f"{path}/end-time")
    if starts_s is not None and ends_s is not None and ends_s <= starts_s:
        raise invalid(
            f"{path}/end-time: {end} is not after start-time, {start}; give a later end, or leave it out",
            f"{path}/end-time",
        )
    return starts_s, ends_s


def refuse_past_end(ends_s: float | None, path: str, now_s: float) -> None:
    """Return where a service that is to be made has not ended already.

    Raises:
        TapiError: 400, its end is not after ``now_s``.
    """
    if ends_s is not None and ends_s <= now_s:
        raise invalid(
            f"{path}/schedule/end-time: {told_time(ends_s)} is past, it is {told_time(now_s)} now; give a "
            "time to come, or leave it out",
            f"{path}/schedule/end-time",
        )


def read_time(text: str, path: str) -> float:
    """A time in seconds since 1970 UTC.

    >>> read_time("1970-01-01T01:00:00+01:00", "end")
    0.0
    >>> read_time("19700101000001.5Z", "end")
    1.5

    Raises:
        TapiError: 400, another spelling, no zone, or no day of the calendar.
    """
    spelled = text.strip()
    if found := _TAPI.fullmatch(spelled):
        year, month, day, hour, minute, second, fraction, utc, zone_h, zone_min = found.groups()
        zone = "+00:00" if utc else f"{zone_h}:{zone_min}"
        spelled = f"{year}-{month}-{day}T{hour}:{minute}:{second}{fraction or ''}{zone}"
    try:
        if not _RFC_3339.fullmatch(spelled):
            raise ValueError
        moment_s = datetime.fromisoformat(spelled.upper()).timestamp()
    except (ValueError, OverflowError):
        raise invalid(
            f"{path}: {text[:60]!r} is no date and time with a zone (RFC 3339), e.g. {EXAMPLE}", path
        ) from None
    return moment_s


def told_time(time_s: float) -> str:
    """RFC 3339 in UTC.

    >>> told_time(0.5)
    '1970-01-01T00:00:00.500000Z'

    Raises:
        TapiError: 400, a time beyond the calendar.
    """
    try:
        if not math.isfinite(time_s):
            raise ValueError
        return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        raise invalid(f"end {time_s}: seconds since 1970 UTC are needed") from None
