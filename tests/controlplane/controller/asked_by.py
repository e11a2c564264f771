"""Requests of other controllers, as data: ``neighbours/*.json``, each with the source it was read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from starlette.testclient import TestClient

FOLDER = Path(__file__).with_name("neighbours")


class Asked:
    """The requests of one controller, with its names for things replaced by ours."""

    def __init__(self, neighbour: str, **values: str) -> None:
        self._requests = json.loads((FOLDER / f"{neighbour}.json").read_text())["requests"]
        self._values = values

    def __call__(self, http: TestClient, name: str, **values: str) -> Any:
        """The answer to a request."""
        asked = self.request(name, **values)
        return http.request(
            asked["method"], asked["path"], headers=asked.get("headers"), json=asked.get("body")
        )

    def request(self, name: str, **values: str) -> dict[str, Any]:
        """Method, path, headers and body of a request."""
        return filled(self._requests[name], self._values | values)

    @property
    def names(self) -> tuple[str, ...]:
        """What there is to ask."""
        return tuple(self._requests)


def filled(document: Any, values: Mapping[str, str]) -> Any:
    """A document with ``$NAME`` replaced."""
    if isinstance(document, dict):
        return {name: filled(item, values) for name, item in document.items()}
    if isinstance(document, list):
        return [filled(item, values) for item in document]
    return Template(document).substitute(values) if isinstance(document, str) else document
