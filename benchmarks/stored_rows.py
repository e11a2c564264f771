"""Rows of a long benchmark in a JSON file, written one by one: what is known is not measured again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from envs.plant import Plant
from envs.settings import Setting
from envs.spec import PlantSpec, settings_of

Row = dict[str, Any]
ROW_VERSION = 1


def origin_of(setting: Setting, plant: Plant, spec: PlantSpec, content: str) -> dict[str, object]:
    """What the figures of ``content`` on a setting depend on, but for the effort."""
    return {
        "version": ROW_VERSION,
        "setting": repr(setting),
        "path_table": plant.path_table.content_hash,
        "plant": settings_of(spec),
        "policy": content,
    }


class StoredRows:
    """Rows by what they were measured from; without a file, nothing is kept.

    Args:
        file: read if it exists, replaced as a whole after every new row.

    Raises:
        ValueError: the file holds something else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._rows: dict[str, Row] = self._read()

    def _read(self) -> dict[str, Row]:
        file = self._file
        if file is None or not file.exists():
            return {}
        try:
            return dict(json.loads(file.read_text())["rows"])
        except (ValueError, KeyError, TypeError) as problem:
            raise ValueError(
                f"{file} holds no benchmark rows ({problem}); name another file or remove it"
            ) from problem

    def row(self, origin: Mapping[str, Any], measure: Callable[[], Row]) -> Row:
        """The row of ``origin``, which says all that its figures depend on; measured if unknown."""
        text = json.dumps(origin, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        if key not in self._rows:
            measured = {"origin": dict(origin), **measure()}
            self._rows = {**self._read(), key: measured}  # another process may have added rows meanwhile
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
                temporary.write_text(json.dumps({"rows": self._rows}, indent=1))
                os.replace(temporary, self._file)
        return {name: value for name, value in self._rows[key].items() if name != "origin"}
