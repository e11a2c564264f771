"""Refusals as RESTCONF spells them. Not here: the HTTP server that sends them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

YANG_DATA_JSON = "application/yang-data+json"


class TapiError(ValueError):
    """A refusal with an HTTP status and the fields of an ``ietf-restconf:errors`` entry (RFC 8040 7.1).

    Attributes:
        status: HTTP status.
        tag: ``invalid-value``, ``missing-element``, ``data-exists``, ... (RFC 8040 7, RFC 6241 appendix A).
        message: what is wrong, where, and the remedy.
        path: instance path of the offending node, or empty.
        error_type: ``protocol`` for the envelope, ``application`` for the content.
    """

    def __init__(
        self, status: int, tag: str, message: str, path: str = "", error_type: str = "application"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.tag = tag
        self.message = message
        self.path = path
        self.error_type = error_type

    def document(self) -> dict[str, Any]:
        """The body of the error response."""
        return errors_document(self.tag, self.message, self.path, self.error_type)


class NoRoomAroundError(TapiError):
    """503: nothing fits around elements that do not answer; with them there might be a way, so ask again."""

    def __init__(self, refusal: TapiError, dead: Collection[str]) -> None:
        who = ", ".join(sorted(dead))
        super().__init__(503, "operation-failed", f"{refusal.message} (no answer from the element(s) {who})")


def errors_document(
    tag: str, message: str, path: str = "", error_type: str = "application"
) -> dict[str, Any]:
    """An ``ietf-restconf:errors`` document with one entry."""
    error = {"error-type": error_type, "error-tag": tag, "error-message": message}
    if path:
        error["error-path"] = path
    return {"ietf-restconf:errors": {"error": [error]}}


def error_reason(document: Any) -> str:
    """The messages of an errors document in one line; empty when it is none."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("ietf-restconf:errors", document.get("errors"))
    entries = errors.get("error") if isinstance(errors, dict) else None
    entries = entries if isinstance(entries, list) else [entries]
    return "; ".join(
        str(e["error-message"]) for e in entries if isinstance(e, dict) and e.get("error-message")
    )


def invalid(message: str, path: str = "") -> TapiError:
    """400 ``invalid-value``."""
    return TapiError(400, "invalid-value", message, path)


def missing(message: str, path: str = "") -> TapiError:
    """400 ``missing-element``."""
    return TapiError(400, "missing-element", message, path)


def unknown(message: str, path: str = "") -> TapiError:
    """404 ``invalid-value`` for a resource that does not exist (RFC 8040 7: the tag of a 404)."""
    return TapiError(404, "invalid-value", message, path)


def no_path(message: str) -> TapiError:
    """409 ``resource-denied``: the network cannot carry what was asked for."""
    return TapiError(409, "resource-denied", message)
