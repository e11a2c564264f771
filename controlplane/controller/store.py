"""Services, changes and failed links in SQL. What a method returned from is on disk.

One transaction carries a change of the state together with its entry in the change log, so that neither is
ever without the other. Not here: which database and how it is reached (``database.py``), the log's pages
(``change_log.py``), the state in memory (``state.py``), who writes when (``writer.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from controlplane.controller import tables
from controlplane.controller.change_log import Appending, Change, ChangeLog, last_version
from controlplane.controller.claim import LEASE_S, Claim, ClaimHolder
from controlplane.controller.database import StoreError, open_engine
from controlplane.controller.migrate import bring_up_to_date
from controlplane.controller.recent_changes import RecentChanges
from controlplane.controller.subscription_table import SubscriptionTable
from controlplane.lightpath import Lightpath
from controlplane.tapi.connectivity import PLANNED, Service
from controlplane.tapi.context import Drained
from controlplane.tapi.purpose import CREATE, PROTECT
from controlplane.tapi.service_body import ServiceRequest

_ADD = insert(tables.services)  # made once: it knows then what SQLAlchemy has compiled of it
_PROBE = "probe"  # written to see whether there is room; SQLite writes nothing where nothing changes
_BEGAN, _REFUSED, _HOME = "began_s", "refused", "home"  # beside the request
_SET_UP = ("set_up_version", "set_up_cause", "set_up_s", "carried_gbps")  # beside the lightpath


class Store:
    """The database.

    Args:
        url: e.g. ``sqlite:////home/state/controller.db``, ``postgresql://user@host/database``.
        plant_identity: what the state describes; a database of another plant is refused unless it is empty.
        address, lease_s: of the claim (``claim.py``).
        while_held: as ``Claim.take`` takes it.

    Raises:
        StoreError: a database of another plant or of another controller, or one that cannot be opened.
    """

    def __init__(
        self,
        url: str,
        plant_identity: str,
        address: str = "",
        lease_s: float = LEASE_S,
        while_held: Callable[[ClaimHolder | None], None] | None = None,
    ) -> None:
        name = f"lightloop controller {uuid4().hex}"
        self._engine = open_engine(url, name)
        self.claim = Claim(self._engine, name, address, lease_s)
        try:
            self.claim.take(while_held)
        except OperationalError as error:
            self._engine.dispose()
            raise StoreError(
                f"{self._engine.url.render_as_string()} is in the hands of another controller: stop it, or "
                "use another online.database_url; with online.standby=true this one waits for it"
            ) from error
        except BaseException:
            self._engine.dispose()
            raise
        try:
            self.identity = self._begin(plant_identity)
        except BaseException:
            self.close()
            raise
        self.log = ChangeLog(self._engine, self.identity)
        self.recent = RecentChanges(self.identity)
        self.subscriptions = SubscriptionTable(self._engine, self._writing)
        self._complete()

    def _begin(self, plant_identity: str) -> str:
        """Tables for this plant; the identity of what they hold."""
        bring_up_to_date(self._engine)
        self.claim.enter()
        with self._engine.begin() as connection:
            rows = connection.execute(select(tables.meta.c.key, tables.meta.c.value))
            kept = {row.key: row.value for row in rows}
            if kept and kept["plant"] != plant_identity:
                if _is_used(connection):
                    raise StoreError(
                        f"{self._engine.url.render_as_string()} holds services of plant {kept['plant']}, but "
                        f"configured is {plant_identity}: delete them first, or use another LIGHTLOOP_HOME "
                        "or online.database_url"
                    )
                # An empty state of another plant: its log means nothing here, so a new store begins.
                connection.execute(delete(tables.changes))
                connection.execute(delete(tables.failed_links))
                connection.execute(delete(tables.drained))
                kept = {}
            wanted = {"store": kept.get("store", str(uuid4())), "plant": plant_identity, _PROBE: ""}
            # An older version stored what it was about to set up.
            connection.execute(delete(tables.services).where(tables.services.c.lifecycle == PLANNED))
            connection.execute(delete(tables.meta))
            connection.execute(insert(tables.meta), [{"key": k, "value": v} for k, v in wanted.items()])
        return wanted["store"]

    def close(self) -> None:
        """Close the connections."""
        self.claim.release()
        self._engine.dispose()

    def check(self) -> None:
        """Whether this is the one controller that may write; asked before the state is read anew.

        Raises:
            SQLAlchemyError: it is not, or was not all the time.
        """
        with self.writing():
            pass

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A transaction for changes of the network.

        Raises:
            SQLAlchemyError: nobody knows whether what was written in it is stored.
        """
        with self._writing() as connection:
            writing = Writing(connection)
            yield writing
            changes = writing.append_changes()
        self.recent.add(changes)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction of the one controller that may write; fails once after another one was in charge."""
        with self._engine.begin() as connection:
            if self.claim.holds(connection):
                yield connection
                return
        self.claim.take_again()

    def trouble(self) -> str:
        """Why nothing could be stored now, tried with a write that means nothing; empty where it could."""
        probe = tables.meta.c.key == _PROBE
        try:
            with self._engine.begin() as connection:
                connection.execute(update(tables.meta).where(probe).values(value=uuid4().hex))
                if self.claim.is_elsewhere(connection):
                    return "the database is in the hands of another controller"
        except SQLAlchemyError as error:
            return f"the database cannot be written: {type(error).__name__}"
        return ""

    def version(self) -> int:
        """Version of the last change; 0 when there was none."""
        with self._engine.connect() as connection:
            return last_version(connection)

    def services(self) -> tuple[Service, ...]:
        """Every service, in order of creation."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.services).order_by(tables.services.c.position)).all()
        return tuple(_service(row) for row in rows)

    def _complete(self) -> None:
        """Tell services that an older version stored which change set them up, as far as the log reaches."""
        lacking = {item.uuid: item for item in self.services() if item.path and not item.set_up_version}
        if not lacking:
            return
        first, last = self.log.reach()
        version = first - 1
        while version < last:
            page = self.log.page(version)
            version = page.version
            for change in page.changes:
                uuid = change.document.get("service_uuid")
                if change.document["kind"] == "lightpath-added" and uuid in lacking:
                    known = lacking[uuid]
                    began_s = 0.0 if change.cause == CREATE else known.began_s
                    lacking[uuid] = change.stamped(replace(known, began_s=began_s))
        with self.writing() as writing:
            for service in lacking.values():
                writing.update(service)

    def failed_links(self) -> frozenset[tuple[str, str]]:
        """Ends of the links that are cut."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.failed_links.c.node_a, tables.failed_links.c.node_b))
            return frozenset((row.node_a, row.node_b) for row in rows)

    def drained(self) -> Drained:
        """What takes nothing new."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.drained.c.node_a, tables.drained.c.node_b)).all()
        return Drained(
            frozenset((row.node_a, row.node_b) for row in rows if row.node_b),
            frozenset(row.node_a for row in rows if not row.node_b),
        )


