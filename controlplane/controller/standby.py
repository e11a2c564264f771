"""A controller that waits for its turn, and one in charge that keeps telling that it lives.

While another one is in charge this one answers ``/health``, says at ``/ready`` for whom it waits, and sends
everybody else there with 503. When the claim is free it loads the state and is a controller like any other.
One that finds another in charge in its place begins anew, because nothing that it has in memory counts any
more. Not here: the claim itself (``claim.py``), what is assembled (``main.py``).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from configs.home import Credentials
from controlplane.application import Application
from controlplane.auth import AuthMiddleware, People
from controlplane.controller.claim import Claim, ClaimHolder, ClaimLostError
from controlplane.controller.routes import TABLE
from controlplane.metrics import METRICS, READY, Metrics, ready_answer
from controlplane.routes import HEALTH
from controlplane.tapi.errors import YANG_DATA_JSON, errors_document
from controlplane.users import UserBook

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 1.0
SAY_EVERY_S = 60.0  # that it still waits
RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True)
class InCharge:
    """A controller on a state of its own.

    Attributes:
        app: its routes; the lifespan is not begun yet.
        claim: by which it is in charge.
        close_streams: ends the readers' endless answers.
        close: releases everything, the claim last.
    """

    app: Application
    claim: Claim
    close_streams: Callable[[], None]
    close: Callable[[], None]


class Alive:
    """A thread that tells the database every second that this controller lives.

    Args:
        claim: of this controller.
        on_lost: called once, when another one is in charge.
        every_s: between two signs of life.
    """

    def __init__(self, claim: Claim, on_lost: Callable[[], None], every_s: float = ALIVE_EVERY_S) -> None:
        self._claim, self._on_lost, self._every_s = claim, on_lost, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alive", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the claim is not told any more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._claim.keep()
            except ClaimLostError as error:
                log.error("%s", error)
                self._on_lost()
                return
            except SQLAlchemyError as error:
                log.warning("no sign of life could be given: %s", type(error).__name__)


def begin_anew() -> None:
    """Replace this process by itself: threads, connections and the state in memory are gone at once."""
    log.error("this controller is not in charge any more and begins anew, to wait")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


class _LeftError(Exception):
    """The process is to end while it waits."""


class Standby:
    """An ASGI application that becomes a controller.

    Args:
        take: waits for the claim, calling what it is given at every look, and makes the controller.
        credentials, users: of the routes that are closed while it waits.
    """

    def __init__(
        self,
        take: Callable[[Callable[[ClaimHolder | None], None]], InCharge],
        credentials: Credentials,
        users: UserBook | None = None,
    ) -> None:
        self._take = take
        people = People(users)  # nothing is changed here, so nothing is noted
        self._waiting = AuthMiddleware(self._answer, credentials, TABLE, "lightloop controller", people)
        self._leaving = threading.Event()
        self._in_charge: InCharge | None = None
        self._waits_for = "another controller may be in charge"
        self._said_s = -SAY_EVERY_S
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the controller, or say that there is none here."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._in_charge is not None and not self._in_charge.claim.is_doubtful:
            await self._in_charge.app(scope, receive, send)
        else:
            await self._waiting(scope, receive, send)

    def close_streams(self) -> None:
        """End the readers' endless answers, where there are any."""
        if self._in_charge is not None:
            self._in_charge.close_streams()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        ended = asyncio.Event()
        serving = asyncio.create_task(self._serve(ended))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._leaving.set()
        ended.set()
        await serving
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, ended: asyncio.Event) -> None:
        try:
            controller = await asyncio.to_thread(self._take, self._note)
        except _LeftError:
            return
        except Exception as error:
            self.failure = error
            os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            async with controller.app.opened():
                self._in_charge = controller
                log.info("in charge, epoch %d", controller.claim.epoch)
                await ended.wait()
        finally:
            await asyncio.to_thread(controller.close)

    def _note(self, holder: ClaimHolder | None) -> None:
        if self._leaving.is_set():
            raise _LeftError
        waits_for = _in_charge(holder) if holder else "the database does not answer"
        if waits_for != self._waits_for or time.monotonic() - self._said_s > SAY_EVERY_S:
            self._said_s = time.monotonic()
            log.info("standby: waiting, %s", waits_for)
        self._waits_for = waits_for

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await self._response(request)(scope, receive, send)

    def _response(self, request: Request) -> Response:
        path = request.url.path
        if path == HEALTH:
            return JSONResponse({"status": "ok"})
        if path == METRICS:
            return Metrics().answer(request.headers.get("accept"))
        if self._in_charge is not None:
            reason = "the database has not answered for so long that another controller may be in charge"
        else:
            reason = f"standby: {self._waits_for}"
        if path == READY:
            return ready_answer([reason], [])
        body = json.dumps(errors_document("operation-failed", reason))
        return Response(body, 503, RETRY_AFTER, media_type=YANG_DATA_JSON)


def _in_charge(holder: ClaimHolder) -> str:
    if not holder.name:
        return "another controller is in charge"
    return f"the controller at {holder.url} is in charge" if holder.url else f"{holder.name} is in charge"
