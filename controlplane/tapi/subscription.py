"""Notification subscriptions of TAPI as documents: what is wanted, what fits, what is told.

Facts from tapi-notification@2020-06-16 (ONF, Apache-2.0). Not here: where subscriptions are kept and the
operations on them (``controller/subscriptions.py``), what a notification says (``notification.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.tapi import names
from controlplane.tapi.errors import invalid
from controlplane.tapi.fields import strip_prefixes
from controlplane.tapi.notification import NOTIFICATION
from controlplane.tapi.schema import Container, Enumeration, Flag, LeafList, Text, Uuid, canonical
from controlplane.tapi.service_schema import LAYER, NAMES

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"
SUPPORTED_TYPES = ("OBJECT_CREATION", "OBJECT_DELETION", "ATTRIBUTE_VALUE_CHANGE")
SUPPORTED_OBJECTS = ("CONNECTIVITY_SERVICE", "LINK", "NODE")
STREAM = "/restconf/streams/tapi-notification"
NOTIFICATION_CONTEXT = "tapi-notification:notification-context"

_TYPES = Enumeration(frozenset((*SUPPORTED_TYPES, "ALARM_EVENT", "THRESHOLD_CROSSING_ALERT")))
_OBJECTS = Enumeration(
    frozenset(
        (
            *(
                "TOPOLOGY",
                "NODE",
                "LINK",
                "CONNECTION",
                "PATH",
                "CONNECTIVITY_SERVICE",
                "VIRTUAL_NETWORK_SERVICE",
            ),
            *(
                "PATH_COMPUTATION_SERVICE",
                "NODE_EDGE_POINT",
                "SERVICE_INTERFACE_POINT",
                "CONNECTION_END_POINT",
            ),
            *("MAINTENANCE_ENTITY_GROUP", "MAINTENANCE_ENTITY", "MEG_END_POINT", "MEG_INTERMEDIATE_POINT"),
            *("SWITCH_CONTROL", "SWITCH", "ROUTE", "NODE_RULE_GROUP", "INTER_RULE_GROUP", "RULE", "OAM_JOB"),
            *("ACCESS_PORT", "EQUIPMENT", "HOLDER", "PHYSICAL_SPAN", "ABSTRACT_STRAND", "DEVICE"),
        )
    )
)
# Leaf-lists of a filter, with the leaf of a notification that each is held against.
_HELD_AGAINST = {
    "requested-notification-types": "notification-type",
    "requested-object-types": "target-object-type",
    "requested-layer-protocols": "layer-protocol-name",
    "requested-object-identifier": "target-object-identifier",
}
_FILTER = Container(
    {
        "requested-notification-types": LeafList(_TYPES),
        "requested-object-types": LeafList(_OBJECTS),
        "requested-layer-protocols": LeafList(LAYER),
        "requested-object-identifier": LeafList(Uuid()),
        "include-content": Flag(),
        "local-id": Text(),
        "name": NAMES,
    }
)
_WANTED = Container(
    {"subscription-filter": _FILTER, "subscription-state": Enumeration(frozenset((ACTIVE, SUSPENDED)))}
)


@dataclass(frozen=True)
class Subscription:
    """What a client wants to be told of.

    Attributes:
        uuid: made here.
        wanted: the filter in canonical form; a leaf-list that is not there lets everything through.
        state: ``ACTIVE`` or ``SUSPENDED``; while it is suspended nothing is told.
    """

    uuid: str
    wanted: Mapping[str, Any] = field(default_factory=dict)
    state: str = ACTIVE

    def is_called(self, name: str) -> bool:
        """Whether a client means this one: by its UUID, or by a value among its filter's names."""
        return name.lower() == self.uuid or name in names.as_dict(self.wanted.get("name")).values()

    def fits(self, content: Mapping[str, Any]) -> bool:
        """Whether a notification is wanted: by each leaf-list that there is."""
        return all(
            name not in self.wanted or content.get(leaf) in self.wanted[name]
            for name, leaf in _HELD_AGAINST.items()
        )

    def told(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """A notification as this subscription gets it; None where it does not.

        Without ``include-content`` only its UUID and number are told, by which it can be looked up.
        """
        content = document[NOTIFICATION]
        if self.state != ACTIVE or not self.fits(content):
            return None
        if self.wanted.get("include-content", True):
            return dict(document)
        return {NOTIFICATION: {name: content[name] for name in ("uuid", "sequence-number")}}


def read_wanted(content: Any, path: str, known: Subscription) -> Subscription:
    """A subscription with what the input of an operation says of it; what it does not say stays.

    Args:
        content: the input, without prefixes.
        path: of it, for messages.
        known: the subscription before.

    Raises:
        TapiError: 400; the message names the leaf.
    """
    said = canonical(content, _WANTED, path)
    wanted = said.get("subscription-filter", known.wanted)
    once = {
        name: list(dict.fromkeys(value)) if name in _HELD_AGAINST else value for name, value in wanted.items()
    }
    return Subscription(known.uuid, once, said.get("subscription-state", known.state))


def operation_input(document: Any, operation: str) -> dict[str, Any]:
    """The input of an operation, without prefixes; a body may be left out where there is nothing to say.

    Raises:
        TapiError: 400, there is something else.
    """
    body = strip_prefixes(document)
    if body == {}:
        return {}
    content = body.get("input") if isinstance(body, dict) else None
    if not isinstance(content, dict) or len(body) != 1:
        raise invalid(f'the body of {operation} must be {{"tapi-notification:input": {{...}}}}')
    return content


def subscription_entry(subscription: Subscription, next_number: int) -> dict[str, Any]:
    """One entry of ``notif-subscription``, which is also what the operations answer."""
    return {
        "uuid": subscription.uuid,
        "subscription-filter": dict(subscription.wanted),
        "subscription-state": subscription.state,
        "notification-channel": {
            "stream-address": f"{STREAM}?subscription={subscription.uuid}",
            "next-sequence-no": str(next_number),
        },
        **supported(),
    }


def supported() -> dict[str, list[str]]:
    """Kinds of notifications that there are."""
    return {
        "supported-notification-types": list(SUPPORTED_TYPES),
        "supported-object-types": list(SUPPORTED_OBJECTS),
    }


def notification_context(subscriptions: Iterable[Subscription], next_number: int) -> dict[str, Any]:
    """The part of the context that lists the subscriptions."""
    return {"notif-subscription": [subscription_entry(item, next_number) for item in subscriptions]}
