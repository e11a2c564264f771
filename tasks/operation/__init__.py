"""The operation record: the life of every request, and windows of it that can be lived through again.

Where to go:
  window_of in making.py   a stored window of a span of time, or of the last requests; what flows and commands
                           call; first.py: of the first requests since a moment
  record.py                an ask, a change, a life; the schemas of what comes from outside
  sources.py               reading the decision log and the controller's change log
  lives.py                 the join
  store.py                 files by day, brought up to date
  window.py, order.py      a window out of the record; times in the order of the changes
  holding.py               Kaplan-Meier holding times
"""

from tasks.operation.making import StoredWindow, window_of, window_of_task
from tasks.operation.record import OperationError
from tasks.operation.sources import Operation

__all__ = ["Operation", "OperationError", "StoredWindow", "window_of", "window_of_task"]
