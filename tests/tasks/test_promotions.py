"""The promotion log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tasks.promotions import Promotion, append_promotion, champions, pending_promotion, read_promotions


def entry(version: str, action: Literal["promote", "rollback"] = "promote", model: str = "m") -> Promotion:
    return Promotion(action, model, version, "", "policy", "why")


def test_what_is_appended_is_read_back_in_order_and_by_model(tmp_path: Path) -> None:
    file = tmp_path / "serving" / "promotions.jsonl"
    for item in (entry("1"), entry("7", model="other"), entry("2")):
        append_promotion(file, item)

    found = read_promotions(file, "m")

    assert [item.version for item in found] == ["1", "2"]
    assert found[0].time_s > 1e9


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "promotions.jsonl"
    append_promotion(file, entry("1"))
    with file.open("a") as stream:
        stream.write('{"action": "promo')

    assert [item.version for item in read_promotions(file, "m")] == ["1"]


def test_two_rollbacks_go_two_back_and_never_to_what_was_left() -> None:
    log = [entry("1"), entry("2"), entry("3"), entry("2", "rollback")]
    assert champions(log) == ("1", "2")

    log.append(entry("1", "rollback"))
    assert champions(log) == ("1",)

    log.append(entry("4"))
    assert champions(log) == ("1", "4")


def test_promoting_the_champion_again_changes_nothing() -> None:
    assert champions([entry("1"), entry("1")]) == ("1",)


def test_a_line_cut_short_does_not_take_the_next_one_along(tmp_path: Path) -> None:
    file = tmp_path / "promotions.jsonl"
    append_promotion(file, entry("1"))
    with file.open("a") as stream:
        stream.write('{"action": "promo')
    append_promotion(file, entry("2"))

    assert [item.version for item in read_promotions(file, "m")] == ["1", "2"]


def test_an_announced_switch_is_pending_until_it_is_settled_or_given_up(tmp_path: Path) -> None:
    file = tmp_path / "promotions.jsonl"
    switching = Promotion("switching", "m", "2", "1", "policy", "why", then="rollback")
    append_promotion(file, entry("1"))
    assert pending_promotion(file, "m") is None

    append_promotion(file, switching)
    found = pending_promotion(file, "m")
    assert found is not None
    assert (found.version, found.then) == ("2", "rollback")
    assert [item.version for item in read_promotions(file, "m")] == ["1"]
    assert pending_promotion(file, "other") is None

    append_promotion(file, Promotion("undone", "m", "2", "1", "policy", "the PCE asks 1"))
    assert pending_promotion(file, "m") is None
    append_promotion(file, switching)
    append_promotion(file, entry("2"))
    assert pending_promotion(file, "m") is None
    assert champions(read_promotions(file, "m")) == ("1", "2")
