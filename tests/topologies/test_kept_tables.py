"""Path tables on disk: read back to the bit, made anew where damaged, done without where nothing is kept."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from topologies import kept_tables
from topologies.cache_folders import HOME_VARIABLE
from topologies.catalogue import load_topology
from topologies.kept_tables import path_table
from topologies.paths import PathRule, PathTable, build_path_table

RULE = PathRule(k=3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an installation keeps its tables, however small."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr(kept_tables, "LEAST_KEPT", 0)
    return tmp_path / "state" / "path-tables"


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> list[PathRule]:
    """The rules that paths have been looked for by."""
    rules: list[PathRule] = []

    def searched(topology, rule):
        rules.append(rule)
        return build_path_table(topology, rule)

    monkeypatch.setattr(kept_tables, "build_path_table", searched)
    return rules


def alike(one: PathTable, other: PathTable) -> bool:
    """The same bits, shapes and types."""
    arrays = ((getattr(one, name), getattr(other, name)) for name in kept_tables._ARRAYS)
    return (one.rule, one.content_hash) == (other.rule, other.content_hash) and all(
        np.array_equal(a, b) and a.dtype == b.dtype for a, b in arrays
    )


def test_a_table_is_looked_for_once_and_read_to_the_bit_afterwards(folder, search):
    topology = load_topology("cost239")
    first, second = path_table(topology, RULE), path_table(topology, RULE)
    assert search == [RULE]
    assert alike(first, second)
    assert alike(second, build_path_table(topology, RULE))
    others = [(topology, replace(RULE, ties="reverse")), (load_topology("five-node"), RULE)]
    assert all(alike(path_table(*other), build_path_table(*other)) for other in others)
    assert len(list(folder.iterdir())) == 1 + len(others)


@pytest.mark.parametrize("damage", [b"", b"half", b"0" * 64 + b"\nno archive"])
def test_a_damaged_table_is_made_anew_with_a_warning(folder, search, caplog, damage):
    topology = load_topology("five-node")
    whole = path_table(topology, RULE)
    (file,) = folder.iterdir()
    sound = file.read_bytes()
    file.write_bytes(damage or sound[:-1] + bytes([sound[-1] ^ 1]))
    assert alike(path_table(topology, RULE), whole)
    assert f"{file} is damaged" in caplog.text
    assert alike(path_table(topology, RULE), whole)
    assert len(search) == 2
    assert list(folder.iterdir()) == [file]  # nothing of the writing is left


def test_where_nothing_may_be_written_a_temporary_folder_serves(folder, search, tmp_path, monkeypatch):
    (tmp_path / "state").touch()  # no folder can be made there, whoever runs this
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    topology = load_topology("five-node")
    assert alike(path_table(topology, RULE), path_table(topology, RULE))
    assert len(search) == 1


def test_where_nothing_can_be_kept_at_all_the_table_is_there_and_one_line_says_so(
    folder, search, tmp_path, monkeypatch, caplog
):
    (tmp_path / "state").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "state"))
    topology = load_topology("five-node")
    with caplog.at_level(logging.INFO):
        assert alike(path_table(topology, RULE), build_path_table(topology, RULE))
    (line,) = caplog.messages
    assert line.startswith("path tables are not kept")
