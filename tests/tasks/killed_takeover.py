"""Run by ``test_takeover.py``: takes over in a child that is killed at a given step, as ``kill -9`` does.

One request a line on stdin; the child is forked, so that MLflow is imported once and not for each step.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
from typing import Any

from tasks.registry import Registry
from tasks.serving_target import ServingTarget, owning_slots
from tasks.takeover import take_over


def kill_at(place: str, attribute: str, call: int, is_after: bool) -> None:
    """Have the ``call``-th call of a function end this process, before or after it has done its work."""
    owner: Any = importlib.import_module(place)
    *path, name = attribute.split(".")
    for part in path:
        owner = getattr(owner, part)
    original, calls = getattr(owner, name), [0]

    def wrapped(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and not is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(*arguments, **named)
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, wrapped)


def main() -> None:
    import mlflow  # noqa: F401

    for line in sys.stdin:
        step, target, registry_fields, staged, version = pickle.loads(bytes.fromhex(line))
        child = os.fork()
        if child == 0:
            kill_at(*step)
            assert isinstance(target, ServingTarget)
            with owning_slots(target, "killed", timeout_s=0):
                take_over(
                    target, Registry(*registry_fields), staged, version, "promote", "test", lambda _: None
                )
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1, flush=True)


if __name__ == "__main__":
    main()