class Writing:
    """Changes of the state in one transaction, in the order of their versions.

    Args:
        connection: in a transaction of its owner's.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._log = Appending(connection)

    def append_changes(self) -> tuple[Change, ...]:
        """Put the changes into the log, the last thing in the transaction; which they were."""
        return self._log.flush()

    def schedule(self, service: Service) -> None:
        """Store a service whose start is to come; it comes last in order."""
        row = _row(service) | {"uuid": service.uuid, "position": last_version(self._connection)}
        self._connection.execute(_ADD, [row])

    def install(self, service: Service, change: dict[str, Any], cause: str, is_known: bool = False) -> Change:
        """Store a service with its lightpath, and the change; a new service comes last in order.

        Args:
            service: with the lightpath.
            change: that set it up.
            cause: of it.
            is_known: a service that is new was stored before, as one to come.
        """
        assert service.path is not None
        stored = self._log.append(change, cause)
        service = stored.stamped(service)
        if cause in (CREATE, PROTECT):
            row = _row(service) | {"uuid": service.uuid, "position": stored.version}
            if is_known:
                mine = tables.services.c.uuid == service.uuid
                self._connection.execute(delete(tables.services).where(mine))
            self._connection.execute(_ADD, [row])
        else:
            self.update(service)
        return stored

    def move(self, service: Service, removal: dict[str, Any], addition: dict[str, Any], cause: str) -> Change:
        """Store a service's lightpath in the place of the one before, with both changes; the last of them."""
        self._log.append(removal, cause)
        return self.install(service, addition, cause)

    def drain(self, node_a: str, node_b: str, change: dict[str, Any]) -> Change:
        """Store that a link, or a node where ``node_b`` is empty, takes nothing new."""
        self._connection.execute(insert(tables.drained).values(node_a=node_a, node_b=node_b))
        return self._log.append(change, "drain")

    def undrain(self, node_a: str, node_b: str, change: dict[str, Any]) -> Change:
        """Store that it takes what comes again."""
        one = tables.drained.c
        self._connection.execute(delete(tables.drained).where(one.node_a == node_a, one.node_b == node_b))
        return self._log.append(change, "undrain")

    def update(self, service: Service) -> None:
        """Store another state of a service."""
        mine = tables.services.c.uuid == service.uuid
        self._connection.execute(update(tables.services).where(mine).values(_row(service)))

    def lock(self, change: dict[str, Any], is_locked: bool) -> Change:
        """Store the change of a service that is locked or unlocked, beside its other state."""
        return self._log.append(change, "lock" if is_locked else "unlock")

    def remove(self, uuid: str, change: dict[str, Any], cause: str) -> Change:
        """Drop a service, and store the change."""
        self._connection.execute(delete(tables.services).where(tables.services.c.uuid == uuid))
        return self._log.append(change, cause)

    def fail_link(
        self, node_a: str, node_b: str, change: dict[str, Any], lost: Sequence[tuple[str, dict[str, Any]]]
    ) -> tuple[Change, ...]:
        """Store a cut and the lightpaths it ends, each a service's UUID with its change."""
        self._connection.execute(insert(tables.failed_links).values(node_a=node_a, node_b=node_b))
        dark = tables.services.c.uuid.in_([uuid for uuid, _ in lost])
        self._connection.execute(update(tables.services).where(dark).values(path=None))
        return tuple(self._log.append(item, "cut") for item in (change, *(removal for _, removal in lost)))

    def repair_link(self, node_a: str, node_b: str, change: dict[str, Any]) -> Change:
        """Store the repair of a link."""
        links = tables.failed_links.c
        self._connection.execute(
            delete(tables.failed_links).where(links.node_a == node_a, links.node_b == node_b)
        )
        return self._log.append(change, "repair")


