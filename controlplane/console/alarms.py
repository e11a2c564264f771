"""Alarms: what the controller and the PCE say is amiss, since when, and who has taken note; kept in a file.

An alarm is there while its reason is told. One that ends before anybody took note stays, marked as ended,
until somebody does. Not here: who is asked for reasons (``feed.py``), looks (``alarm_panel.py``).
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

MOST = 200  # that are kept
# What a reason is about, by the first word found in it; by its source where none is.
_ABOUT = (
    ("disk", re.compile(r"space left|disk|cannot be written|read-only", re.IGNORECASE)),
    ("elements", re.compile(r"element", re.IGNORECASE)),
    ("model", re.compile(r"model|serves|decides", re.IGNORECASE)),
    ("stale data", re.compile(r"databases|in step|behind", re.IGNORECASE)),
    ("services", re.compile(r"without a lightpath", re.IGNORECASE)),
)
_NUMBER = re.compile(r"\d+(\.\d+)?")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alarm:
    """One thing that is amiss.

    Attributes:
        source: who tells it: ``controller`` or ``PCE``.
        about: ``disk``, ``elements``, ``model``, ``stale data``, ``services``, or the source.
        text: the reason, as told last.
        since_s: first told, in seconds since 1970 UTC.
        ended_s: told no more since; None while it is.
        noted_by, noted_s: who took note of it, and when; empty and None while nobody has.
    """

    source: str
    about: str
    text: str
    since_s: float
    ended_s: float | None = None
    noted_by: str = ""
    noted_s: float | None = None

    @property
    def key(self) -> str:
        """The same as long as the reason is, whatever numbers are in it."""
        return f"{self.source}: {_NUMBER.sub('#', self.text)}"


def about(source: str, reason: str) -> str:
    """What a reason is about.

    >>> about("PCE", "no model is in service; ksp_ff decides"), about("controller", "not reachable")
    ('model', 'controller')
    """
    return next((name for name, pattern in _ABOUT if pattern.search(reason)), source)


class AlarmBook:
    """The alarms of one installation.

    Args:
        file: where they are kept; None: in memory only.
        clock: tells the time, since 1970 UTC.
    """

    def __init__(self, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = file, clock
        self._alarms: dict[str, Alarm] = {}
        for alarm in _read(file) if file else ():
            self._alarms[alarm.key] = alarm

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Those that nobody has noted first, then the newest."""
        return tuple(
            sorted(self._alarms.values(), key=lambda each: (bool(each.noted_by), -each.since_s, each.key))
        )

    def tell(self, source: str, reasons: Sequence[str]) -> None:
        """All that a source says is amiss now; what it said before and says no more has ended."""
        before, now_s = dict(self._alarms), self._clock()
        told: set[str] = set()
        for reason in reasons:
            new = Alarm(source, about(source, reason), reason, now_s)
            told.add(new.key)
            known = self._alarms.get(new.key)
            if known is None or known.ended_s is not None:  # one that comes back is to be noted anew
                self._alarms[new.key] = new
            else:
                self._alarms[new.key] = replace(known, text=reason)
        for key, alarm in before.items():
            if alarm.source == source and key not in told and alarm.ended_s is None:
                if alarm.noted_by:
                    del self._alarms[key]
                else:
                    self._alarms[key] = replace(alarm, ended_s=now_s)
        for alarm in self.alarms[MOST:]:
            del self._alarms[alarm.key]
        if {key: _kept(alarm) for key, alarm in before.items()} != {
            key: _kept(alarm) for key, alarm in self._alarms.items()
        }:
            self._write()

    def note(self, key: str, by: str) -> Alarm | None:
        """Somebody takes note of an alarm, which is returned; None: it is not there any more."""
        alarm = self._alarms.get(key)
        if alarm is None:
            return None
        if alarm.ended_s is not None:
            del self._alarms[key]
        else:
            self._alarms[key] = replace(alarm, noted_by=by, noted_s=self._clock())
        self._write()
        return alarm

    def _write(self) -> None:
        if self._file is None:
            return
        temporary = self._file.with_suffix(".tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w") as stream:
                json.dump([asdict(alarm) for alarm in self._alarms.values()], stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(self._file)
        except OSError as error:  # a full disk is one of the alarms: it must still be shown
            log.warning("%s: alarms cannot be kept: %s", self._file, error.strerror)


def _kept(alarm: Alarm) -> Alarm:
    """An alarm without what changes all the time."""
    return replace(alarm, text="")


def _read(file: Path) -> list[Alarm]:
    try:
        return [Alarm(**entry) for entry in json.loads(file.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s: alarms of before cannot be read, and begin anew: %s", file, error)
        return []


def words(alarm: Alarm, now_s: float) -> str:
    """How long an alarm has been there, and who noted it.

    >>> words(Alarm("PCE", "model", "late", 100.0, None, "ann", 160.0), 220.0)
    'for 2 min · noted by ann'
    """
    until_s = now_s if alarm.ended_s is None else alarm.ended_s
    lasted = _lasted(max(0.0, until_s - alarm.since_s))
    state = f"for {lasted}" if alarm.ended_s is None else f"lasted {lasted}, over now"
    return state + (f" · noted by {alarm.noted_by}" if alarm.noted_by else "")


def _lasted(span_s: float) -> str:
    for unit, size_s in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if span_s >= size_s:
            return f"{span_s / size_s:.0f} {unit}"
    return f"{span_s:.0f} s"


def num_open(alarms: Sequence[Alarm]) -> int:
    """How many nobody has noted."""
    return sum(not alarm.noted_by for alarm in alarms)
