"""Bytes from the wire to values that can be told again: what a text and a number may be is said here alone.

Whatever passes here can be stored, sent back as JSON and read by everybody: no lone surrogates, no control
characters, bounded length, depth and size of numbers. Not here: what a leaf means (``schema.py``), HTTP.
"""

from __future__ import annotations

import json
import re
from typing import Any

from controlplane.tapi.errors import TapiError

MAX_BODY_BYTES = 1_000_000
MAX_DEPTH = 32  # TAPI's deepest leaf a client may configure lies at 12
MAX_TEXT = 4096  # characters
MAX_DIGITS = 40
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
# RFC 7950 9.4: a YANG string has none of these. Tab and line breaks are allowed there.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def decode_json(body: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        TapiError: 400, not JSON in UTF-8, nested too deeply, a member given twice, a text or a number that
            could not be told again.
    """
    _check_depth(body)
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_int,
            parse_float=_float,
        )
        return _sound(value, "the body")
    except TapiError:
        raise
    except (ValueError, RecursionError) as error:
        raise _malformed(f"the body is not JSON: {error}") from None


def sound_text(text: str, place: str) -> str:
    """A text that can be stored and sent back.

    Raises:
        TapiError: 400, too long, or a character that no YANG string has.
    """
    if len(text) > MAX_TEXT:
        raise _malformed(f"{place}: a text of {len(text)} characters; at most {MAX_TEXT} are taken")
    found = _FORBIDDEN.search(text)
    if found:
        raise _malformed(f"{place}: character U+{ord(found[0]):04X} is allowed in no text (RFC 7950 9.4)")
    return text


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for mark in _BRACKETS.findall(body):
        if mark in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise _malformed(f"the body is nested more than {MAX_DEPTH} deep")
        elif mark in (b"]", b"}"):
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _malformed(f"member {name[:100]!a} is given twice in one object")
        members[sound_text(name, "a member name")] = _sound(value, name)
    return members


def _sound(value: Any, place: str) -> Any:
    if isinstance(value, str):
        return sound_text(value, place)
    if isinstance(value, list):
        return [_sound(item, place) for item in value]
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _malformed(f"a number of {len(text)} digits; at most {MAX_DIGITS} are taken")
    return int(text)


def _float(text: str) -> float:
    number = float(text) if len(text) <= MAX_DIGITS else float("inf")
    if abs(number) > 1e38:
        raise _malformed(f"number {text[:MAX_DIGITS]} is too large, or has too many digits")
    return number


def _refuse_constant(text: str) -> Any:
    raise _malformed(f"{text} is not a JSON value")


def _malformed(message: str) -> TapiError:
    return TapiError(400, "malformed-message", message, error_type="protocol")
