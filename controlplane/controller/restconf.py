"""RESTCONF (RFC 8040) without the sockets: bodies in, answers and errors out, resources of the data tree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from controlplane.controller.pieces import Piece, encode
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError, errors_document, unknown
from controlplane.tapi.fields import bare
from controlplane.tapi.wire import decode_json

_ACCEPTED = ("", "application/yang-data+json", "application/json")

# Keys of the lists that are not keyed by ``uuid`` alone.
_KEYS = {
    "module": ("name", "revision"),
    "name": ("value-name",),
    "stream": ("name",),
    "access": ("encoding",),
    "end-point": ("local-id",),
    "route": ("local-id",),
    "mapped-service-interface-point": ("service-interface-point-uuid",),
    "node-edge-point": ("topology-uuid", "node-uuid", "node-edge-point-uuid"),
}


def yang_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as ``application/yang-data+json``; without one, an empty answer."""
    if document is None:
        return Response(status_code=status, headers=headers)
    return Response(encode(document), status, headers, media_type=YANG_DATA_JSON)


def tagged(answer: Response) -> Response:
    """An answer to a GET with its ETag (RFC 9110 8.8.3): equal for equal content."""
    answer.headers["ETag"] = etag_of(answer)
    return answer


def etag_of(answer: Response) -> str:
    """The strong entity tag of an answer."""
    if "ETag" in answer.headers:
        return answer.headers["ETag"]
    return f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'


def check_conditions(request: Request, current: Callable[[], Response | None]) -> None:
    """Return where ``If-Match`` and ``If-None-Match`` of a change hold (RFC 8040 3.4.1, RFC 9110 13.1).

    Args:
        request: the change.
        current: what a GET of the resource would answer now; None where there is no such resource.

    Raises:
        TapiError: 412, they do not.
    """
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is None and unwanted is None:
        return
    answer = current()
    tag = etag_of(answer) if answer is not None else None
    if wanted is not None and not _lists(wanted, tag):
        raise TapiError(412, "operation-failed", f"If-Match {wanted[:100]} is not the resource as it is now")
    if unwanted is not None and _lists(unwanted, tag):
        raise TapiError(412, "operation-failed", f"If-None-Match {unwanted[:100]}: the resource is there")


def is_known(request: Request, answer: Response) -> bool:
    """Whether the client of a GET has this very answer already (``If-None-Match``)."""
    return _lists(request.headers.get("if-none-match", ""), etag_of(answer))


def accepts_json(request: Request) -> None:
    """Return where the client takes JSON (RFC 8040 5.2).

    Raises:
        TapiError: 406, it wants something else.
    """
    accepted = request.headers.get("accept", "*/*")
    for item in accepted.split(","):
        media_type, _, parameters = item.partition(";")
        refused = parameters.replace(" ", "").lower() in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if media_type.strip().lower() in (*_ACCEPTED, "application/*", "*/*") and not refused:
            return
    raise TapiError(406, "invalid-value", f"Accept {accepted[:100]!r}: only {YANG_DATA_JSON} is sent")


def error_response(error: TapiError) -> Response:
    """A refusal as ``ietf-restconf:errors`` (RFC 8040 7.1)."""
    return yang_response(error.document(), error.status)


def plain_error(status: int, message: str) -> Response:
    """An error of the HTTP layer in the same form."""
    tags = {405: "operation-not-supported", 413: "too-big", 500: "operation-failed"}
    tag = tags.get(status, "invalid-value")
    return yang_response(errors_document(tag, message, error_type="protocol"), status)


async def read_json(request: Request) -> Any:
    """The decoded body of a request.

    Raises:
        TapiError: 415 another media type, 400 not JSON (NaN and infinities are not JSON).
        HTTPException: 413, larger than the table of routes allows.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _ACCEPTED:
        raise TapiError(
            415, "invalid-value", f"content type {media_type!r}; send {YANG_DATA_JSON}", error_type="protocol"
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise TapiError(
            415,
            "invalid-value",
            f"content encoding {encoding[:100]!r}; send it as it is",
            error_type="protocol",
        )
    return decode_json(await request.body())


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
        name, has_keys, keys = segment.partition("=")
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
        if position < len(segments) - 1 and isinstance(here, Piece):
            here = here.value
        if has_keys:
            entries = here.value if isinstance(here, Piece) else here
            here = _entry(entries, name, [unquote(key) for key in keys.split(",")], path)
            if position == len(segments) - 1:
                here = [here]  # one entry of a list is sent as a list of one (RFC 7951 5.4)
    return {f"{module}:{name}": here}


def _entry(entries: Any, name: str, keys: list[str], path: str) -> Any:
    if not isinstance(entries, list):
        raise TapiError(400, "invalid-value", f"{name!r} is not a list", f"/{path}")
    key_names = _KEYS.get(name)
    num_keys = 1 if key_names is None else len(key_names)
    if len(keys) != num_keys or not all(keys):
        raise TapiError(
            400,
            "invalid-value",
            f"{name}={','.join(keys)[:100]}: {num_keys} list key(s) are needed",
            f"/{path}",
        )
    for entry in entries:
        entry = entry.value if isinstance(entry, Piece) else entry
        if not isinstance(entry, dict):  # a leaf-list: its entries are their own keys (RFC 8040 3.5.3)
            if str(entry).lower() == keys[0].lower():
                return entry
            continue
        if key_names is None:
            leaf = next((key for key in entry if key == "uuid" or key.endswith("-uuid")), "local-id")
            wanted = {leaf: keys[0]}
        else:
            wanted = dict(zip(key_names, keys, strict=True))
        if all(str(entry.get(leaf, "")).lower() == value.lower() for leaf, value in wanted.items()):
            return entry
    raise unknown(f"no {name} {','.join(keys)!r}", f"/{path}")


def _lists(header: str, tag: str | None) -> bool:
    """Whether a list of entity tags, or ``*``, names the tag of what there is."""
    if tag is None:
        return False
    return header.strip() == "*" or tag in (item.strip().removeprefix("W/") for item in header.split(","))
