"""What was measured of a window is found again, as long as the same would be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.fidelity import Decider
from envs.heuristics import baseline
from envs.plant import Plant
from envs.traffic import PoissonTraffic, make_trace
from envs.window import read_window, write_window
from tasks import fidelity
from tests.live_network import VERSION, live_through


def test_a_measure_is_found_again_until_other_versions_are_at_hand(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, other = baseline("ksp_ff"), baseline("ksp_lf")
    window = live_through(plant, make_trace(traffic, plant, 60, seed=4), policy, before=10).window
    folder, measured = write_window(window, tmp_path), []
    at_hand = {VERSION: Decider(other)}

    def measure(*given: object) -> fidelity.Fidelity:
        measured.append(given)
        return actual(*given)  # type: ignore[arg-type]

    actual = fidelity.measure_fidelity
    monkeypatch.setattr(fidelity, "measure_fidelity", measure)
    monkeypatch.setattr(fidelity, "policies_in", lambda *_: at_hand)

    def stored() -> fidelity.Fidelity:
        return fidelity.stored_fidelity(plant, folder, None, tmp_path)  # type: ignore[arg-type]

    first = stored()
    assert first.first_difference is not None
    assert repr(stored()) == repr(first)  # which nan is in
    assert len(measured) == 1
    assert read_window(window.id, tmp_path).id == window.id  # what lies beside it does not harm it

    at_hand.clear()  # the version was deleted: choices are compared no more
    assert stored().num_unknown == first.num_compared + first.num_unknown
    (folder / fidelity.FIDELITY_FILE).write_text("{half")
    assert stored().passed
    assert len(measured) == 3
