"""Every kind of fault on elements, controllers and PCEs as processes, under load; then all must agree.

Once with one of each on SQLite, and once with two controllers and two PCEs on Postgres, of which one may be
frozen for longer than its claim lasts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from controlplane.audit import Installation, Violation, audit
from controlplane.client import PceClient, ServiceRefused
from controlplane.elements.http import HttpSouthbound
from controlplane.failpoints import VARIABLE
from lightloop.chaos import CREATED, Account, Extent, cause, compare
from lightloop.faults import KINDS, FailpointFile, Target, chosen_kinds
from tests.controlplane.controller.conftest import postgres
from tests.controlplane.processes import CREDENTIALS, Keeper, Processes
from tests.postgres import Postgres

__all__ = ["postgres"]  # a fixture

NO_MODEL = ["endpoint"]
SETTLED_S = 120.0


@pytest.fixture(params=["alone", "pair"])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Processes]:
    settings, names = ["online.audit_interval_s=5"], ["elements", "pce", "controller"]
    with ExitStack() as stack:
        if request.param == "pair":
            server: Postgres = request.getfixturevalue("postgres")
            url = stack.enter_context(server.new_database())
            settings += [f"online.database_url={url}", "online.standby=true", "online.claim_s=1.5"]
            names += ["pce_b", "controller_b"]
        made = Processes(tmp_path, settings, {VARIABLE: f"@{tmp_path / 'failpoints'}"})
        stack.callback(made.end)
        made.start(*names)
        made.wait_until_ready(*(name for name in names if not name.startswith("controller")))
        keeper = Keeper(made)
        stack.callback(keeper.end)
        yield made


def target_of(processes: Processes) -> Target:
    return Target(
        processes.client,
        [(fibre.node_a, fibre.node_b) for fibre in processes.topology.fibres],
        lambda: {name: process.pid for name, process in processes.running.items()},
        FailpointFile(processes.home.root.parent / "failpoints"),
        processes.config.online.database_url or f"sqlite:///{processes.home.state}/controller.db",
    )


def looked_at(seen: Installation) -> list[Violation] | str:
    """What an audit finds, or why there is none: a controller may be on its way up."""
    try:
        return audit(seen.look, shared_spectrum=True)
    except ServiceRefused as refusal:
        time.sleep(0.5)
        return refusal.reason


def assert_all_agrees(processes: Processes, account: Account) -> None:
    with (
        processes.client(timeout_s=30) as controller,
        PceClient(processes.config.pce_urls, CREDENTIALS) as pce,
        closing(HttpSouthbound(processes.config.services.url("elements"), CREDENTIALS)) as southbound,
    ):
        seen = Installation(
            controller, pce, southbound, processes.topology.node_names, processes.home.decisions
        )
        until_s = time.monotonic() + SETTLED_S
        while found := looked_at(seen):
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
    assert number < 300 or set(account.faults_by_kind) == set(kinds)
    told = {"operations": account.operations, "p99_answer_s": account.p99_s}
    print(told | account.faults_by_kind)  # for who runs it by hand
