"""Every kind of fault on elements, controller and PCE as processes, under load; then all must agree."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.audit import Installation, audit
from controlplane.client import PceClient
from controlplane.elements.http import HttpSouthbound
from controlplane.failpoints import VARIABLE
from lightloop.chaos import CREATED, Account, Extent, cause, compare
from lightloop.faults import KINDS, FailpointFile, Target, chosen_kinds
from tests.controlplane.processes import CREDENTIALS, Keeper, Processes

NO_MODEL = ["endpoint"]
SETTLED_S = 120.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    points = tmp_path / "failpoints"
    made = Processes(tmp_path, ["online.audit_interval_s=5"], {VARIABLE: f"@{points}"})
    try:
        made.start("elements", "pce", "controller")
        made.wait_until_ready("controller", "pce")
        keeper = Keeper(made)
        yield made
        keeper.end()
    finally:
        made.end()


def target_of(processes: Processes) -> Target:
    return Target(
        processes.client,
        [(fibre.node_a, fibre.node_b) for fibre in processes.topology.fibres],
        lambda: {name: process.pid for name, process in processes.running.items()},
        FailpointFile(processes.home.root.parent / "failpoints"),
        f"sqlite:///{processes.home.state}/controller.db",
    )


def assert_all_agrees(processes: Processes, account: Account) -> None:
    with (
        processes.client(timeout_s=30) as controller,
        PceClient(processes.config.pce_urls, CREDENTIALS) as pce,
        closing(HttpSouthbound(processes.config.services.url("elements"), CREDENTIALS)) as southbound,
    ):
        processes.wait_until_ready("controller", "pce")
        seen = Installation(
            controller, pce, southbound, processes.topology.node_names, processes.home.decisions
        )
        until_s = time.monotonic() + SETTLED_S
        while found := audit(seen.look, shared_spectrum=True):
            assert time.monotonic() < until_s, found
        assert compare(account, controller) == []
    assert account.unanswered == []
    assert any(known.told == CREATED for known in account.services.values())


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_after_every_kind_of_fault_all_that_was_told_stands(processes: Processes) -> None:
    target, said = target_of(processes), []
    kinds = chosen_kinds(target, [name for name in KINDS if name not in NO_MODEL])
    number = int(os.environ.get("LIGHTLOOP_FAULTS", "300"))  # 10000 takes some hours

    account = cause(target, Extent(faults=number, clients=4, between_s=(0.1, 0.5)), kinds, said.append)

    assert_all_agrees(processes, account)
    assert set(account.faults_by_kind) == set(kinds)
    told = {"operations": account.operations, "p99_answer_s": account.p99_s}
    print(told | account.faults_by_kind)  # for who runs it by hand
