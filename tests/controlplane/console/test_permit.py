"""What somebody does on a page stands in the trail under their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.auth import Identity
from controlplane.console.permit import NotPermittedError, need, noting
from controlplane.roles import Role
from controlplane.trail import Trail, read_trail

ANN = Identity("ann", Role.OPERATOR)


def test_what_is_done_is_noted_with_who_did_it(tmp_path: Path) -> None:
    trail = Trail(tmp_path, "console")
    noting(trail, ANN, "192.0.2.7")("alarm noted", "PCE: no model is in service")
    noting(None, ANN, "")("alarm noted", "nowhere to write")
    trail.close()
    (entry,) = read_trail(tmp_path)
    assert (entry.user, entry.role, entry.address) == ("ann", "operator", "192.0.2.7")
    assert (entry.process, entry.what, entry.outcome) == ("console", "alarm noted", "done")
    assert entry.about == "PCE: no model is in service"


def test_a_role_that_does_not_suffice_is_told() -> None:
    need(Role.READER, ANN, "looking")
    with pytest.raises(NotPermittedError, match="switching needs the role administrator; ann is operator"):
        need(Role.ADMINISTRATOR, ANN, "switching")
