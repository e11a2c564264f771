"""Changes of the network as TAPI notifications. Not here: the stream that carries them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.tapi import ids, names
from controlplane.tapi.naming import Naming

NOTIFICATION = "tapi-notification:notification"
_BLOCK = ("first-slot", "num-slots", "modulation-format")
_CREATED = {"create": "OBJECT_CREATION", "delete": "OBJECT_DELETION", "ended": "OBJECT_DELETION"}
# Old and new administrative state.
_ADMINISTRATIVE = {
    **dict.fromkeys(("drain", "lock"), ("UNLOCKED", "LOCKED")),
    **dict.fromkeys(("undrain", "unlock"), ("LOCKED", "UNLOCKED")),
}
_BY_A_CLIENT = ("create", "delete", *_ADMINISTRATIVE)


def notification(
    change: Mapping[str, Any], cause: str, happened: datetime, naming: Naming, store: str
) -> dict[str, Any]:
    """The notification of one change.

    Args:
        change: as in docs/contracts.md; its version is the sequence number.
        cause: e.g. ``create``, ``delete``, ``cut``, ``restore``, ``repair``, ``move``, ``drain``, ``lock``.
        happened: when.
        naming: the topology.
        store: identity of the store that numbered the change.
    """
    body: dict[str, Any] = {
        "uuid": ids.notification_uuid(store, change["version"]),
        "event-time-stamp": happened.astimezone(UTC).strftime("%Y%m%d%H%M%S.")
        + f"{happened.microsecond // 100000}Z",
        "sequence-number": str(change["version"]),
        "source-indicator": "MANAGEMENT_OPERATION" if cause in _BY_A_CLIENT else "RESOURCE_OPERATION",
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "additional-info": names.pairs({"change": change["kind"], "cause": cause}),
    }
    is_protection = "protects" in change  # a second lightpath is no object of its own
    body["notification-type"] = _CREATED.get("" if is_protection else cause, "ATTRIBUTE_VALUE_CHANGE")
    body |= _target(change, naming)
    if "first_slot" in change:
        block = {name: change[name.replace("-", "_")] for name in _BLOCK}
        body["additional-info"] += names.pairs({"nodes": names.join_list(change["nodes"]), **block})
    if not is_protection and (changed := list(_changed(change, cause))):
        body["changed-attributes"] = changed
    return {NOTIFICATION: body}


def _target(change: Mapping[str, Any], naming: Naming) -> dict[str, Any]:
    """Which object has changed."""
    nodes = change["nodes"]
    uuid = change.get("protects") or change.get("service_uuid")
    if uuid:
        kind, name = "CONNECTIVITY_SERVICE", {"service-uuid": uuid}
    elif len(nodes) == 1:
        kind, uuid, name = "NODE", naming.node_uuid(nodes[0]), {names.LOCAL_NAME: nodes[0]}
    else:
        kind, uuid, name = "LINK", naming.link_uuid(*nodes), {names.LOCAL_NAME: "-".join(nodes)}
    return {
        "target-object-type": kind,
        "target-object-identifier": uuid,
        "target-object-name": names.pairs(name),
    }


def _changed(change: Mapping[str, Any], cause: str) -> Iterator[dict[str, str]]:
    """The attributes of the object that have other values now."""
    if cause == "create":
        yield _became("lifecycle-state", "PLANNED", "INSTALLED")
    elif cause in ("delete", "ended"):
        yield _became("lifecycle-state", "INSTALLED", "PENDING_REMOVAL")
    elif cause in _ADMINISTRATIVE:
        yield _became("administrative-state", *_ADMINISTRATIVE[cause])
    elif cause != "move" and "disjoint" not in change:  # it may be carried all the while
        up = change["kind"] in ("link-repaired", "lightpath-added")
        yield _became("operational-state", *(("DISABLED", "ENABLED") if up else ("ENABLED", "DISABLED")))


def _became(name: str, old: str, new: str) -> dict[str, str]:
    return {"value-name": name, "old-value": old, "new-value": new}
