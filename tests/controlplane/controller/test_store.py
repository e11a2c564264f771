"""The database: what it keeps over a restart, whom it refuses, and what happens when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from controlplane.controller import tables
from controlplane.controller.database import StoreError
from controlplane.controller.store import Store
from controlplane.tapi.errors import TapiError
from tests.controlplane.controller.conftest import ON_BOTH


@ON_BOTH
def test_a_restart_keeps_services_versions_and_store_identity(lab: Any) -> None:
    for pair in ("AD", "BE", "CA"):
        lab.manager.create(lab.request(*pair))
    before, identity, lit = lab.state.services(), lab.store.identity, lab.state.lit.by_port()
    feed = lab.state.feed(0)
    lab.stop()
    lab.start()
    assert lab.state.services() == before
    assert [s.request.document for s in lab.state.services()] == [s.request.document for s in before]
    assert (lab.store.identity, lab.state.version, lab.state.lit.by_port()) == (identity, 3, lit)
    assert lab.state.feed(0) == feed


@ON_BOTH
def test_a_database_of_another_plant_is_refused_while_it_holds_services(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "D"))
    with pytest.raises(StoreError, match="delete them first"):
        Store(lab.database, "another/plant")
    lab.manager.delete(service.uuid)
    other = Store(lab.database, "another/plant")
    assert (other.version(), other.identity != lab.store.identity) == (0, True)
    other.close()


def test_a_database_that_does_not_answer_is_refused_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://lightloop:secret@/state?host={tmp_path}"
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Store(url, "any/plant")
    assert str(tmp_path) in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_server_that_ended_every_connection_is_met_again(lab: Any, database: str) -> None:
    lab.manager.create(lab.request("A", "D"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    lab.manager.create(lab.request("B", "E"))
    assert (lab.store.version(), lab.store.trouble()) == (2, "")
    assert lab.state.services() == lab.store.services()


class Failing:
    """A store whose writes fail, before or after they are done."""

    def __init__(self, inner: Any, method: str, done: bool) -> None:
        self._inner, self._method, self._done = inner, method, done

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)

        def call(*args: Any) -> Any:
            if self._done:
                attribute(*args)
            raise OperationalError(name, {}, Exception("disk full, or the connection lost"))

        return call if name == self._method else attribute


@ON_BOTH
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done all the same"])
@pytest.mark.parametrize("method", ["plan", "install", "remove"])
def test_a_database_that_fails_leaves_state_store_and_elements_equal(
    lab: Any, method: str, done: bool
) -> None:
    kept, _ = lab.manager.create(lab.request("A", "C"))
    request = lab.request("A", "D")
    lab.manager._store = Failing(lab.store, method, done)
    with pytest.raises(TapiError, match="database failed") as caught:
        lab.manager.delete(kept.uuid) if method == "remove" else lab.manager.create(request)
    assert caught.value.status == 503
    lab.manager._store = lab.store
    lab.manager.maintain()
    lab.assert_elements_hold_the_state()
    assert lab.state.services() == lab.store.services()
    assert lab.state.version == lab.store.version()
    there = {service.uuid for service in lab.state.services()}
    expected = {"plan": {kept.uuid}, "install": {kept.uuid, request.uuid}, "remove": set()}
    assert there == (expected[method] if done else {kept.uuid})
    lab.manager.create(request)
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()


@ON_BOTH
def test_what_an_older_version_did_not_store_is_read_from_the_log(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    lab.manager.fail_link(service.path.nodes[:2])
    lab.manager.create(lab.request("B", "D", 25))
    known = lab.state.services()
    assert [(item.set_up_version, item.set_up_cause) for item in known] == [(4, "restore"), (5, "create")]
    assert known[0].began_s < known[0].set_up_s
    with lab.store._engine.begin() as connection:
        for row in connection.execute(select(tables.services)).all():
            stripped = {
                name: json.dumps(
                    {k: v for k, v in json.loads(text).items() if k[:6] not in ("set_up", "began_")}
                )
                for name, text in (("request", row.request), ("path", row.path))
            }
            connection.execute(
                update(tables.services).where(tables.services.c.uuid == row.uuid).values(**stripped)
            )
    lab.stop()
    lab.start()
    assert lab.state.services() == known
