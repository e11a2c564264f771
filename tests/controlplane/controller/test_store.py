"""The database: what it keeps over a restart, whom it refuses, and what happens when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from controlplane.controller import tables
from controlplane.controller.claim import ClaimLostError
from controlplane.controller.database import StoreError
from controlplane.controller.store import Store, Writing
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
    lab.stop()
    with pytest.raises(StoreError, match="delete them first"):
        Store(lab.database, "another/plant")
    lab.start()
    lab.manager.delete(service.uuid)
    lab.stop()
    other = Store(lab.database, "another/plant")
    assert (other.version(), other.identity != lab.store.identity) == (0, True)
    other.close()


@ON_BOTH
def test_the_steps_make_the_declared_tables_and_take_a_database_from_before_them(lab: Any) -> None:
    engine = lab.store._engine
    lab.manager.create(lab.request("A", "D"))
    before = lab.state.services()

    def differences() -> list[Any]:
        with engine.connect() as connection:
            return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    assert differences() == []
    lab.stop()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("DROP TABLE failed_links"))
        connection.execute(text("DROP TABLE claim"))
        connection.execute(text("DROP TABLE subscriptions"))
        connection.execute(text("DROP TABLE drained"))
    lab.start()
    assert differences() == []
    assert lab.state.services() == before


@ON_BOTH
def test_a_database_that_a_newer_version_changed_is_refused(lab: Any) -> None:
    lab.stop()
    with lab.store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of tomorrow'"))
    with pytest.raises(StoreError, match="of tomorrow, which this version does not know"):
        lab.start()


def test_a_database_that_does_not_answer_is_refused_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://lightloop:secret@/state?host={tmp_path}"
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Store(url, "any/plant")
    assert str(tmp_path) in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_second_controller_gets_no_database_that_the_first_one_holds(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.controller.claim.WAIT_S", 0.1)
    with pytest.raises(StoreError, match="another controller"):
        Store(lab.database, lab.plant.identity)
    request = lab.request("A", "D")
    lab.store.close()  # as a connection that is lost; meanwhile another one comes, and writes
    other = Store(lab.database, lab.plant.identity)
    with pytest.raises(TapiError, match="database failed"):
        lab.manager.create(request)
    assert "another controller" in lab.store.trouble()
    with other.writing() as writing:
        writing.fail_link("A", "B", {"kind": "link-failed", "nodes": ["A", "B"]}, [])
    other.close()
    assert not lab.store.trouble()
    with pytest.raises(TapiError, match="ClaimLostError"):
        lab.manager.create(request)
    service, _ = lab.manager.create(request)
    assert service.path.nodes[:2] != ("A", "B")
    assert (lab.state.version, lab.state.services()) == (2, lab.store.services())
    lab.assert_elements_hold_the_state()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_server_that_ended_every_connection_is_met_again(
    lab: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.controller.claim.WAIT_S", 0.1)
    lab.manager.create(lab.request("A", "D"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    epoch = lab.store.claim.epoch
    lab.manager.create(lab.request("B", "E"))  # nobody was in charge meanwhile
    assert (lab.store.version(), lab.store.trouble()) == (2, "")
    assert lab.state.services() == lab.store.services()
    lab.store.claim.keep()
    with pytest.raises(StoreError, match="another controller"):
        Store(lab.database, lab.plant.identity)
    assert lab.store.claim.epoch == epoch


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_one_that_waits_takes_over_from_a_silent_one_whose_transactions_then_change_nothing(lab: Any) -> None:
    lab.manager.create(lab.request("A", "D"))
    before, seen = lab.state.services(), []
    with lab.store._engine.connect() as frozen:  # in the middle of a write
        assert lab.store.claim.holds(frozen)

        other = Store(lab.database, lab.plant.identity, "http://other", 0.3, seen.append)

        with pytest.raises(OperationalError):
            frozen.execute(text("UPDATE services SET position = 7"))
    assert seen, "it did not wait"
    assert seen[0].name == lab.store.claim._name
    assert other.claim.epoch > lab.store.claim.epoch
    assert other.services() == before
    with pytest.raises((ClaimLostError, OperationalError)):
        lab.store.claim.keep()
    with pytest.raises(ClaimLostError):
        lab.store.claim.keep()
    other.claim.keep()
    other.close()


class Failing:
    """A store whose writes fail, before or after they are done."""

    def __init__(self, inner: Store, done: bool) -> None:
        self._inner, self._done = inner, done

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        failure = OperationalError("COMMIT", {}, Exception("disk full, or the connection lost"))
        with self._inner.writing() as writing:
            yield writing
            if not self._done:
                raise failure
        raise failure


@ON_BOTH
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done all the same"])
@pytest.mark.parametrize("method", ["install", "remove", "cut"])
def test_a_database_that_fails_leaves_state_store_and_elements_equal(
    lab: Any, method: str, done: bool
) -> None:
    kept, _ = lab.manager.create(lab.request("A", "C"))
    request = lab.request("A", "D")
    lab.manager.writer.store = Failing(lab.store, done)
    change, asked = {
        "install": (lab.manager.create, request),
        "remove": (lab.manager.delete, kept.uuid),
        "cut": (lab.manager.fail_link, kept.path.nodes[:2]),
    }[method]
    with pytest.raises(TapiError, match="database failed") as caught:
        change(asked)
    assert caught.value.status == 503
    lab.manager.writer.store = lab.store
    lab.manager.maintain()
    lab.assert_elements_hold_the_state()
    assert lab.state.services() == lab.store.services()
    assert lab.state.version == lab.store.version()
    there = {service.uuid for service in lab.state.services()}
    expected = {"install": {kept.uuid, request.uuid}, "remove": set(), "cut": {kept.uuid}}
    assert there == (expected[method] if done else {kept.uuid})
    assert all(service.path for service in lab.state.services())
    assert len(lab.state.failed_links) == (method == "cut" and done)
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
