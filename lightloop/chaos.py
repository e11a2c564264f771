"""Faults under load on a running installation, and what each client was told held against what stands then.

Clients create, read, change and delete services of their own over TAPI, and ask again, with the same UUID,
until they have an answer that is final. Beside them dice have faults happen (``faults.py``). At the end all
is whole again, and what every client knows is compared with the controller. Not here: whether controller,
elements, PCE and decision log agree among themselves (``controlplane/audit.py``).
"""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from controlplane.audit import Violation
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.tapi.resilience import PROTECTED
from controlplane.tapi.service_body import build_service
from lightloop.disturbance import AGAIN_S, PATIENCE_S, Disturbance, Ongoing, Target
from lightloop.faults import Kind, disturb

MAX_OWN = 12  # services of a client at a time
NOT_FOUND, NOT_NOW = 404, 503
CREATED, REFUSED, DELETED, UNKNOWN = "created", "refused", "deleted", "unknown"
BETWEEN_S = (0.5, 2.5)
WORKS_WITHIN_S = 30.0
RATES_GBPS = (25.0, 50.0, 100.0)


@dataclass
class Known:
    """What one client was told of one service."""

    uuid: str
    told: str
    why: str = ""
    gbps: float = math.nan  # acknowledged last; NaN: not known


@dataclass
class Account:
    """What the clients did and were told.

    Attributes:
        services: by UUID.
        answers_s: seconds from asking first to the first answer, of each operation; 503 is one too.
        unanswered: operations without an answer in ``PATIENCE_S``.
        faults: what was done to the installation, in order, with the second it was done at, and its kind.
    """

    services: dict[str, Known] = field(default_factory=dict)
    answers_s: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    faults: list[tuple[float, str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def operations(self) -> int:
        """Creations, reads, changes and deletions."""
        return len(self.answers_s) + len(self.unanswered)

    @property
    def faults_by_kind(self) -> dict[str, int]:
        """How many of each kind."""
        return dict(Counter(kind for _, kind, _ in self.faults))

    @property
    def p99_s(self) -> float:
        """Seconds that 99 % of the answers came within; NaN without any."""
        return float(np.quantile(self.answers_s, 0.99)) if self.answers_s else float("nan")


@dataclass(frozen=True)
class Broken:
    """A client was told one thing, and another stands."""

    rule: str  # lost-after-ack, other-capacity, stands-after-deletion, stands-after-refusal
    service_uuid: str
    why: str


@dataclass(frozen=True)
class Extent:
    """How much is done; the first bound that is met ends it.

    Attributes:
        seconds: of faults; the clients then finish what they began.
        faults: most of them; each dice but one may still throw one more.
        clients: that ask at the same time.
        at_once: dice beside each other, so many faults at a time.
        between_s: pause of a dice between two faults, at least and at most.
        seed: of every dice.
    """

    seconds: float = math.inf
    faults: float = math.inf
    clients: int = 8
    at_once: int = 1
    between_s: tuple[float, float] = BETWEEN_S
    seed: int = 1


def cause(target: Target, extent: Extent, kinds: Mapping[str, Kind], say: Callable[[str], None]) -> Account:
    """Load and faults; all is whole again when it returns.

    Args:
        target: what is put under load.
        extent: for how long.
        kinds: of faults, see ``chosen_kinds``.
        say: told each fault.
    """
    account, ended = Account(), threading.Event()
    began_s = time.monotonic()

    def note(kind: str, text: str) -> None:
        with account.lock:  # told in the order in which they are kept
            account.faults.append((time.monotonic() - began_s, kind, text))
            say(text)

    def goes_on() -> bool:
        return time.monotonic() - began_s < extent.seconds and len(account.faults) < extent.faults

    def pause(dice: random.Random) -> None:
        """Half of the faults come whatever is down, the others once a client has been answered again."""
        answered, until_s = len(account.answers_s), time.monotonic() + WORKS_WITHIN_S
        time.sleep(dice.uniform(*extent.between_s))
        if dice.random() < 0.5:
            while len(account.answers_s) == answered and goes_on() and time.monotonic() < until_s:
                time.sleep(0.02)

    with ThreadPoolExecutor(extent.clients) as threads, target.client() as client:
        clients = [
            threads.submit(live, target, account, ended, random.Random(f"{extent.seed} {number}"))
            for number in range(extent.clients)
        ]
        ongoing = Ongoing()
        dice = [
            Disturbance(target, client, random.Random(f"{extent.seed} dice {number}"), note, ongoing)
            for number in range(extent.at_once)
        ]
        try:
            disturb(dice, kinds, goes_on, pause)
        finally:
            ended.set()
        for each in clients:
            each.result()
    return account


def compare(account: Account, controller: ControllerClient) -> list[Broken]:
    """What stands other than the clients were told.

    Raises:
        ServiceRefused: the controller does not answer.
    """
    found = []
    rates_gbps = {item.service_uuid: item.bit_rate_gbps for item in controller.services()}
    for known in account.services.values():
        stands = True
        try:
            controller.service(known.uuid)
        except ServiceRefused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            stands = False
        if known.told == CREATED and not stands:
            found.append(Broken("lost-after-ack", known.uuid, "it was acknowledged, and is not there"))
        elif known.told == CREATED and abs((rates_gbps.get(known.uuid) or known.gbps) - known.gbps) > 0:
            why = f"{known.gbps:g} Gb/s were acknowledged, and {rates_gbps[known.uuid]:g} stand"
            found.append(Broken("other-capacity", known.uuid, why))
        elif known.told == DELETED and stands:
            found.append(Broken("stands-after-deletion", known.uuid, "its deletion was acknowledged"))
        elif known.told == REFUSED and stands:
            found.append(Broken("stands-after-refusal", known.uuid, f"it was refused: {known.why}"))
    return found


def figures(account: Account, found: Sequence[Violation], broken: Sequence[Broken]) -> dict[str, Any]:
    """What came of it, as JSON has it.

    Args:
        account: of the clients.
        found: by the audit.
        broken: by ``compare``.
    """
    return {
        "operations": account.operations,
        "faults": len(account.faults),
        "violations": len(found) + len(broken),
        "unanswered": len(account.unanswered),
        "lost_after_ack": sum(item.rule == "lost-after-ack" for item in broken),
        "double_allocated_slots": sum(item.rule == "slots-used-twice" for item in found),
        "p99_answer_s": account.p99_s,
        "faults_by_kind": account.faults_by_kind,
        "details": [*map(asdict, found), *map(asdict, broken)],
    }


def clear(account: Account, controller: ControllerClient) -> None:
    """Delete every service that may stand."""
    for known in account.services.values():
        if known.told in (CREATED, UNKNOWN):
            with contextlib.suppress(ServiceRefused):
                controller.delete_service(known.uuid)


def live(target: Target, account: Account, ended: threading.Event, dice: random.Random) -> None:
    """One client: a dice of creations, reads, changes and deletions of its own services."""
    with target.client() as client:
        own: list[Known] = []
        while not ended.is_set():
            roll = dice.random()
            if own and (roll < 0.3 or len(own) >= MAX_OWN):
                known = own.pop(dice.randrange(len(own)))
                _delete(client, account, known)
            elif own and roll < 0.45:
                known = dice.choice(own)
                refusal, _ = _answer(account, "read", partial(client.service, known.uuid))
                if refusal is not None and refusal.status == NOT_FOUND:
                    own.remove(known)  # found missing at the end, unless it is deleted
            elif own and roll < 0.55:
                _change(client, account, dice.choice(own), dice)
            else:
                known = Known(str(uuid4()), UNKNOWN)
                with account.lock:
                    account.services[known.uuid] = known
                _create(client, account, known, dice, target.nodes)
                if known.told == CREATED:
                    own.append(known)


def _create(
    client: ControllerClient, account: Account, known: Known, dice: random.Random, nodes: Sequence[str]
) -> None:
    """Any service; one in five with two lightpaths."""
    (source, destination), gbps = dice.sample(nodes, 2), dice.choice(RATES_GBPS)
    is_protected = dice.random() < 0.2

    def ask() -> None:
        ends = client.sips()[source], client.sips()[destination]
        body = build_service(known.uuid, *ends, gbps)
        if is_protected:
            protected = {"protection-type": PROTECTED[0]}
            body["tapi-connectivity:connectivity-service"][0]["resilience-type"] = protected
        client.create(body)

    refusal, _ = _answer(account, f"create {known.uuid}", ask)
    if refusal is None:
        known.told, known.gbps = CREATED, gbps
    elif refusal.status not in (0, NOT_NOW):
        known.told, known.why = REFUSED, refusal.reason


def _change(client: ControllerClient, account: Account, known: Known, dice: random.Random) -> None:
    """Another capacity, or locked and unlocked; what is refused is left as it was."""
    if dice.random() < 0.5:
        gbps = dice.choice(RATES_GBPS)
        refusal, _ = _answer(
            account, f"change {known.uuid}", lambda: client.change_capacity(known.uuid, gbps)
        )
        if refusal is None:
            known.gbps = gbps
        elif refusal.status in (0, NOT_NOW):
            known.gbps = math.nan  # one or the other
        return
    for is_locked in (True, False):
        _answer(account, f"lock {known.uuid}", partial(client.lock_service, known.uuid, is_locked))


def _delete(client: ControllerClient, account: Account, known: Known) -> None:
    refusal, tries = _answer(account, f"delete {known.uuid}", lambda: client.delete_service(known.uuid))
    if refusal is None or (refusal.status == NOT_FOUND and tries > 1):
        known.told = DELETED
    elif refusal.status != NOT_FOUND:  # who is told at once that it is not there has lost it
        known.told = UNKNOWN


def _answer(account: Account, what: str, ask: Callable[[], Any]) -> tuple[ServiceRefused | None, int]:
    """The answer to a question that is asked again until there is a final one, and how often it was asked.

    None: it was done. With status 503 (not now), or 0 where nobody answered, patience has come to its end.
    """
    began_s, answered_s, tries = time.monotonic(), math.inf, 0
    while True:
        refusal = None
        tries += 1
        try:
            ask()
        except ServiceRefused as error:
            refusal = error
        took_s = time.monotonic() - began_s
        if refusal is None or refusal.status:
            answered_s = min(answered_s, took_s)
        if refusal is None or refusal.status not in (0, NOT_NOW) or took_s > PATIENCE_S:
            with account.lock:
                if math.isfinite(answered_s):
                    account.answers_s.append(answered_s)
                else:
                    account.unanswered.append(what)
            return refusal, tries
        time.sleep(AGAIN_S)
