"""The body of a PATCH of a connectivity service (RFC 8040 4.6.1) merged into what is configured.

Not here: how a service is read (``service_body.py``), what the change does to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.tapi.connectivity import SERVICE
from controlplane.tapi.dialects import in_model_words
from controlplane.tapi.errors import TapiError, invalid
from controlplane.tapi.service_body import ROOT, service_object, unnest
from controlplane.tapi.service_schema import SERVICE as MEMBERS

CHANGEABLE = ("requested-capacity", "administrative-state")


def patched(document: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The body that asks for the service as it is to be.

    Args:
        document: of the PATCH.
        known: what is configured, in canonical form.

    Raises:
        TapiError: 400, another leaf than those that can be changed, or another uuid.
    """
    patch = in_model_words(unnest(service_object(document)), ROOT)
    uuid = patch.pop("uuid", known["uuid"])
    if str(uuid).lower() != known["uuid"]:
        raise invalid(f"{ROOT}/uuid: {uuid} in the body, {known['uuid']} in the address", f"{ROOT}/uuid")
    for name in patch:
        if name not in CHANGEABLE:
            is_known = name in MEMBERS.members or name in MEMBERS.state or name in MEMBERS.unsupported
            raise TapiError(
                400,
                "operation-not-supported" if is_known else "unknown-element",
                f"{ROOT}/{name} cannot be changed; {' and '.join(CHANGEABLE)} can. Delete the service and "
                "create it anew",
                f"{ROOT}/{name}",
            )
    return {SERVICE: [_merged(known, patch)]}


def _merged(known: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in patch.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = _merged(before, value)
        merged[name] = value
    return merged
