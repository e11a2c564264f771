"""Killed at every step of switch and promotion: the log, the aliases, the PCE and the slots agree again."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.champion import champion_of, pending, step_back_from_deleted
from tasks.locks import holder_of
from tasks.processes import ProcessManager
from tasks.promotions import read_promotions
from tasks.provision import stage
from tasks.registry import CHAMPION, PREVIOUS, RECORDED_FILE, ModelVersion, Registry
from tasks.serving_target import ServingTarget, owning_slots, served_uri, slot_document, slot_in_service
from tasks.takeover import settle, take_over
from tests.tasks.slots import RememberingPce, Serving

STEPS = {
    "before the announcement": (("tasks.takeover", "announce", 1, False), False),
    "after the announcement": (("tasks.takeover", "announce", 1, True), False),
    "after the slot's file": (("tasks.provision", "write_slot", 1, True), False),
    "after the PCE's switch": (("tasks.provision", "ask_pce", 1, True), True),
    "before the line that settles it": (("tasks.champion", "append_promotion", 2, False), True),
    "after the line that settles it": (("tasks.champion", "append_promotion", 2, True), True),
    "between the two aliases": (("tasks.registry", "Registry.point", 1, True), True),
    "before the old model is stopped": (("tasks.takeover", "retire_others", 1, False), True),
    "while the old model is stopped": (("tasks.provision", "empty_slot", 1, False), True),
}


@pytest.fixture(scope="module")
def killed() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tasks.killed_takeover"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def put(target: ServingTarget, registry: Registry, version: ModelVersion, folder: Path) -> None:
    with owning_slots(target, "test", timeout_s=0):
        settle(target, registry, lambda text: None)
        recorded = registry.fetch(version.uri, folder) / RECORDED_FILE
        staged = stage(target, version.uri, recorded, lambda text: None)
        take_over(target, registry, staged, version, "promote", "test", lambda text: None)


def agree(target: ServingTarget, pce: RememberingPce, registry: Registry, version: ModelVersion) -> None:
    """All four say the same version, and only its slot is in use."""
    assert pending(registry) is None
    assert champion_of(registry) == version
    assert registry.aliased(CHAMPION) == version.version
    assert pce.endpoint["model_version"] == version.version
    used = slot_in_service(target)
    assert used is not None
    assert served_uri(target, used) == pce.endpoint["model_uri"] == version.uri
    for slot in target.slots:
        if slot != used:
            assert ProcessManager(target.run_folder).state(slot.name).state == "STOPPED"
            assert slot_document(target, slot) == {}


def steps() -> Iterator[Any]:
    """Each step; two, one that is undone and one that is finished, stand for the rest where time is short."""
    for at in STEPS:
        marks = () if at in ("after the announcement", "between the two aliases") else (pytest.mark.long,)
        yield pytest.param(at, marks=marks)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("at", steps())
def test_killed_at_any_step_it_is_finished_or_undone(
    at: str,
    killed: subprocess.Popen[str],
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    step, is_finished = STEPS[at]
    if not pce.endpoint:
        put(where, registry, versions[1], tmp_path)
    before = champion_of(registry)
    wanted = next(version for version in versions if version != before)
    assert before is not None
    with owning_slots(where, "test", timeout_s=0):
        recorded = registry.fetch(wanted.uri, tmp_path) / RECORDED_FILE
        staged = stage(where, wanted.uri, recorded, lambda text: None)

    fields = (registry.tracking_uri, registry.experiment, registry.model_name, registry.promotion_log)
    assert killed.stdin is not None
    assert killed.stdout is not None
    killed.stdin.write(pickle.dumps((step, where, fields, staged, wanted)).hex() + "\n")
    killed.stdin.flush()
    assert int(killed.stdout.readline()) == signal.SIGKILL

    assert holder_of(where.lock_file) is None
    with owning_slots(where, "test", timeout_s=0):
        settle(where, registry, lambda text: None)
        assert settle(where, registry, lambda text: None) == []
    agree(where, pce, registry, wanted if is_finished else before)


def test_an_alias_moved_in_mlflows_page_goes_back(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    put(where, registry, versions[0], tmp_path)
    registry.point(CHAMPION, versions[1].version)

    with owning_slots(where, "test", timeout_s=0):
        done = settle(where, registry, lambda text: None)

    assert done == ["alias @champion moved from 2 to 1, as the promotion log has it"]
    agree(where, pce, registry, versions[0])


def test_where_the_champion_was_deleted_its_predecessor_is_promoted(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, _ = target
    put(where, registry, versions[0], tmp_path)
    put(where, registry, versions[1], tmp_path)
    registry._client.delete_model_version("model", versions[1].version)

    done = step_back_from_deleted(registry)

    assert done == ["version 2 has been deleted in MLflow: back to version 1"]
    assert champion_of(registry) == versions[0]
    assert registry.aliased(CHAMPION) == "1"
    assert registry.aliased(PREVIOUS) == ""
    last = read_promotions(registry.promotion_log, "model")[-1]
    assert (last.action, last.reason) == ("rollback", "version 2 has been deleted in MLflow")

    registry._client.delete_model_version("model", versions[0].version)
    assert step_back_from_deleted(registry) == []
    assert champion_of(registry) is None
