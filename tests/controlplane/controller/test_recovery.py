"""Wherever the controller or an element dies: nothing acknowledged is lost, no element is left halfway."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from controlplane.controller.store import Store
from controlplane.elements.app import build_app
from controlplane.elements.interface import CrossConnect, Edit, ElementError, Southbound, UnreachableError
from controlplane.tapi.errors import TapiError

STEPS = ("edit", "running")


class Killed(BaseException):
    """The process is gone: nothing after this is executed by it."""


class Mortal:
    """Passes calls on until the deadly one; after that nothing gets through, as from a dead process."""

    def __init__(self, inner: Any, methods: tuple[str, ...], life: Life) -> None:
        self._inner = inner
        self._methods = methods
        self._life = life

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name not in self._methods:
            return attribute

        def call(*args: Any, **keywords: Any) -> Any:
            with self._life.lock:
                self._life.before(name)
                result = attribute(*args, **keywords)
                self._life.after()
                return result

        return call


class MortalStore:
    """A store whose process dies before a transaction is stored, or after."""

    def __init__(self, inner: Store, life: Life) -> None:
        self._inner, self._life = inner, life

    @contextmanager
    def writing(self) -> Iterator[Any]:
        with self._life.lock:
            with self._inner.writing() as writing:
                yield writing
                self._life.before("writing")
            self._life.after()


class Life:
    """Dies before or after the n-th call."""

    def __init__(self, deadly: int, after: bool) -> None:
        self.deadly, self.dies_after = deadly, after
        self.calls: list[str] = []
        self.dead = False
        self.lock = threading.RLock()

    def before(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.calls.append(name)
        if len(self.calls) == self.deadly and not self.dies_after:
            self.dead = True
            raise Killed

    def after(self) -> None:
        if self.dead:
            raise Killed
        if len(self.calls) == self.deadly and self.dies_after:
            self.dead = True
            raise Killed


def reborn(lab: Any) -> None:
    """A new controller on the same files; the elements have lived on. Its background work has run once."""
    lab.start()
    lab.manager.maintain()


def mortal_start(lab: Any, number: int, after: bool) -> Life:
    """A new controller, its elements audited, that dies before or after so many calls from now."""
    life = Life(0, after)
    lab.start(lambda southbound: Mortal(southbound, STEPS, life))
    lab.manager.maintain()
    lab.manager.writer.store = MortalStore(lab.store, life)
    life.deadly = len(life.calls) + number
    return life


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_point_of_a_creation_leaves_all_or_nothing(lab: Any, after: bool) -> None:
    kept = lab.manager.create(lab.request("A", "C"))[0]
    number = 0
    dead = True
    while dead:
        number += 1
        lab.stop()
        life = mortal_start(lab, number, after)
        request = lab.request("A", "D", 25)
        try:
            lab.manager.create(request)
            acknowledged = True
        except Killed:
            acknowledged = False
        dead = life.dead
        reborn(lab)
        uuids = {service.uuid for service in lab.state.services()}
        assert kept.uuid in uuids
        assert request.uuid in uuids or not acknowledged, f"lost what was acknowledged: {life.calls}"
        lab.assert_elements_hold_the_state()
        lab.assert_no_slot_is_lit_twice()
        # Whoever got no answer may ask again, and gets the service.
        service, _ = lab.manager.create(request)
        assert service.path is not None
        lab.assert_elements_hold_the_state()
        lab.manager.delete(request.uuid)
    assert number > 3, "the points of death were not reached"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_point_of_a_deletion_leaves_all_or_nothing(lab: Any, after: bool) -> None:
    number = 0
    dead = True
    while dead:
        number += 1
        service, _ = lab.manager.create(lab.request("A", "D"))
        lab.stop()
        life = mortal_start(lab, number, after)
        try:
            lab.manager.delete(service.uuid)
            acknowledged = True
        except Killed:
            acknowledged = False
        dead = life.dead
        reborn(lab)
        uuids = {item.uuid for item in lab.state.services()}
        assert not (acknowledged and service.uuid in uuids)
        lab.assert_elements_hold_the_state()
        if service.uuid in uuids:
            lab.manager.delete(service.uuid)
        assert not any(lab.held().values())
    assert number > 3


class Flaky:
    """Elements of which one fails a step: refuses, does not answer, or does it and the answer gets lost."""

    def __init__(self, inner: Southbound, node: str, step: str, how: str) -> None:
        self._inner, self._node, self._step, self._how = inner, node, step, how
        self.broken = True

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)

        def call(node: str, *args: Any) -> Any:
            if self.broken and node == self._node and self._how == "away":
                raise UnreachableError(node, "does not answer")
            if self.broken and node == self._node and name == self._step:
                if self._how == "answer lost":
                    attribute(node, *args)
                    self.broken = False
                    raise UnreachableError(node, "timed out")
                raise ElementError(node, "operation-failed", "does not want to")
            return attribute(node, *args)

        return call if name in STEPS else attribute


@pytest.mark.parametrize("how", ["refuses", "answer lost", "away"])
@pytest.mark.parametrize("which", [0, -1])
def test_one_failing_element_undoes_the_others(lab: Any, how: str, which: int) -> None:
    node = ("A", "D")[which]
    lab.stop()
    flaky: list[Flaky] = []

    def wrap(southbound: Southbound) -> Any:
        flaky.append(Flaky(southbound, node, "edit", how))
        return flaky[0]

    lab.start(wrap)
    flaky[0].broken = False
    lab.manager.maintain()
    flaky[0].broken = True
    request = lab.request("A", "D")
    with pytest.raises(TapiError, match=f"element {node}") as caught:
        lab.manager.create(request)
    assert caught.value.status == 503
    assert lab.state.services() == ()
    assert not any(lab.state.lit.by_port().values())
    if how != "away":
        lab.assert_elements_hold_the_state()
    flaky[0].broken = False
    lab.manager.create(request)
    lab.assert_elements_hold_the_state()


def test_an_element_that_holds_something_else_is_not_trusted(lab: Any) -> None:
    class Forgetful:
        """Takes an edit and forgets it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(lab.host, name)

        def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
            return lab.host.edit(node, Edit(remove=edit.remove) if node == "D" else edit)

    lab.stop()
    lab.start(lambda southbound: Forgetful())
    with pytest.raises(TapiError, match="element D: does not hold"):
        lab.manager.create(lab.request("A", "D"))
    lab.assert_elements_hold_the_state()