def _row(service: Service) -> dict[str, Any]:
    return {
        "lifecycle": service.lifecycle,
        "request": _request_to_json(service),
        "path": _path_to_json(service),
        "setup_ms": service.setup_ms,
    }


def _is_used(connection: Connection) -> bool:
    services = connection.execute(select(func.count()).select_from(tables.services)).scalar_one()
    return bool(services)


def _request_to_json(service: Service) -> str:
    request = service.request
    told = _told(request)
    told["max_latency_ms"] = None if math.isinf(request.max_latency_ms) else request.max_latency_ms
    home = _told(service.home) if service.home else None
    beside = {_BEGAN: service.began_s, _REFUSED: service.refused, _HOME: home}
    return json.dumps(told | {name: value for name, value in beside.items() if value})


def _read_request(fields: dict[str, Any]) -> ServiceRequest:
    bound = fields.pop("max_latency_ms")
    for name in ("exclude_links", "include_links"):
        fields[name] = tuple((a, b) for a, b in fields.get(name, ()))
    for name in ("exclude_nodes", "include_nodes"):  # older versions did not store what to include
        fields[name] = tuple(fields.get(name, ()))
    return ServiceRequest(max_latency_ms=math.inf if bound is None else bound, **fields)


def _path_to_json(service: Service) -> str | None:
    if service.path is None:
        return None
    return json.dumps(_told(service.path) | {name: getattr(service, name) for name in _SET_UP})


def _told(item: ServiceRequest | Lightpath) -> dict[str, Any]:
    """Fields by name, as they are: ``asdict`` would copy what is only read, which takes ten times as long."""
    return {member.name: getattr(item, member.name) for member in fields(item)}


def _service(row: Any) -> Service:
    request = json.loads(row.request)
    began_s, refused = request.pop(_BEGAN, 0.0), request.pop(_REFUSED, "")
    home = request.pop(_HOME, None)
    service = Service(
        _read_request(request),
        row.lifecycle,
        setup_ms=row.setup_ms,
        began_s=began_s,
        refused=refused,
        home=Lightpath.read(home["uuid"], home) if home else None,
    )
    if row.path is None:
        return service
    fields = json.loads(row.path)
    set_up = {name: fields[name] for name in _SET_UP if name in fields}  # older versions did not store it
    path = Lightpath.read(fields["uuid"], fields, leg=fields.get("leg", 0))
    return replace(service, path=path, **set_up)
