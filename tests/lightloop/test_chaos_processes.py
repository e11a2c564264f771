"""Every kind of fault on elements, controllers and PCEs as processes, under load; then all must agree.

Once with one of each on SQLite, and once with two controllers and two PCEs on Postgres, of which one may be
frozen for longer than its claim lasts.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from controlplane.audit import Installation, Violation, audit
from controlplane.client import PceClient, ServiceRefused
from controlplane.elements.http import HttpSouthbound
from controlplane.failpoints import VARIABLE
from lightloop.chaos import CREATED, Account, Extent, cause, clear, compare, figures
from lightloop.disturbance import FailpointFile, Target
from lightloop.faults import KINDS, chosen_kinds
from tests.controlplane.controller.conftest import postgres
from tests.controlplane.pce.conftest import FakeModel
from tests.controlplane.processes import CREDENTIALS, Keeper, Processes
from tests.postgres import Postgres

__all__ = ["postgres"]  # a fixture

ANSWERS = ("scores", "scores", "nan", "infinite", "masked", "short", "text", "html", "refuses", "fails")
DELAYS_S = (0.0, 0.0, 0.5, 3.0)
PART = 200  # faults between two audits
SUMMED = ("faults", "operations", "violations", "unanswered", "lost_after_ack", "double_allocated_slots")
ENDING = ("kill", "stop", "kill-at-step", "element-forgets")  # of a process
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
        made = Processes(tmp_path, settings, {VARIABLE: f"@{tmp_path / 'failpoints'}"}, True)
        stack.callback(made.end)
        made.start(*names)
        made.wait_until_ready(*(name for name in names if not name.startswith("controller")))
        keeper = Keeper(made)
        stack.callback(keeper.end)
        yield made


@pytest.fixture
def model() -> Iterator[FakeModel]:
    made = FakeModel()
    yield made
    made.die()


def target_of(processes: Processes, model: FakeModel) -> Target:
    dice = random.Random(1)

    def switch() -> None:
        """Put a model in service that answers in some way, and often wrongly or late."""
        model.answer, model.delay_s = dice.choice(ANSWERS), dice.choice(DELAYS_S)
        model.asked.clear()
        endpoint = {"url": model.url, "model_name": "fake", "model_version": "1", "policy": model.answer}
        with PceClient(processes.config.pce_urls, CREDENTIALS) as pce:
            pce.put_endpoint(endpoint)

    return Target(
        processes.client,
        [(fibre.node_a, fibre.node_b) for fibre in processes.topology.fibres],
        lambda: {name: process.pid for name, process in processes.running.items()},
        FailpointFile(processes.home.root.parent / "failpoints"),
        processes.config.online.database_url or f"sqlite:///{processes.home.state}/controller.db",
        processes.home.state / "elements.db",
        switch,
    )


def looked_at(seen: Installation) -> list[Violation]:
    """What an audit finds; a controller that does not answer may be on its way up."""
    try:
        return audit(seen.look, shared_spectrum=True)
    except ServiceRefused as refusal:
        time.sleep(0.5)
        return [Violation("no-answer", "controller", "", refusal.reason)]


def audited(processes: Processes, account: Account) -> dict[str, Any]:
    """The figures once all agrees, or has had time to; what stands is deleted."""
    with (
        processes.client(timeout_s=30) as controller,
        PceClient(processes.config.pce_urls, CREDENTIALS) as pce,
        closing(HttpSouthbound(processes.config.services.url("elements"), CREDENTIALS)) as southbound,
    ):
        seen = Installation(
            controller, pce, southbound, processes.topology.node_names, processes.home.decisions
        )
        until_s = time.monotonic() + SETTLED_S
        while (found := looked_at(seen)) and time.monotonic() < until_s:
            pass
        told = figures(account, found, compare(account, controller))
        assert any(known.told == CREATED for known in account.services.values())
        clear(account, controller)
        return told


def keep(file: str, part: dict[str, Any]) -> None:
    """Add a part to a file of them, and write what they come to together."""
    parts: list[dict[str, Any]] = [part]
    if Path(file).exists():
        parts = [*json.loads(Path(file).read_text())["parts"], part]
    summed = {name: sum(each[name] for each in parts) for name in SUMMED}
    kinds = sum((Counter(each["faults_by_kind"]) for each in parts), Counter[str]())
    told = summed | {
        "ended": sum(kinds[name] for name in ENDING),
        "took_h": sum(each["took_s"] for each in parts) / 3600,
        "p99_answer_s_median": median(each["p99_answer_s"] for each in parts),
        "p99_answer_s_worst": max(each["p99_answer_s"] for each in parts),
        "faults_by_kind": dict(sorted(kinds.items())),
        "parts": parts,
    }
    Path(file).write_text(json.dumps(told, indent=1) + "\n")


@pytest.mark.long
@pytest.mark.timeout(5 * 3600)
def test_after_every_kind_of_fault_all_that_was_told_stands(processes: Processes, model: FakeModel) -> None:
    target, happened = target_of(processes, model), Counter[str]()
    kinds = chosen_kinds(target, list(KINDS))
    number = int(os.environ.get("LIGHTLOOP_FAULTS", "300"))
    seed = int(os.environ.get("LIGHTLOOP_FAULTS_SEED", "1"))

    while happened.total() < number:
        began_s = time.monotonic()
        extent = Extent(
            faults=min(PART, number - happened.total()), clients=3, at_once=3, between_s=(0.1, 0.5), seed=seed
        )
        account = cause(target, extent, kinds, lambda text: None)
        took_s = time.monotonic() - began_s
        told = audited(processes, account)
        if file := os.environ.get("LIGHTLOOP_FAULTS_KEPT"):
            keep(file, {"seed": seed, "took_s": took_s} | told)
        assert (told["violations"], told["unanswered"]) == (0, 0), (seed, told["details"], account.unanswered)
        seed, happened = seed + 1, happened + Counter(account.faults_by_kind)
    assert number < PART or set(happened) == set(kinds)
