"""The operations of ``tapi-notification``: subscriptions, and the list of what was told.

A subscription filters the notification stream. It is stored, so it is there after a restart. Not here: the
stream itself (``stream.py``), how documents read (``controlplane.tapi.subscription``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from controlplane.controller.change_log import PAGE_ROWS, Change
from controlplane.controller.state import NetworkState
from controlplane.tapi.errors import TapiError, invalid, unknown
from controlplane.tapi.fields import required
from controlplane.tapi.notification import NOTIFICATION, notification
from controlplane.tapi.schedule import read_time
from controlplane.tapi.subscription import (
    NOTIFICATION_CONTEXT,
    Subscription,
    notification_context,
    operation_input,
    read_wanted,
    subscription_entry,
    supported,
)

PREFIX = "tapi-notification:"
READING_OPERATIONS = (
    f"{PREFIX}get-supported-notification-types",
    f"{PREFIX}get-notification-subscription-service-details",
    f"{PREFIX}get-notification-subscription-service-list",
    f"{PREFIX}get-notification-list",
)
CHANGING_OPERATIONS = (
    f"{PREFIX}create-notification-subscription-service",
    f"{PREFIX}update-notification-subscription-service",
    f"{PREFIX}delete-notification-subscription-service",
)
MAX_SUBSCRIPTIONS = 1000
MAX_LISTED = 1000  # notifications of one answer
MAX_LOOKED_AT = 20_000  # changes that one answer is looked for in
_NAME = "subscription-id-or-name"


def notification_of(change: Change, state: NetworkState) -> dict[str, Any]:
    """The notification of a change."""
    return notification(change.document, change.cause, change.happened, state.naming, state.store.identity)


class Subscriptions:
    """Subscriptions of one controller.

    Args:
        state: whose changes are told.
        changed: called after a subscription has changed, so that its readers look again.
    """

    def __init__(self, state: NetworkState, changed: Callable[[], None]) -> None:
        self._state = state
        self._table = state.store.subscriptions
        self._changed = changed
        self._lock = threading.Lock()
        self._known: dict[str, Subscription] = {item.uuid: item for item in self._table.all()}
        self._acts: Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
            "get-supported-notification-types": lambda _content, _path: supported(),
            "get-notification-subscription-service-details": self._details,
            "get-notification-subscription-service-list": self._list,
            "get-notification-list": self._notifications,
            "create-notification-subscription-service": self._create,
            "update-notification-subscription-service": self._update,
            "delete-notification-subscription-service": self._delete,
        }

    def find(self, uuid: str) -> Subscription | None:
        """A subscription by its UUID; None when there is none."""
        return self._known.get(uuid.lower())

    def operate(self, operation: str, document: Any) -> dict[str, Any]:
        """What an operation answers.

        Args:
            operation: its name, with the module.
            document: the decoded body; ``{}`` where there was none.

        Raises:
            TapiError: 400 an input that cannot be read, 404 no such subscription, 409 too many, 503 the
                database failed.
        """
        act = self._acts[operation.removeprefix(PREFIX)]
        content = operation_input(document, operation)
        try:
            return {f"{PREFIX}output": act(content, f"/{PREFIX}input")}
        except SQLAlchemyError as error:
            raise TapiError(
                503, "operation-failed", f"the database failed ({type(error).__name__}); nothing was changed"
            ) from error

    def context(self) -> dict[str, Any]:
        """The part of the context that lists them."""
        return {NOTIFICATION_CONTEXT: notification_context(self._known.copy().values(), self._next)}

    @property
    def _next(self) -> int:
        return self._state.version + 1

    def _create(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        made = read_wanted(content, path, Subscription(str(uuid4())))
        with self._lock:
            if len(self._known) >= MAX_SUBSCRIPTIONS:
                raise TapiError(
                    409, "resource-denied", f"there are {MAX_SUBSCRIPTIONS} subscriptions; delete some first"
                )
            return self._kept(made)

    def _update(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        said = {name: value for name, value in content.items() if name != _NAME}
        with self._lock:
            return self._kept(read_wanted(said, path, self._named(content, path)))

    def _delete(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        with self._lock:
            gone = self._named(content, path)
            self._table.remove(gone.uuid)
            del self._known[gone.uuid]
        self._changed()
        return self._told(gone)

    def _details(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        return self._told(self._named(content, path))

    def _list(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        known = self._known.copy().values()
        return {"subscription-service": [subscription_entry(item, self._next) for item in known]}

    def _notifications(self, content: dict[str, Any], path: str) -> dict[str, Any]:
        wanted = self._named(content, path) if _NAME in content else None
        begin_s, end_s = _period(content.get("time-period"), f"{path}/time-period")
        found: list[dict[str, Any]] = []
        for change in self._newest_first():
            if change.time_s < begin_s or len(found) == MAX_LISTED:
                break
            body = notification_of(change, self._state)[NOTIFICATION]
            if change.time_s < end_s and (wanted is None or wanted.fits(body)):
                found.append(body)
        return {"notification": found[::-1]}

    def _newest_first(self) -> Any:
        log = self._state.store.log
        first, last = log.reach()
        for end in range(last, max(first - 1, last - MAX_LOOKED_AT), -PAGE_ROWS):
            begin = max(first - 1, end - PAGE_ROWS)
            page: list[Change] = []
            while begin < end:
                part = log.page(begin, end - begin)
                page += part.changes
                begin = part.version
            yield from reversed(page)

    def _kept(self, subscription: Subscription) -> dict[str, Any]:
        self._table.put(subscription)
        self._known[subscription.uuid] = subscription
        self._changed()
        return self._told(subscription)

    def _told(self, subscription: Subscription) -> dict[str, Any]:
        return {"subscription-service": subscription_entry(subscription, self._next)}

    def _named(self, content: Mapping[str, Any], path: str) -> Subscription:
        name = required(content, _NAME, path)
        if not isinstance(name, str):
            raise invalid(f"{path}/{_NAME}: {str(name)[:100]!r} is not a string", f"{path}/{_NAME}")
        found = [item for item in self._known.values() if item.is_called(name)]
        if not found:
            raise unknown(f"no subscription {name[:100]!r}", f"{path}/{_NAME}")
        if len(found) > 1:
            raise invalid(f"{path}/{_NAME}: {len(found)} are called {name[:100]!r}; give the uuid")
        return found[0]


class SubscribedReader:
    """What of the stream goes to a reader with a subscription, as the subscription is at that moment.

    Args:
        subscriptions: where it is looked up.
        uuid: of the subscription.

    Raises:
        TapiError: 404, there is none.
    """

    def __init__(self, subscriptions: Subscriptions, uuid: str) -> None:
        self._subscriptions = subscriptions
        self._uuid = uuid
        if self.is_over:
            raise unknown(f"no subscription {uuid[:100]!r}")

    @property
    def is_over(self) -> bool:
        """Whether the subscription was deleted."""
        return self._subscriptions.find(self._uuid) is None

    def told(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """A notification as the reader gets it; None where it does not."""
        subscription = self._subscriptions.find(self._uuid)
        return None if subscription is None else subscription.told(document)


def _period(value: Any, path: str) -> tuple[float, float]:
    """Begin and end, in seconds since 1970 UTC: two times with a slash between, either may lack."""
    if value is None:
        return 0.0, float("inf")
    begin, slash, end = str(value).partition("/")
    if not slash:
        raise invalid(
            f"{path}: {str(value)[:60]!r}; a begin and an end are needed, of which one may be left "
            "out, e.g. 2031-05-01T00:00:00Z/2031-05-02T00:00:00Z",
            path,
        )
    return read_time(begin, path) if begin else 0.0, read_time(end, path) if end else float("inf")
