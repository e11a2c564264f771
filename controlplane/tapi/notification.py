"""Changes of the network as TAPI notifications. Not here: the stream that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.tapi import ids, names
from controlplane.tapi.naming import Naming

NOTIFICATION = "tapi-notification:notification"
_BLOCK = ("first-slot", "num-slots", "modulation-format")


def notification(
    change: Mapping[str, Any], cause: str, happened: datetime, naming: Naming, store: str
) -> dict[str, Any]:
    """The notification of one change.

    Args:
        change: as in docs/contracts.md; its version is the sequence number.
        cause: ``create``, ``delete``, ``cut``, ``restore``, ``repair`` or ``move``.
        happened: when.
        naming: the topology.
        store: identity of the store that numbered the change.
    """
    is_link = change["kind"] in ("link-failed", "link-repaired")
    uuid = change.get("protects") or change.get("service_uuid")
    body: dict[str, Any] = {
        "uuid": ids.notification_uuid(store, change["version"]),
        "target-object-type": "LINK" if is_link else "CONNECTIVITY_SERVICE",
        "target-object-identifier": (naming.link_uuid(*change["nodes"]) if is_link else uuid),
        "event-time-stamp": happened.astimezone(UTC).strftime("%Y%m%d%H%M%S.")
        + f"{happened.microsecond // 100000}Z",
        "sequence-number": str(change["version"]),
        "source-indicator": "MANAGEMENT_OPERATION" if cause in ("create", "delete") else "RESOURCE_OPERATION",
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "additional-info": names.pairs({"change": change["kind"], "cause": cause}),
    }
    created = {"create": "OBJECT_CREATION", "delete": "OBJECT_DELETION", "ended": "OBJECT_DELETION"}
    is_protection = "protects" in change  # a second lightpath is no object of its own
    body["notification-type"] = created.get("" if is_protection else cause, "ATTRIBUTE_VALUE_CHANGE")
    if is_link:
        body["target-object-name"] = names.pairs({names.LOCAL_NAME: "-".join(change["nodes"])})
    else:
        body["target-object-name"] = names.pairs({"service-uuid": uuid})
        if change["kind"] != "service-removed":  # which had no lightpath
            block = {name: change[name.replace("-", "_")] for name in _BLOCK}
            body["additional-info"] += names.pairs({"nodes": names.join_list(change["nodes"]), **block})
    if is_protection:
        return {NOTIFICATION: body}
    if cause == "create":
        body["changed-attributes"] = [_became("lifecycle-state", "PLANNED", "INSTALLED")]
    elif cause in ("delete", "ended"):
        body["changed-attributes"] = [_became("lifecycle-state", "INSTALLED", "PENDING_REMOVAL")]
    elif cause != "move" and "disjoint" not in change:  # it may be carried all the while
        up = change["kind"] in ("link-repaired", "lightpath-added")
        states = ("DISABLED", "ENABLED") if up else ("ENABLED", "DISABLED")
        body["changed-attributes"] = [_became("operational-state", *states)]
    return {NOTIFICATION: body}


def _became(name: str, old: str, new: str) -> dict[str, str]:
    return {"value-name": name, "old-value": old, "new-value": new}
