"""Carried loads against Erlang B, and a whole comparison in small that is interrupted and goes on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks.policy as policy
from agents.artefact import save_policy
from benchmarks import carried
from benchmarks.carried import LoadCurve, carried_half_width
from benchmarks.policy_picture import best_of_families, draw
from benchmarks.stored_rows import StoredRows
from envs.errors import PolicyError
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.settings import SETTINGS, Setting, benchmark_setting
from envs.spec import PlantSpec, settings_of
from envs.traffic import PoissonTraffic
from tests import naive
from topologies.model import Fibre, Node, Topology

MEASURED = Path(__file__).parents[2] / "docs" / "measured"
LINK = Topology("link", "test", (Node("a", 0, 0), Node("b", 1, 1)), (Fibre("a", "b", 100.0),))
SMALL = Setting(
    name="small",
    topology="five-node",
    plant=PlantSpec(num_slots=32, k_paths=5),
    traffic=PoissonTraffic(60.0, bit_rates_gbps=(25.0, 50.0, 100.0)),
    training_load_erlang=60.0,
    source="made up",
)


@pytest.mark.parametrize("target", [0.01, 0.05])
def test_carried_load_of_one_link_is_where_erlang_b_says(target: float) -> None:
    plant = build_plant(LINK, PlantSpec(num_slots=10, guard_slots=0, k_paths=1, shared_spectrum=True))
    traffic = PoissonTraffic(5.0, 1.0, truncate_holding=False, bit_rates_gbps=(12.5,))

    found = LoadCurve(plant, traffic, "ksp_ff", 400_000).carried_erlang(target, 12.0)

    assert naive.erlang_b(0.985 * found, 10) < target < naive.erlang_b(1.015 * found, 10)


def test_a_carried_load_is_as_uncertain_as_the_blocking_over_its_slope() -> None:
    points = [
        {"load_erlang": 80.0, "request_blocking": 0.0, "ci95": [0.0, 0.0]},
        {"load_erlang": 90.0, "request_blocking": 5e-4, "ci95": [4e-4, 6e-4]},
        {"load_erlang": 110.0, "request_blocking": 2e-3, "ci95": [1.6e-3, 2.4e-3]},
        {"load_erlang": 120.0, "request_blocking": None, "ci95": None},
    ]

    assert carried_half_width(points, 100.0) == pytest.approx(0.2 * 20 / math.log(4))
    assert carried_half_width(points, 85.0) is None  # none blocked below: no slope
    assert carried_half_width(points, 115.0) is None


def test_another_protocol_has_rows_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "benchmark_setting", lambda name: SMALL)
    simulate, asked = carried.simulate, []

    def noted(*arguments, **named):
        asked.append((arguments[3], named["num_runs"], named["warmup"]))
        return simulate(*arguments, **named)

    monkeypatch.setattr(carried, "simulate", noted)
    store, only = tmp_path / "rows.json", ("ksp_ff_k5_hops_over_se",)
    published = policy.Protocol(runs=40, requests_a_run=100, from_empty=True, only=only)

    found = policy.figures("small", None, True, lambda name: None, store=store, protocol=published)
    assert set(asked) == {(4000, 40, 0)}
    assert set(found["policies"]) == set(only)
    assert "proven" not in found

    asked.clear()
    settled = policy.Protocol(runs=40, requests_a_run=100, only=only)
    later = policy.figures("small", None, True, lambda name: None, store=store, protocol=settled)
    assert set(asked) == {(4000, 40, 3000)}
    assert len(json.loads(store.read_text())["rows"]) == 2
    # An empty network blocks none of the first requests, so more seems to be carried.
    carried_erlang = [row["policies"][only[0]][policy.AT_PERMILLE] for row in (found, later)]
    assert carried_erlang[0] > 1.05 * carried_erlang[1]

    with pytest.raises(PolicyError, match="no policy begins with nobody; known: ksp_ff_k5"):
        policy.figures("small", None, True, print, protocol=policy.Protocol(only=("nobody",)))


def test_rows_are_kept_one_by_one_and_found_by_all_they_depend_on(tmp_path: Path) -> None:
    file = tmp_path / "new" / "rows.json"
    rows = StoredRows(file)
    assert rows.row({"policy": "a", "requests": 10}, lambda: {"carried": 1.5}) == {"carried": 1.5}
    with pytest.raises(ZeroDivisionError):
        rows.row({"policy": "b"}, lambda: {"carried": 1 / 0})

    again = StoredRows(file)

    assert again.row({"requests": 10, "policy": "a"}, lambda: pytest.fail("measured again")) == {
        "carried": 1.5
    }
    assert again.row({"policy": "a", "requests": 11}, lambda: {"carried": 2.5}) == {"carried": 2.5}


@pytest.mark.parametrize("content", ["{}", "[1]", "no json"])
def test_a_file_without_rows_is_refused_by_name_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json holds no benchmark rows"):
        StoredRows(file)
    assert file.read_text() == content


def test_a_comparison_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = policy._contestants
    monkeypatch.setattr(policy, "benchmark_setting", lambda name: SMALL)
    monkeypatch.setattr(
        policy, "_contestants", lambda *a: (replace(who, num_requests=4000) for who in everyone(*a))
    )
    agent, store = save_policy(baseline("ksp_ff"), tmp_path / "agent"), tmp_path / "rows.json"
    simulate, calls = carried.simulate, []

    def until(most: int):
        def counted(*arguments, **named):
            calls.append(arguments[1].load_erlang)
            if len(calls) > most:
                raise KeyboardInterrupt
            return simulate(*arguments, **named)

        return counted

    monkeypatch.setattr(carried, "simulate", until(60))
    with pytest.raises(KeyboardInterrupt):
        policy.figures("small", agent, True, lambda name: None, store=store)
    kept = json.loads(store.read_text())["rows"]
    assert 3 <= len(kept) < 17

    monkeypatch.setattr(carried, "simulate", until(10_000))
    named: list[str] = []
    found = policy.figures("small", agent, True, named.append, store=store)
    monkeypatch.setattr(carried, "simulate", until(0))
    assert policy.figures("small", agent, True, lambda name: None, store=store) == found

    assert [row for row in json.loads(store.read_text())["rows"] if row in kept] == list(kept)
    assert {*found["policies"], "defragmentation"} <= set(named)
    assert {"generalist", "generalist_told"} <= set(found["policies"])
    # On five nodes the agent's 20 paths are all there are, and so are the 50 of the heuristic.
    same = found["policies"]["ksp_ff_k50_hops_over_se"][policy.AT_PERCENT]
    assert found["policies"]["agent"][policy.AT_PERCENT] == pytest.approx(same, rel=0.05)
    families = ("ksp_ff_k", "ff_ksp_k")
    first_fit = max(
        row[policy.AT_PERMILLE] for name, row in found["policies"].items() if name[:8] in families
    )
    proven = found["proven"][policy.AT_PERMILLE]
    assert (
        first_fit < found["estimate"][policy.AT_PERMILLE] < found["optimistic"][policy.AT_PERMILLE] < proven
    )
    expected = (found["policies"]["agent"][policy.AT_PERMILLE] - first_fit) / (proven - first_fit)
    assert found["gap_closed"] == pytest.approx(expected)


def test_a_picture_shows_the_best_of_each_family(tmp_path: Path) -> None:
    def row(erlang: float) -> dict:
        point = {"request_blocking": 1e-3, "ci95": [0.0, 2e-3], "bit_rate_blocking": 2e-3}
        return {policy.AT_PERMILLE: erlang, "points": [{"load_erlang": erlang, **point}]}

    names = {
        "ksp_ff_k5_km": 3.0,
        "ksp_ff_k50_km": 5.0,
        "ff_ksp_k5_hops": 4.0,
        "mscl_ksp_k5": 2.0,
        "agent": 9.0,
    }
    policies = {name: row(erlang) for name, erlang in names.items()}

    assert best_of_families(policies) == {
        "KSP-FF": "ksp_ff_k50_km",
        "FF-KSP": "ff_ksp_k5_hops",
        "MSCL": "mscl_ksp_k5",
    }
    picture = tmp_path / "curves.svg"
    lines = {"estimate": row(10.0), "optimistic": row(11.0), "proven": row(12.0)}
    draw({"setting": "small", "policies": policies, **lines}, picture)
    assert "<svg" in picture.read_text()[:500]


@pytest.mark.parametrize(
    "file",
    [MEASURED / f"{name}.json" for name in SETTINGS if (MEASURED / f"{name}.json").exists()],
    ids=lambda file: file.stem,
)
def test_measured_rows_are_found_again(file: Path) -> None:
    def measured() -> dict[str, object]:
        raise AssertionError("a stored row would be measured again")

    chosen, stored = benchmark_setting(file.stem), StoredRows(file)
    for row in json.loads(file.read_text())["rows"].values():
        assert row["origin"]["setting"] == repr(chosen)
        assert row["origin"]["plant"].keys() == settings_of(chosen.plant).keys()
        assert stored.row(row["origin"], measured).keys() == row.keys() - {"origin"}
