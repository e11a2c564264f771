"""Promoted and refused trainings are told apart by the name and the message of their final state."""

from __future__ import annotations

import pytest
from prefect.client.schemas.objects import State

from flows.outcome import promoted, refused


@pytest.mark.parametrize(
    ("state", "name"), [(promoted("version 2"), "Promoted"), (refused("worse"), "Refused")]
)
def test_an_end_is_a_success_with_a_name_and_a_verdict(state: State[str], name: str) -> None:
    assert state.is_completed()
    assert state.name == name
    assert state.message in ("version 2", "worse")
    assert state.result() == state.message
