"""The entry point: no person sees a traceback unless it is asked for; Ctrl-C says what goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lightloop import main as entry


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, *arguments: str
) -> str:
    """What a command that ends with an error prints on stderr."""

    def command(args: list[str]) -> None:
        raise error

    monkeypatch.setattr(entry, "app", command)
    return refused(monkeypatch, capsys, *arguments)


def test_a_defect_is_one_line_that_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(monkeypatch, capsys, KeyError("chosen"), "simulate", "--seed", "1")

    assert text.count("\n") == 1
    assert "KeyError: 'chosen'" in text
    assert "lightloop --debug simulate --seed 1" in text


def test_a_foreign_value_error_is_a_defect_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(monkeypatch, capsys, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))

    assert "a defect: UnicodeDecodeError" in text


def test_a_full_disk_is_told_with_the_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(monkeypatch, capsys, OSError(28, "No space left on device", "/srv/traces/x.parquet"))

    assert "/srv/traces/x.parquet: No space left on device; make room" in text


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(args: list[str]) -> None:
        assert args == ["simulate"]
        raise KeyError("chosen")

    monkeypatch.setattr(entry, "app", command)
    monkeypatch.setattr(sys, "argv", ["lightloop", "--debug", "simulate"])
    with pytest.raises(KeyError):
        entry.main()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_says_that_nothing_goes_on(tmp_path: Path, number: int) -> None:
    arguments = ["simulate", "--topology", "nsfnet", "--policy", "ksp_ff", "--requests", "2000000000"]
    program = (
        "import sys; from lightloop.main import main; print('imported', flush=True); "
        f"sys.argv = ['lightloop', *{arguments!r}]; main()"
    )
    environment = os.environ | {"LIGHTLOOP_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "imported\n"
        time.sleep(2)  # it has begun to simulate, or still compiles: both can be left
        process.send_signal(number)
        _, said = process.communicate(timeout=120)

    assert process.returncode == 128 + number
    assert "interrupted. Nothing goes on running" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_a_callback_from_compiled_code_is_not_lost(tmp_path: Path, number: int) -> None:
    program = f"""
import ctypes, signal, time
from lightloop import main as entry
def app(args):
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal({int(number)}))()
    time.sleep(100)
entry.app = app
entry.main()
"""
    environment = os.environ | {"LIGHTLOOP_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=90
    )

    assert done.returncode == 128 + number
    assert done.stderr == "lightloop: interrupted. Nothing goes on running\n"


@pytest.mark.parametrize(
    ("home", "word"),
    [("f", "a file is in its place"), ("f/inside", "Not a directory"), ("/proc/1/x", "cannot be made")],
)
def test_a_home_that_cannot_be_one_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    home: str,
    word: str,
) -> None:
    (tmp_path / "f").touch()
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path / home))

    said = refused(monkeypatch, capsys, "up", "--scenario", "five-node")

    assert word in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "setting", ["services.mlflow_port=80000", "plant.topology=nowhere.csv", "plant.max_candidates=0"]
)
def test_a_configuration_that_cannot_be_brought_up_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str
) -> None:
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path / "home"))

    refused(monkeypatch, capsys, "up", "--scenario", "five-node", "--set", setting)

    assert not (tmp_path / "home" / "config.yaml").exists()


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that ends with status 1."""
    monkeypatch.setattr(sys, "argv", ["lightloop", *arguments])
    with pytest.raises(SystemExit) as left:
        entry.main()
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said
