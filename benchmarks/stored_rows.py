"""Rows of a long benchmark in a JSON file, written one by one: what is known is not measured again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class StoredRows:
    """Rows by what they were measured from; without a file, nothing is kept.

    Args:
        file: read if it exists, replaced as a whole after every new row.

    Raises:
        ValueError: the file holds something else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._rows: dict[str, Row] = {}
        if file is not None and file.exists():
            try:
                self._rows = dict(json.loads(file.read_text())["rows"])
            except (ValueError, KeyError, TypeError) as problem:
                raise ValueError(
                    f"{file} holds no benchmark rows ({problem}); name another file or remove it"
                ) from problem

    def row(self, origin: Mapping[str, Any], measure: Callable[[], Row]) -> Row:
        """The row of ``origin``, which says all that its figures depend on; measured if unknown."""
        text = json.dumps(origin, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        if key not in self._rows:
            self._rows[key] = {"origin": dict(origin), **measure()}
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
                temporary.write_text(json.dumps({"rows": self._rows}, indent=1))
                os.replace(temporary, self._file)
        return {name: value for name, value in self._rows[key].items() if name != "origin"}
