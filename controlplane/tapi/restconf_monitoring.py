"""What of RESTCONF is spoken, and the streams, as ``ietf-restconf-monitoring`` tells it (RFC 8040 9).

Not here: how query parameters are honoured (``query.py``), the stream itself (``controller/stream.py``).
"""

from __future__ import annotations

from typing import Any

from controlplane.tapi.subscription import STREAM

REVISION = "2017-01-26"
RESTCONF_STATE = "ietf-restconf-monitoring:restconf-state"
_CAPABILITY = "urn:ietf:params:restconf:capability:"
# RFC 8040 9.1.2 asks for the first: what neither client nor controller has set is not in an answer. The
# others are the query parameters that are optional (9.1.1). No filter, replay or with-defaults.
CAPABILITIES = (
    f"{_CAPABILITY}defaults:1.0?basic-mode=explicit",
    f"{_CAPABILITY}depth:1.0",
    f"{_CAPABILITY}fields:1.0",
)


def restconf_state() -> dict[str, Any]:
    """The document. The stream goes on after ``Last-Event-ID``, which is not the replay of RFC 8040 4.8.7."""
    stream = {
        "name": STREAM.rpartition("/")[2],
        "description": "changes of services, links and nodes, as server-sent events",
        "replay-support": False,
        "access": [{"encoding": "json", "location": STREAM}],
    }
    capabilities = {"capability": list(CAPABILITIES)}
    return {RESTCONF_STATE: {"capabilities": capabilities, "streams": {"stream": [stream]}}}
