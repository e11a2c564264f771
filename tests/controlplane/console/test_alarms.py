"""Alarms begin, end, are noted and outlive a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.console.alarms import AlarmBook, about, num_open


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> AlarmBook:
    return AlarmBook(tmp_path / "console" / "alarms.json", clock)


def test_an_alarm_lasts_as_long_as_its_reason_whatever_its_numbers(book: AlarmBook, clock: Clock) -> None:
    book.tell("PCE", ["the databases were last in step 12 s ago"])
    clock.now_s = 1010.0
    book.tell("PCE", ["the databases were last in step 22 s ago"])
    (alarm,) = book.alarms
    assert (alarm.since_s, alarm.ended_s, alarm.about) == (1000.0, None, "stale data")
    assert alarm.text == "the databases were last in step 22 s ago"


def test_one_that_nobody_noted_stays_when_it_is_over(book: AlarmBook, clock: Clock) -> None:
    book.tell("controller", ["elements suspect: A"])
    clock.now_s = 1005.0
    book.tell("controller", [])
    (alarm,) = book.alarms
    assert (alarm.ended_s, num_open(book.alarms)) == (1005.0, 1)
    assert book.note(alarm.key, "ann") is not None
    assert book.alarms == ()
    assert book.note(alarm.key, "ann") is None


def test_one_that_was_noted_stays_while_it_lasts_and_goes_with_its_reason(book: AlarmBook) -> None:
    book.tell("controller", ["elements suspect: A"])
    book.note(book.alarms[0].key, "ann")
    book.tell("controller", ["elements suspect: A", "not enough space left"])
    assert [(each.about, each.noted_by) for each in book.alarms] == [("disk", ""), ("elements", "ann")]
    assert num_open(book.alarms) == 1
    book.tell("PCE", [])  # another source says nothing of it
    assert len(book.alarms) == 2
    book.tell("controller", ["not enough space left"])
    assert [each.about for each in book.alarms] == ["disk"]


def test_one_that_comes_back_is_to_be_noted_anew(book: AlarmBook, clock: Clock) -> None:
    book.tell("PCE", ["no model is in service; ksp_ff decides"])
    book.tell("PCE", [])
    clock.now_s = 1100.0
    book.tell("PCE", ["no model is in service; ksp_ff decides"])
    (alarm,) = book.alarms
    assert (alarm.since_s, alarm.ended_s, alarm.noted_by) == (1100.0, None, "")


def test_alarms_and_who_noted_them_are_kept_over_a_restart(book: AlarmBook, tmp_path: Path) -> None:
    file = tmp_path / "console" / "alarms.json"
    book.tell("PCE", ["no model is in service; ksp_ff decides"])
    book.note(book.alarms[0].key, "ann")
    again = AlarmBook(file)
    assert again.alarms == book.alarms
    assert again.alarms[0].noted_by == "ann"
    file.write_text("[{")
    assert AlarmBook(file).alarms == ()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("/var/decisions: the decision log cannot be written: No space left on device", "disk"),
        ("elements suspect, and audited again and again: A", "elements"),
        ("http://127.0.0.1:5101 does not answer; ksp_ff decides", "model"),
        ("3 service(s) without a lightpath", "services"),
        ("not reachable", "PCE"),
    ],
)
def test_what_an_alarm_is_about(reason: str, expected: str) -> None:
    assert about("PCE", reason) == expected
