"""JSON documents with pieces that are serialised already. Which are kept: ``rendered.py``."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Any

_MARK = secrets.token_hex(16)  # nobody outside can write it into a document
_MARKS = re.compile(rf'"{_MARK}"'.encode())


class Piece:
    """A part of a document; its text is made, or found, only where it is needed.

    Args:
        encode: makes its text.
    """

    def __init__(self, encode: Callable[[], bytes]) -> None:
        self._encode = encode

    @property
    def encoded(self) -> bytes:
        """Its JSON text."""
        return self._encode()

    @cached_property
    def value(self) -> Any:
        """What the text says."""
        return json.loads(self.encoded)


def encode(document: Any) -> bytes:
    """The JSON text of a document that may hold pieces."""
    pieces: list[bytes] = []

    def mark(piece: Any) -> str:
        pieces.append(piece.encoded)
        return _MARK

    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=mark)
    # What an older version stored may hold half a character; everything else is still told.
    between = _MARKS.split(text.encode("utf-8", "replace"))
    mixed = [between[0]]
    for piece, after in zip(pieces, between[1:], strict=True):
        mixed += (piece, after)
    return b"".join(mixed)
