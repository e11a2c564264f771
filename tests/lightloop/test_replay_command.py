"""``lightloop replay``: one JSON object as agreed, a table for people, and refusals that say what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from agents.artefact import GENERALIST_FOLDER
from configs.build import plant_of, traffic_of
from configs.home import HOME_VARIABLE
from configs.load import load_config
from envs.heuristics import baseline
from envs.traffic import make_trace
from envs.window import WindowError, write_window
from lightloop.main import app
from lightloop.output import Refusal
from tests.live_network import Lived, live_through

NO_REGISTRY = ("--set", "mlflow.tracking_uri=http://127.0.0.1:9")


@pytest.fixture(scope="module")
def lived() -> Lived:
    config = load_config("five-node")
    plant = plant_of(config)
    trace = make_trace(traffic_of(config), plant, 400, seed=6)
    cut_s = float(trace.arrival_s[250])
    cuts = ((cut_s, float(trace.arrival_s[300]), 0),)
    return live_through(plant, trace, baseline("ksp_ff"), before=100, cuts=cuts)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lived: Lived) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    write_window(lived.window, tmp_path / "windows")
    return tmp_path


def replay(*words: str):
    arguments = ["replay", "--scenario", "five-node", *NO_REGISTRY, *words]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_one_object_with_policies_and_fidelity(home: Path, lived: Lived) -> None:
    window = lived.window
    words = ["--policy", "ksp_ff", "--policy", "mscl_ksp", "--policy", str(GENERALIST_FOLDER)]
    done = replay("--window", window.id, *words, "--json")
    document = json.loads(done.stdout)
    assert document["window"] == window.id
    assert document["requests"] == 300
    assert list(document["policies"]) == ["ksp_ff", "mscl_ksp", str(GENERALIST_FOLDER)]
    for row in document["policies"].values():
        assert row["ci95"][0] <= row["request_blocking"] <= row["ci95"][1]
    before_the_cut = int(np.searchsorted(window.trace.arrival_s, window.happenings[0].time_s))
    assert lived.blocked[:before_the_cut].sum() <= document["policies"]["ksp_ff"]["blocked"]
    assert "minus_first" not in document["policies"]["ksp_ff"]
    first, other = document["policies"]["ksp_ff"], document["policies"]["mscl_ksp"]
    difference = other["request_blocking"] - first["request_blocking"]
    assert other["minus_first"] == pytest.approx(difference)
    assert document["fidelity"]["slots_differing"] == 0
    assert document["fidelity"]["passed"]


def test_a_folder_is_a_window_too_and_people_get_a_table(home: Path, lived: Lived) -> None:
    done = replay("--window", str(home / "windows" / lived.window.id), "--policy", "ksp_ff")
    assert done.exit_code == 0
    assert "The twin repeats it" in done.stdout
    assert "ksp_ff" in done.stdout


def test_a_window_that_was_tampered_with_names_the_request(home: Path, lived: Lived) -> None:
    service, placed = next(iter(lived.window.at_end.items()))
    at_end = {name: item for name, item in lived.window.at_end.items() if name != service}
    wrong = replace(lived.window, at_end=at_end)
    write_window(wrong, home / "windows")
    done = replay("--window", wrong.id, "--policy", "ksp_ff", "--json")
    fidelity = json.loads(done.stdout)["fidelity"]
    assert fidelity["slots_differing"] == placed.num_slots * (len(placed.nodes) - 1)
    assert not fidelity["passed"]
    assert fidelity["first_difference"]["service"] == service


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--policy", "no_such"), "@champion"),
        (("--policy", "@champion"), "lightloop up"),
        (("--policy", "ksp_ff", "--policy", "ksp_ff"), "given twice"),
        (("--policy", "ksp_ff", "--set", "plant.topology=nsfnet"), "another|lived through on the network"),
    ],
)
def test_refusals_name_the_remedy(home: Path, lived: Lived, words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        replay("--window", lived.window.id, *words)


def test_a_stretch_of_time_is_made_a_window_of_by_the_operation_record(
    home: Path, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def window_of(*given: object) -> SimpleNamespace:
        asked.append(given)
        return SimpleNamespace(window=lived.window)

    monkeypatch.setattr("tasks.operation.record_until", lambda *given: given)
    monkeypatch.setattr("tasks.operation.window_of", window_of)
    stretch = "2026-01-01T00:00:00+00:00..2026-01-01T01:00:00+00:00"
    done = replay("--window", stretch, "--policy", "ksp_ff", "--json")
    assert json.loads(done.stdout)["window"] == lived.window.id
    assert asked[0][-2:] == (1767225600.0, 1767229200.0)
    assert asked[0][1].windows == home / "windows"  # type: ignore[attr-defined]


def test_times_that_cannot_be_read_say_how_they_are_written(home: Path) -> None:
    with pytest.raises(WindowError, match="write two times, as"):
        replay("--window", "noon..one", "--policy", "ksp_ff")
