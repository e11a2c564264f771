"""The home folder: odd names, and what cannot be one."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from configs.home import Home, HomeError


def test_an_empty_variable_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTLOOP_HOME", "")

    assert Home.from_environment().root == tmp_path / "var"


def test_a_file_in_the_place_of_the_home_is_told(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()

    for use in (Home(file).create, Home(file).credentials):
        with pytest.raises(HomeError, match=r"a file is in its place.*LIGHTLOOP_HOME"):
            use()


def test_a_home_that_no_file_system_can_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configs.home.os.environ", {"LIGHTLOOP_HOME": "a\0b"})

    with pytest.raises(HomeError, match="choose another folder"):
        Home.from_environment()


def test_processes_that_start_side_by_side_make_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIGHTLOOP_USER", "LIGHTLOOP_PASSWORD", "LIGHTLOOP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    homes = [Home(tmp_path / str(number // 8)) for number in range(80)]

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(Home.credentials, homes))

    assert made == [home.credentials() for home in homes]
    assert len(set(made)) == 10
    assert [file.name for file in homes[0].root.iterdir()] == ["secrets.env"]
    assert (homes[0].root / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_file_system_without_hard_links_holds_the_secret_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # link(2)

    monkeypatch.setattr("os.link", refused)
    home = Home(tmp_path / "home")

    assert home.credentials() == home.credentials()
    assert [file.name for file in home.root.iterdir()] == ["secrets.env"]
    assert (home.root / "secrets.env").stat().st_mode & 0o777 == 0o600
