"""What a run keeps so that an answer can take it up again."""

from __future__ import annotations

from pathlib import Path

from tasks.challenger import (
    PackagedModel,
    recall_asked,
    recall_challenger,
    remember_asked,
    remember_challenger,
)


def test_a_challenger_is_recalled_while_its_files_are_there(tmp_path: Path) -> None:
    recorded = tmp_path / "agent" / "recorded.npz"
    recorded.parent.mkdir()
    recorded.write_bytes(b"")
    made = PackagedModel("run", "ppo", tmp_path / "agent", "models:/m-1", recorded)
    assert recall_challenger(tmp_path) is None

    remember_challenger(tmp_path, made)
    assert recall_challenger(tmp_path) == made

    recorded.unlink()
    assert recall_challenger(tmp_path) is None


def test_what_was_asked_is_recalled_with_its_time(tmp_path: Path) -> None:
    assert recall_asked(tmp_path) is None

    asked = remember_asked(tmp_path, "ppo passes", "3", 60.0)

    assert recall_asked(tmp_path) == asked
    assert (asked.verdict, asked.champion, asked.timeout_s) == ("ppo passes", "3", 60.0)
