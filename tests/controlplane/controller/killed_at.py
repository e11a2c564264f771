"""A program that does one thing after the other to services, each in a process that dies at a failpoint.

``python -m tests.controlplane.controller.killed_at FOLDER``, with ``LIGHTLOOP_FAILPOINTS=@FILE``. Each case
has a folder of its own, with what was on disk when SIGKILL came; a line says the case and how its process
ended. Not here: what must stand afterwards (``test_killed_at.py``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controlplane.failpoints import VARIABLE
from controlplane.tapi.service_body import ServiceRequest, parse_service
from controlplane.tapi.service_patch import patched
from tests.controlplane.controller.conftest import Lab
from tests.controlplane.controller.test_protection import SERVICE, body_of


def _drain(lab: Lab) -> None:
    lab.manager.draining.drain(["A", "C"])


def _undrain(lab: Lab) -> None:
    lab.manager.draining.drain(["A", "C"])
    lab.manager.draining.undrain(["A", "C"])


def _widen(lab: Lab) -> None:
    _change(lab, {"requested-capacity": {"total-size": {"value": "100", "unit": "GBPS"}}})


def _lock(lab: Lab) -> None:
    _change(lab, {"administrative-state": "LOCKED"})


def _change(lab: Lab, members: dict[str, Any]) -> None:
    def changed(known: ServiceRequest) -> ServiceRequest:
        body = patched({SERVICE: [members]}, known.document)
        return parse_service(body, lab.naming, lab.plant.shared_spectrum)

    for service in lab.state.services():
        if not service.request.protects:
            lab.manager.changes.change(service.uuid, changed)


def _schedule(lab: Lab) -> None:
    lab.manager.create(lab.request("B", "E", 25, starts_s=time.time() + 3600.0))


def _start(lab: Lab) -> None:
    lab.manager.create(lab.request("B", "E", 25, starts_s=time.time() + 0.5))
    time.sleep(0.6)
    lab.manager.scheduled.start_due()


_MOVING = ("computed", "reserved", "configured", "stored")
# What is done, where it is done to, and the failpoint it dies at.
CASES: Mapping[str, tuple[Callable[[Lab], None], str]] = {
    **{f"drain-{at}": (_drain, f"controller.{at}") for at in ("drained", *_MOVING)},
    "undrain-undrained": (_undrain, "controller.undrained"),
    **{f"change-{at}": (_widen, f"controller.{at}") for at in _MOVING},
    "lock-relocked": (_lock, "controller.relocked"),
    "schedule-scheduled": (_schedule, "controller.scheduled"),
    **{f"start-{at}": (_start, f"controller.{at}") for at in ("configured", "stored")},
}


def stand(lab: Lab) -> None:
    """What stands before: the link A-C carries one service, and one lightpath of another."""
    lab.manager.create(lab.request("A", "C", 25))
    protected = parse_service(body_of(lab, "A", "C"), lab.naming, lab.plant.shared_spectrum)
    lab.manager.create(protected)


def main(folder: Path) -> None:
    """Every case in a process of its own, forked before anything has begun a thread."""
    points = Path(os.environ[VARIABLE].removeprefix("@"))
    for name, (act, place) in CASES.items():
        points.unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            lab = Lab(folder / name)
            stand(lab)
            points.write_text(f"{place}=kill")
            act(lab)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        print(name, os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
