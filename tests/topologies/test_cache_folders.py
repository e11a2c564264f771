"""Folders for what can be made anew, also where others write to the temporary folder."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from topologies.cache_folders import HOME_VARIABLE, cache_folder, temporary_folder


def test_a_temporary_folder_of_this_user_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    first, second = temporary_folder("things"), temporary_folder("things")

    assert first == second
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


def test_a_folder_that_others_may_write_to_or_a_link_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    natural = tmp_path / f"things-{os.getuid()}"
    natural.mkdir()
    natural.chmod(0o777)
    assert temporary_folder("things") != natural

    natural.rmdir()
    (tmp_path / "theirs").mkdir(mode=0o700)
    natural.symlink_to(tmp_path / "theirs")
    assert temporary_folder("things") != natural


def test_a_user_without_a_home_gets_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As ``docker run --user 12345`` makes one: no HOME, and no entry among the users."""
    for name in (HOME_VARIABLE, "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert cache_folder("things").parent == tmp_path
    assert not (tmp_path / "~").exists()


def test_the_installation_comes_before_the_users_cache_and_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home, cache = tmp_path / "home", tmp_path / "cache"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert cache_folder("things") == cache / "lightloop" / "things"
    assert not home.exists()
    home.mkdir()
    assert cache_folder("things") == home / "state" / "things"