def test_elements_that_restart_during_a_configuration_are_brought_to_the_state(lab: Any) -> None:
    class Rebooting:
        """Reboots its elements once, when one of two has been edited."""

        edits = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(lab.host, name)

        def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
            with rebooting:
                held = lab.host.edit(node, edit)
                Rebooting.edits += 1
                if Rebooting.edits == 1:
                    lab.host.close()
                    lab.host = lab.open_elements()
                    raise UnreachableError(node, "closed the connection")
                return held

    rebooting = threading.Lock()
    lab.stop()
    lab.start(lambda southbound: Rebooting())
    with pytest.raises(TapiError, match="closed the connection"):
        lab.manager.create(lab.request("A", "B"))
    lab.manager.maintain()
    lab.assert_elements_hold_the_state()
    lab.manager.create(lab.request("A", "D"))
    lab.assert_elements_hold_the_state()


def test_elements_changed_behind_our_back_are_repaired(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "D"))
    for node in service.path.nodes:
        lab.host.edit(node, Edit(remove=(service.uuid,)))
    lab.manager.maintain(everything=True)
    lab.assert_elements_hold_the_state()


CREATOR = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.controlplane.controller import conftest
from controlplane.elements.http import HttpSouthbound
from controlplane.controller.services import ServiceManager

folder, address, deadly = Path(sys.argv[2]), sys.argv[3], int(sys.argv[5])
lab = object.__new__(conftest.Lab)
conftest.Lab.prepare(lab, folder, database=sys.argv[4])
southbound = HttpSouthbound(address, conftest.CREDENTIALS)
calls = 0

class Deadly:
    def __getattr__(self, name):
        attribute = getattr(southbound, name)
        def call(*args):
            global calls
            calls += 1
            if calls == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return attribute(*args)
        return call

lab.host = southbound
lab.start(lambda _: Deadly())
for pair in ("AD", "BE", "CA", "DB", "EC", "AC", "AD", "BE"):
    service, _ = lab.manager.create(lab.request(*pair, 25))
    print(json.dumps(service.uuid), flush=True)
"""


@pytest.fixture
def elements_address(lab: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(build_app(lab.host, lab.credentials), port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize(
    ("database", "deadly"),
    [("sqlite", 7), ("sqlite", 12), ("sqlite", 17), ("postgres", 12)],
    indirect=["database"],
)
def test_a_process_killed_between_stages_loses_nothing_acknowledged(
    lab: Any, elements_address: str, deadly: int
) -> None:
    lab.stop()
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            CREATOR,
            str(Path(__file__).parents[3]),
            str(lab.folder),
            elements_address,
            lab.database,
            str(deadly),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    acknowledged = {json.loads(line) for line in process.stdout.splitlines()}
    assert acknowledged, "it died before anything was acknowledged: choose a later point"
    reborn(lab)
    assert {service.uuid for service in lab.state.services()} >= acknowledged
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()
