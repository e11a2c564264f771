"""The operation record: the life of every request, and windows of it that can be lived through again.

Where to go:
  making.py                record_until: the record brought up to date; window_of: a stored window out of it.
                           Flows and commands call these. first.py: a window of the first requests
  record.py                an ask, a change, a life; the schemas of what comes from outside
  sources.py               reading the decision log and the controller's change log
  lives.py                 the join
  store.py                 files by day, brought up to date; forget.py: old days forgotten
  window.py, order.py      a window out of the record; times in the order of the changes
  holding.py               Kaplan-Meier holding times
"""

from tasks.operation.making import StoredWindow, record_until, record_until_task, stretch_of, window_of
from tasks.operation.record import OperationError
from tasks.operation.sources import Operation

__all__ = [
    "Operation",
    "OperationError",
    "StoredWindow",
    "record_until",
    "record_until_task",
    "stretch_of",
    "window_of",
]
