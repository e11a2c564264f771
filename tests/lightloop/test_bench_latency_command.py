"""``lightloop bench latency`` and the class table of ``simulate``: tables, JSON, pictures, an agent."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from agents.artefact import save_policy
from envs.heuristics import baseline
from lightloop.main import app

SMALL = ("--scenario", "five-node", "--requests", "1000")


def test_json_has_a_point_per_policy_and_load_with_every_class(tmp_path: Path) -> None:
    folder = save_policy(baseline("load_aware"), tmp_path / "agent")
    pictures = [f"--picture={tmp_path / 'a.png'}", f"--behaviour={tmp_path / 'b.png'}"]

    arguments = [
        "bench",
        "latency",
        *SMALL,
        "--load",
        "60",
        "--load",
        "40",
        "--agent",
        str(folder),
        *pictures,
    ]
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)

    document = json.loads(done.stdout)
    points = [(point["policy"], point["load_erlang"]) for point in document["points"]]
    assert points[:4] == [("agent", 40.0), ("agent", 60.0), ("shortest_path", 40.0), ("shortest_path", 60.0)]
    assert len(points) == 12
    for point in document["points"]:
        assert [item["service_class"] for item in point["classes"]] == ["urgent", "business", "best-effort"]
        assert point["latency_violations"] == sum(item["violations"] for item in point["classes"]) == 0
        assert point["classes"][0]["mean_slack"] < 1 == point["classes"][2]["mean_slack"]
    assert (tmp_path / "a.png").exists()
    assert (tmp_path / "b.png").exists()


def test_simulate_prints_every_class_only_where_there_are_bounds() -> None:
    bounded = CliRunner().invoke(app, ["simulate", *SMALL, "--load", "60"], catch_exceptions=False).stdout
    plain = CliRunner().invoke(app, ["simulate", "--requests", "1000"], catch_exceptions=False).stdout

    assert "by service class" in bounded
    assert [name in bounded for name in ("urgent", "business", "best-effort")] == [True] * 3
    assert "by service class" not in plain


def test_a_folder_without_an_agent_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "latency", *SMALL, "--agent", str(tmp_path)])

    assert done.exit_code != 0
    assert "policy.json" in str(done.exception)
