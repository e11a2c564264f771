"""The decision log's writer: a row is on disk before it is acknowledged. Reading: ``read_decisions``.

What a challenger answers comes later than the row that it belongs to: it is appended as a line of its own,
which nobody waits for, and becomes a part of the row when the part is read or closed.

One thread writes: it takes whatever rows wait, appends them, syncs once, and wakes all who wait (group
commit), so the event loop never waits for a disk. Full or old parts are turned into parquet by a second
thread, so that no decision waits for that either. Not here: file names and recovery
(``decision_parts.py``), columns (``decision_record.py``).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from controlplane.pce.decision_parts import (
    AMENDS,
    OPEN_SUFFIX,
    close_part,
    next_stem,
    read_decisions,
    recover,
    sync_folder,
)
from controlplane.pce.decision_record import DecisionRecord

__all__ = ["DecisionLog", "DecisionLogError", "read_decisions"]

_logger = logging.getLogger(__name__)
_PROBE_BYTES = 4096  # about a row


class DecisionLogError(ValueError):
    """A decision log that cannot be opened or written; names the folder and the reason."""


@dataclass(frozen=True)
class _Waiting:
    line: bytes
    stored: Future[None] | None  # None: nobody waits


class DecisionLog:
    """A folder of parts with one writer. ``close`` turns the open part into parquet.

    Args:
        folder: made when it does not exist; parts that a killed process left open are closed first.
        part_rows: a part is closed when it holds this many rows.
        part_s: or when its first row is this old.
        sync: makes appended bytes durable; replaced in tests and measurements.

    Raises:
        DecisionLogError: another process writes this log, or the folder cannot be written.
    """

    def __init__(
        self, folder: Path, part_rows: int, part_s: float, sync: Callable[[int], None] = os.fsync
    ) -> None:
        self._folder = folder
        self._part_rows = part_rows
        self._part_s = part_s
        self._sync = sync
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DecisionLogError(f"{folder}: another PCE writes this decision log; stop it first") from None
        except OSError as error:
            raise DecisionLogError(
                f"{folder}: the decision log cannot be written: {error.strerror}"
            ) from None
        for file in recover(folder):
            _logger.info("recovered %s from an open part that a stopped process left", file.name)
        self._stream: IO[bytes] | None = None
        self._stream_file = folder
        self._num_rows = 0
        self._opened_s = 0.0
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closer = ThreadPoolExecutor(1, thread_name_prefix="decision-log-close")
        self._writer = threading.Thread(target=self._write_forever, name="decision-log-write", daemon=True)
        self._writer.start()

    def append(self, record: DecisionRecord) -> Future[None]:
        """A future that is done once the row is on disk; it raises ``DecisionLogError`` when that failed."""
        return self._append(record.row())

    def _append(self, row: Mapping[str, Any]) -> Future[None]:
        stored: Future[None] = Future()
        self._queue.put(_Waiting(_line(row), stored))
        return stored

    def amend(self, decision_id: str, columns: Mapping[str, Any]) -> None:
        """Add columns to a row that is stored; it is on disk with the next one.

        Nothing waits for it. Where the row's part has been closed meanwhile it is lost.
        """
        self._queue.put(_Waiting(_line({AMENDS: decision_id, **columns}), None))

    async def stored(self, record: DecisionRecord) -> dict[str, Any]:
        """The row of a decision, once it is on disk.

        Raises:
            DecisionLogError: it could not be written; nothing of it is in the log.
        """
        row = record.row()
        await asyncio.wrap_future(self._append(row))
        return row

    def trouble(self) -> str:
        """Why a row could not be written now, tried with a file of its own; empty where it could."""
        file = self._folder / ".writable"
        try:
            with file.open("wb", buffering=0) as stream:
                stream.write(bytes(_PROBE_BYTES))
                self._sync(stream.fileno())
            file.unlink(missing_ok=True)  # another question may have done it
        except OSError as error:
            return f"{self._folder}: the decision log cannot be written: {error.strerror}"
        return ""

    def close(self) -> None:
        """Write what waits, close the open part, let another process have the folder. Safe to repeat."""
        if self._lock.closed:
            return
        self._queue.put(None)
        self._writer.join()
        self._closer.shutdown(wait=True)
        self._lock.close()

    def _write_forever(self) -> None:
        ended = False
        while not ended:
            waiting, ended = self._take()
            if waiting:
                self._write(waiting)
            full = self._num_rows >= self._part_rows
            old = time.monotonic() - self._opened_s >= self._part_s
            if self._stream is not None and (ended or full or old):
                self._rotate()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Rows that wait, and whether the log ends. Waits for the first, or until the part is too old."""
        timeout_s = None
        if self._stream is not None:
            timeout_s = max(0.0, self._opened_s + self._part_s - time.monotonic())
        waiting: list[_Waiting] = []
        try:
            item = self._queue.get(timeout=timeout_s)
            while item is not None:
                waiting.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return waiting, False
        return waiting, True

    def _write(self, waiting: list[_Waiting]) -> None:
        waiting = [
            item for item in waiting if item.stored is None or item.stored.set_running_or_notify_cancel()
        ]
        rows = [item.stored for item in waiting if item.stored is not None]
        if not rows and self._stream is None:
            return  # the rows that are amended are in a part that has been closed
        rest = b"".join(item.line for item in waiting)
        end: int | None = None
        try:
            stream = self._stream or self._open()
            end = stream.tell()
            while rest:
                rest = rest[stream.write(rest) :]
            if rows:
                self._sync(stream.fileno())
        except OSError as error:
            if self._stream is not None and end is not None:
                self._take_back(self._stream, end)
            failure = DecisionLogError(f"{self._folder}: the decision cannot be logged: {error.strerror}")
            _logger.error("%s", failure)
            for stored in rows:
                stored.set_exception(failure)
            return
        self._num_rows += len(rows)
        for stored in rows:
            stored.set_result(None)

    def _take_back(self, stream: IO[bytes], end: int) -> None:
        # Half a line must not stay in front of later rows; if even this fails the part ends here.
        try:
            stream.truncate(end)
            stream.seek(end)
        except OSError:
            self._rotate()

    def _open(self) -> IO[bytes]:
        self._stream_file = self._folder / f"{next_stem(self._folder)}{OPEN_SUFFIX}"
        stream = self._stream_file.open("xb", buffering=0)
        self._stream, self._num_rows, self._opened_s = stream, 0, time.monotonic()
        sync_folder(self._folder)
        return stream

    def _rotate(self) -> None:
        assert self._stream is not None
        self._stream.close()
        self._stream = None
        self._closer.submit(_close_quietly, self._stream_file)


def _line(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _close_quietly(file: Path) -> None:
    try:
        close_part(file)
    except (OSError, ValueError) as error:
        # The rows are safe in the open part; the next start closes it.
        _logger.error("%s stays open: %s", file, error)
