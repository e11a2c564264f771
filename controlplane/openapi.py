"""The description of a process's interface (OpenAPI 3.1), made from its table of routes.

What it says is held against the applications by a test that asks them what it allows and what it does not.
Not here: the tables (``*/routes.py``), schemas of bodies (beside what reads them; TAPI's in
``tapi/json_schema.py``).
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import Any

from controlplane.routes import JSON, READING, ApiRoute, RouteTable
from controlplane.tapi.errors import YANG_DATA_JSON

VERSION = "3.1.0"
_PARAMETER = re.compile(r"{(\w+)(:\w+)?}")
_ERRORS, _OWN_REFUSAL = "#/components/schemas/errors", "#/components/schemas/refusal"
_SAID = {
    200: "done, or what was asked for",
    201: "created; Location says where",
    202: "taken; it is done in the background",
    204: "done, nothing to tell",
    304: "as the client knows it (If-None-Match)",
    400: "the request cannot be read, or asks for what is not possible",
    401: "no or wrong credentials",
    403: "the role does not suffice, or a foreign page",
    404: "there is no such thing",
    405: "not possible there; Allow says what is",
    406: "the client takes no JSON",
    409: "in conflict with what is there, or the network cannot carry it",
    410: "not remembered any more: begin with the snapshot",
    412: "If-Match or If-None-Match does not hold",
    413: "the body is too large",
    415: "another media type or a content encoding",
    421: "called by a foreign name",
    422: "the body does not fit",
    502: "another process answered what is not valid",
    503: "not now; ask again",
}
ERRORS_SCHEMA = {
    "type": "object",
    "required": ["ietf-restconf:errors"],
    "properties": {
        "ietf-restconf:errors": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["error-type", "error-tag", "error-message"],
                        "properties": {
                            "error-type": {"enum": ["transport", "rpc", "protocol", "application"]},
                            "error-tag": {"type": "string"},
                            "error-message": {"type": "string"},
                            "error-path": {"type": "string"},
                            "error-info": {"type": "object"},
                        },
                    },
                }
            },
        }
    },
}


def description(table: RouteTable) -> dict[str, Any]:
    """The document of a process."""
    schemas: dict[str, Any] = {"errors": ERRORS_SCHEMA}
    if table.own_refusal is not None:
        schemas["refusal"] = table.own_refusal
    paths: dict[str, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    for route in filter(lambda route: route.is_described, table.routes):
        for method in route.methods:
            name = f"{method.lower()}-{route.does.replace('_', '-')}"
            seen[name] += 1
            unique = name if seen[name] == 1 else f"{name}-{seen[name]}"
            path = _PARAMETER.sub(r"{\1}", route.path)
            paths.setdefault(path, {})[method.lower()] = _operation(route, method, unique, schemas)
    return {
        "openapi": VERSION,
        "info": {"title": f"lightloop {table.process}", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "login": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: ApiRoute, method: str, name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": match[1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for match in _PARAMETER.finditer(route.path)
    ]
    for place, named in (("query", route.query), ("header", route.headers)):
        parameters += [{"name": key, "in": place, "schema": dict(schema)} for key, schema in named.items()]
    takes_body = route.body is not None and method not in ("DELETE", *READING)
    refusals = {*route.refusals, 403, 421}
    refusals |= {401, 503} if route.role is not None else set()
    refusals |= {400, 413, 415} if takes_body else set()
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": route.told,
        "responses": {str(status): _answer(status, media) for status, media in route.answers.items()}
        | {str(status): _refusal(status, "refusal" in schemas) for status in sorted(refusals)},
        "security": [] if route.role is None else [{"login": []}, {"token": []}],
    }
    if route.role is not None:
        operation["x-role"] = route.role.value
    if parameters:
        operation["parameters"] = parameters
    if takes_body and route.body is not None:
        schema = _adopted(route.body(), name, schemas)
        operation["requestBody"] = {"required": True, "content": {route.takes: {"schema": schema}}}
    if method == "HEAD":
        for answer in operation["responses"].values():
            answer.pop("content", None)
    return operation


def _answer(status: int, media: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _SAID[status]}
    if media:
        answer["content"] = {media: {"schema": {}}}
    return answer


def _refusal(status: int, has_own_form: bool) -> dict[str, Any]:
    content = {YANG_DATA_JSON: {"schema": {"$ref": _ERRORS}}}
    if has_own_form:
        content[JSON] = {"schema": {"$ref": _OWN_REFUSAL}}
    return {"description": _SAID[status], "content": content}


def _adopted(schema: dict[str, Any], name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a schema that stands in the document now, its own definitions with it."""
    found = copy.deepcopy(schema)
    for key, definition in found.pop("$defs", {}).items():
        schemas[key] = definition
    schemas[name] = found
    return {"$ref": f"#/components/schemas/{name}"}
