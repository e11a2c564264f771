"""RESTCONF (RFC 8040) without the sockets: bodies in, answers and errors out, resources of the data tree."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from controlplane.tapi.errors import YANG_DATA_JSON, TapiError, errors_document, unknown
from controlplane.tapi.fields import bare

MAX_BODY_BYTES = 1_000_000
_ACCEPTED = ("", "application/yang-data+json", "application/json")

# Keys of the lists that are not keyed by ``uuid`` alone.
_KEYS = {
    "name": ("value-name",),
    "end-point": ("local-id",),
    "route": ("local-id",),
    "mapped-service-interface-point": ("service-interface-point-uuid",),
    "node-edge-point": ("topology-uuid", "node-uuid", "node-edge-point-uuid"),
}


def yang_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as ``application/yang-data+json``; without one, an empty answer."""
    if document is None:
        return Response(status_code=status, headers=headers)
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, headers, media_type=YANG_DATA_JSON)


def error_response(error: TapiError) -> Response:
    """A refusal as ``ietf-restconf:errors`` (RFC 8040 7.1)."""
    return yang_response(error.document(), error.status)


def plain_error(status: int, message: str) -> Response:
    """An error of the HTTP layer in the same form."""
    tag = {404: "invalid-value", 405: "operation-not-supported", 500: "operation-failed"}.get(
        status, "invalid-value"
    )
    return yang_response(errors_document(tag, message, error_type="protocol"), status)


async def read_json(request: Request) -> Any:
    """The decoded body of a request.

    Raises:
        TapiError: 415 another media type, 413 too large, 400 not JSON (NaN and infinities are not JSON).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _ACCEPTED:
        raise TapiError(
            415, "invalid-value", f"content type {media_type!r}; send {YANG_DATA_JSON}", error_type="protocol"
        )
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TapiError(413, "too-big", f"the body is over {MAX_BODY_BYTES} bytes", error_type="protocol")
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise TapiError(
            400, "malformed-message", f"the body is not JSON: {error}", error_type="protocol"
        ) from None


def resource(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A resource of the data tree, as a GET answers (RFC 8040 4.3).

    Args:
        document: the datastore, ``{"tapi-common:context": ...}``.
        path: after ``/restconf/data/``, e.g. ``tapi-common:context/service-interface-point=UUID``.

    Raises:
        TapiError: 404; 400 a list key of the wrong shape.
    """
    here: Any = document
    module = name = ""
    segments = [segment for segment in path.split("/") if segment]
    for position, segment in enumerate(segments):
        name, _, keys = segment.partition("=")
        name = unquote(name)
        if isinstance(here, list):
            raise TapiError(400, "invalid-value", f"{name!r}: name one entry of the list first, as list=key")
        found = (
            next((key for key in here if bare(key) == bare(name)), None) if isinstance(here, dict) else None
        )
        if found is None:
            raise unknown(f"there is no {segment!r} here", f"/{path}")
        module = found.partition(":")[0] if ":" in found else module
        name, here = bare(found), here[found]
        if keys:
            here = _entry(here, name, [unquote(key) for key in keys.split(",")], path)
            if position == len(segments) - 1:
                here = [here]  # one entry of a list is sent as a list of one (RFC 7951 5.4)
    return {f"{module}:{name}": here}


def _entry(entries: Any, name: str, keys: list[str], path: str) -> Any:
    if not isinstance(entries, list):
        raise TapiError(400, "invalid-value", f"{name!r} is not a list", f"/{path}")
    key_names = _KEYS.get(name)
    for entry in entries:
        if key_names is None:
            leaf = next((key for key in entry if key == "uuid" or key.endswith("-uuid")), "local-id")
            wanted = {leaf: keys[0]}
        else:
            wanted = dict(zip(key_names, keys, strict=False))
        if all(str(entry.get(leaf, "")).lower() == value.lower() for leaf, value in wanted.items()):
            return entry
    raise unknown(f"no {name} {','.join(keys)!r}", f"/{path}")


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON value")
