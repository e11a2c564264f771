"""Which YANG modules the controller serves, as ``ietf-yang-library`` tells it (RFC 7895; RFC 8040 3.7).

``implement``: data or operations of the module are served; ``import``: only its types are used. Not here: the
modules themselves; ours is ``yang/lightloop.yang``, TAPI's are ONF's.
"""

from __future__ import annotations

import hashlib
from typing import Any

from controlplane.tapi import restconf_monitoring

REVISION = "2016-06-21"  # of ietf-yang-library
MODULES_STATE = "ietf-yang-library:modules-state"
_ONF, _IETF = "urn:onf:otcc:yang:", "urn:ietf:params:xml:ns:yang:"
# Name, revision, namespace, conformance.
MODULES = (
    ("ietf-inet-types", "2013-07-15", f"{_IETF}ietf-inet-types", "import"),
    ("ietf-restconf", "2017-01-26", f"{_IETF}ietf-restconf", "implement"),
    (
        "ietf-restconf-monitoring",
        restconf_monitoring.REVISION,
        f"{_IETF}ietf-restconf-monitoring",
        "implement",
    ),
    ("ietf-yang-library", REVISION, f"{_IETF}ietf-yang-library", "implement"),
    ("ietf-yang-types", "2013-07-15", f"{_IETF}ietf-yang-types", "import"),
    ("lightloop", "2026-11-29", "urn:lightloop:yang:lightloop", "implement"),
    ("tapi-common", "2020-04-23", f"{_ONF}tapi-common", "implement"),
    ("tapi-connectivity", "2020-06-16", f"{_ONF}tapi-connectivity", "implement"),
    ("tapi-notification", "2020-06-16", f"{_ONF}tapi-notification", "implement"),
    ("tapi-path-computation", "2020-04-23", f"{_ONF}tapi-path-computation", "implement"),
    ("tapi-photonic-media", "2020-06-16", f"{_ONF}tapi-photonic-media", "implement"),
    ("tapi-topology", "2020-04-23", f"{_ONF}tapi-topology", "implement"),
)


def modules_state() -> dict[str, Any]:
    """The document; ``module-set-id`` changes whenever the list does."""
    modules = [
        {"name": name, "revision": revision, "namespace": namespace, "conformance-type": conformance}
        for name, revision, namespace, conformance in MODULES
    ]
    digest = hashlib.sha256(repr(MODULES).encode()).hexdigest()
    return {MODULES_STATE: {"module-set-id": digest[:16], "module": modules}}
