"""Faults under load on a running installation, and what each client was told held against what stands then.

Clients create, read and delete services of their own over TAPI, and ask again, with the same UUID, until they
have an answer. Beside them a dice cuts and repairs links, kills processes and stops them for a while. At the
end links are repaired, and what every client knows is compared with the controller. Not here: whether
controller, elements, PCE and decision log agree among themselves (``controlplane/audit.py``).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from controlplane.client import ControllerClient, ServiceRefused

PATIENCE_S = 90.0  # after which a client gives up on an answer
AGAIN_S = 0.2
BETWEEN_FAULTS_S = (0.5, 2.5)
HUNG_S = (0.5, 3.0)
MAX_CUT = 2  # links at a time
MAX_OWN = 12  # services of a client at a time
NOT_FOUND = 404
CREATED, REFUSED, DELETED, UNKNOWN = "created", "refused", "deleted", "unknown"
RATES_GBPS = (25.0, 50.0, 100.0)


@dataclass
class Known:
    """What one client was told of one service."""

    uuid: str
    told: str
    why: str = ""


@dataclass
class Account:
    """What the clients did and were told.

    Attributes:
        services: by UUID.
        answers_s: seconds from asking first to the answer, of each operation.
        unanswered: operations without an answer in ``PATIENCE_S``.
        faults: what was done to the installation, in order, with the second it was done at.
    """

    services: dict[str, Known] = field(default_factory=dict)
    answers_s: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def operations(self) -> int:
        """Creations, reads and deletions."""
        return len(self.answers_s) + len(self.unanswered)

    @property
    def p99_s(self) -> float:
        """Seconds that 99 % of the answers came within; NaN without any."""
        return float(np.quantile(self.answers_s, 0.99)) if self.answers_s else float("nan")


@dataclass(frozen=True)
class Broken:
    """A client was told one thing, and another stands."""

    rule: str  # lost-after-ack, stands-after-deletion, stands-after-refusal
    service_uuid: str
    why: str


@dataclass(frozen=True)
class Target:
    """The installation.

    Attributes:
        client: makes a client of the controller.
        links: ends of each link.
        pids: process ids of what may be killed, by name; asked for each time.
    """

    client: Callable[[], ControllerClient]
    links: Sequence[tuple[str, str]]
    pids: Callable[[], Mapping[str, int]]


def cause(target: Target, seconds: float, num_clients: int, seed: int, say: Callable[[str], None]) -> Account:
    """Load and faults for so many seconds; every link is repaired when it returns.

    Args:
        target: what is put under load.
        seconds: of faults; the clients then finish what they began.
        num_clients: that ask at the same time.
        seed: of every dice.
        say: told each fault.
    """
    account, ended = Account(), threading.Event()
    with ThreadPoolExecutor(num_clients) as threads:
        clients = [
            threads.submit(live, target, account, ended, random.Random(f"{seed} {number}"))
            for number in range(num_clients)
        ]
        try:
            _disturb(target, account, time.monotonic() + seconds, random.Random(seed), say)
        finally:
            ended.set()
        for client in clients:
            client.result()
    return account


def compare(account: Account, controller: ControllerClient) -> list[Broken]:
    """What stands other than the clients were told.

    Raises:
        ServiceRefused: the controller does not answer.
    """
    found = []
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
        elif known.told == DELETED and stands:
            found.append(Broken("stands-after-deletion", known.uuid, "its deletion was acknowledged"))
        elif known.told == REFUSED and stands:
            found.append(Broken("stands-after-refusal", known.uuid, f"it was refused: {known.why}"))
    return found


def clear(account: Account, controller: ControllerClient) -> None:
    """Delete every service that may stand."""
    for known in account.services.values():
        if known.told in (CREATED, UNKNOWN):
            with contextlib.suppress(ServiceRefused):
                controller.delete_service(known.uuid)


def live(target: Target, account: Account, ended: threading.Event, dice: random.Random) -> None:
    """One client: a dice of creations, reads and deletions of its own services."""
    with target.client() as client:
        nodes = sorted({end for link in target.links for end in link})
        own: list[Known] = []
        while not ended.is_set():
            roll = dice.random()
            if own and (roll < 0.3 or len(own) >= MAX_OWN):
                known = own.pop(dice.randrange(len(own)))
                _delete(client, account, known)
                if known.told == CREATED:  # refused for now
                    own.append(known)
            elif own and roll < 0.45:
                _answer(account, "read", partial(client.service, dice.choice(own).uuid))
            else:
                known = Known(str(uuid4()), UNKNOWN)
                with account.lock:
                    account.services[known.uuid] = known
                source, destination = dice.sample(nodes, 2)
                _create(client, account, known, source, destination, dice.choice(RATES_GBPS))
                if known.told == CREATED:
                    own.append(known)


def _create(
    client: ControllerClient, account: Account, known: Known, source: str, destination: str, gbps: float
) -> None:
    refusal = _answer(
        account,
        f"create {known.uuid}",
        lambda: client.request_service(source, destination, gbps, service_uuid=known.uuid),
    )
    if refusal is None:
        known.told = CREATED
    elif refusal.status:
        known.told, known.why = REFUSED, refusal.reason


def _delete(client: ControllerClient, account: Account, known: Known) -> None:
    refusal = _answer(account, f"delete {known.uuid}", lambda: client.delete_service(known.uuid))
    if refusal is None or refusal.status == NOT_FOUND:
        known.told = DELETED
    elif not refusal.status:
        known.told = UNKNOWN


def _answer(account: Account, what: str, ask: Callable[[], Any]) -> ServiceRefused | None:
    """The answer to a question that is asked again until there is one; None: it was done.

    A refusal with status 0 comes back where nobody answered in ``PATIENCE_S``.
    """
    began_s = time.monotonic()
    while True:
        refusal = None
        try:
            ask()
        except ServiceRefused as error:
            refusal = error
        took_s = time.monotonic() - began_s
        if refusal is None or refusal.status:
            with account.lock:
                account.answers_s.append(took_s)
            return refusal
        if took_s > PATIENCE_S:
            with account.lock:
                account.unanswered.append(what)
            return refusal
        time.sleep(AGAIN_S)


def _disturb(
    target: Target, account: Account, until_s: float, dice: random.Random, say: Callable[[str], None]
) -> None:
    began_s = time.monotonic()
    cut: list[tuple[str, str]] = []
    with target.client() as client:

        def note(text: str) -> None:
            account.faults.append((time.monotonic() - began_s, text))
            say(text)

        try:
            while time.monotonic() < until_s:
                time.sleep(dice.uniform(*BETWEEN_FAULTS_S))
                roll = dice.random()
                if roll < 0.25 and len(cut) < MAX_CUT:
                    link = dice.choice(list(target.links))
                    if link not in cut:
                        cut.append(link)
                        note(f"cut {'-'.join(link)}")
                        _until_done(partial(client.fail_link, *link))
                elif roll < 0.45 and cut:
                    link = cut.pop(dice.randrange(len(cut)))
                    note(f"repair {'-'.join(link)}")
                    _until_done(partial(client.repair_link, *link))
                elif roll < 0.8:
                    for name, pid in _one(target.pids(), dice):
                        note(f"kill {name}")
                        _signal(pid, signal.SIGKILL)
                else:
                    for name, pid in _one(target.pids(), dice):
                        hung_s = dice.uniform(*HUNG_S)
                        note(f"hang {name} for {hung_s:.1f} s")
                        _signal(pid, signal.SIGSTOP)
                        try:
                            time.sleep(hung_s)
                        finally:
                            _signal(pid, signal.SIGCONT)
        finally:
            for link in cut:
                _until_done(partial(client.repair_link, *link))


def _until_done(ask: Callable[[], Any]) -> None:
    """Asked until the controller answers; a link that is cut, or whole, already is as good."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        try:
            ask()
            return
        except ServiceRefused as refusal:
            if refusal.status:
                return
        time.sleep(AGAIN_S)


def _one(pids: Mapping[str, int], dice: random.Random) -> Iterator[tuple[str, int]]:
    if pids:
        yield dice.choice(sorted(pids.items()))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
