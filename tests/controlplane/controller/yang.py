"""Checks of documents against the YANG model of TAPI 2.1.3; the ``model`` is a fixture."""

from __future__ import annotations

from typing import Any


def assert_valid_datastore(model: Any, document: Any) -> None:
    from yangson.enumerations import ContentType, ValidationScope

    model.from_raw(document).validate(ValidationScope.all, ContentType.all)


def assert_valid_part(model: Any, document: Any, schema: str) -> None:
    from yangson.enumerations import ContentType, ValidationScope

    model.from_raw(document, subschema=schema).validate(ValidationScope.syntax, ContentType.all)
