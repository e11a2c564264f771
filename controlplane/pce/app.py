"""The PCE over HTTP: routes, what runs beside them, and refusals as RESTCONF spells them.

Not here: configuration and the process (``main.py``), what an answer says (``answers.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from configs.addresses import AsyncOneOf
from configs.home import Credentials
from configs.tls import client_context
from controlplane.application import Application
from controlplane.auth import NOBODY, AuthMiddleware, People, bearer_header, identity_of, tell_trail
from controlplane.metrics import ready_answer
from controlplane.openapi import description
from controlplane.pce.answers import PathAnswers
from controlplane.pce.challenger import Challenger, ChallengerError, ChallengerInUse
from controlplane.pce.computation import PathComputer, warm_up
from controlplane.pce.controller_feed import DatabasesError, HttpControllerFeed, read_told
from controlplane.pce.databases import Databases
from controlplane.pce.decision_log import DecisionLog, DecisionLogError
from controlplane.pce.decision_parts import read_rows
from controlplane.pce.decision_record import shown
from controlplane.pce.endpoint import E, Endpoint, EndpointInUse, WrongModelError
from controlplane.pce.inference import InferenceClient
from controlplane.pce.monitored import measured, not_ready
from controlplane.pce.route_answers import RouteAnswers
from controlplane.pce.routes import TABLE
from controlplane.pce.why import why
from controlplane.state_headers import STATE_CHANGES, STATE_STORE, STATE_VERSION
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError, errors_document, invalid, unknown
from controlplane.tapi.wire import decode_json
from envs.forecast import ForecastError
from envs.heuristics import baseline
from envs.plant import Plant

_logger = logging.getLogger(__name__)
_CONTROLLER_TIMEOUT_S = 5.0
_NEXT_CONTROLLER_S = 1.5  # then the other one is asked, where there is one
CHALLENGER_FILE = "challenger.json"
_MAX_ID_LENGTH = 200
_VERSION_NEEDED = "a version of the controller's state is needed, e.g. 12"
_DECISION_ID = re.compile(f"[\x21-\x7e]{{1,{_MAX_ID_LENGTH}}}")


@dataclass(frozen=True)
class PceSettings:
    """What a PCE is told.

    Attributes:
        controller_urls: base addresses of the controllers; whoever is in charge is followed.
        decisions: folder of the decision log.
        controller_certificate: file of the only one that is taken; empty: those that the system trusts.
        endpoint_file: where the model endpoint in use is stored, and beside it the challenger.
        decision_deadline_ms: how long the endpoint may take.
        fallback_policy: a baseline's name.
        max_waiting: with more requests waiting the fallback decides.
        part_rows, part_s: when a part of the decision log is closed.
        follow_interval_s: how often changes are pulled when nobody asks.
        look_interval_s: how often the endpoint is asked which model it serves.
        challenger_look_s: the same of the challenger.
        recent: decisions that ``GET /decisions`` can show.
    """

    controller_urls: Sequence[str]
    decisions: Path
    endpoint_file: Path
    controller_certificate: str = ""
    decision_deadline_ms: float = 250.0
    fallback_policy: str = "ksp_ff"
    max_waiting: int = 64
    part_rows: int = 1000
    part_s: float = 300.0
    follow_interval_s: float = 1.0
    look_interval_s: float = 60.0
    challenger_look_s: float = 10.0
    recent: int = 1000


def build_app(
    plant: Plant, settings: PceSettings, credentials: Credentials, people: People = NOBODY
) -> Application:
    """The application, closed to requests without credentials.

    Its lifespan opens the decision log and compiles the kernels, so ``/health`` answers only when a first
    request is as fast as the next.

    Raises:
        PolicyError: an unknown fallback policy. At start, not here: ``DecisionLogError``, ``EndpointError``.
    """
    fallback = baseline(settings.fallback_policy)

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await asyncio.to_thread(warm_up, plant, fallback)
        log = await asyncio.to_thread(DecisionLog, settings.decisions, settings.part_rows, settings.part_s)
        controller = httpx.AsyncClient(
            base_url=settings.controller_urls[0],
            transport=AsyncOneOf(
                settings.controller_urls,
                verify=client_context(settings.controller_certificate),
                next_s=_NEXT_CONTROLLER_S,
            ),
            headers=bearer_header(credentials),
            timeout=_CONTROLLER_TIMEOUT_S,
            trust_env=False,
        )
        try:

            def connect(url: str) -> InferenceClient:
                return InferenceClient(url, settings.decision_deadline_ms / 1000.0, credentials=credentials)

            endpoint = EndpointInUse(settings.endpoint_file, plant, connect)
            challenger = ChallengerInUse(
                settings.endpoint_file.with_name(CHALLENGER_FILE), plant, connect, lambda: endpoint.endpoint
            )
            databases = Databases(plant, HttpControllerFeed(controller))
            computation = PathComputer(
                databases, endpoint, challenger, fallback, log, settings.recent, settings.max_waiting
            )
            rows = await asyncio.to_thread(read_rows, settings.decisions, settings.recent)
            computation.recent.extend(map(shown, rows))
            app.state.computation = computation
            app.state.answers = PathAnswers(computation)
            app.state.route_answers = RouteAnswers(app.state.answers, plant)
            beside = [
                asyncio.create_task(databases.follow(settings.follow_interval_s)),
                asyncio.create_task(endpoint.watch(settings.look_interval_s)),
                asyncio.create_task(challenger.watch(settings.challenger_look_s)),
            ]
            try:
                yield
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await computation.close()
                await challenger.close()
                await endpoint.close()
                await asyncio.to_thread(databases.close)
        finally:
            await controller.aclose()
            await asyncio.to_thread(log.close)

    app = Application(
        TABLE,
        _HANDLERS,
        {
            TapiError: _refuse_tapi,
            DatabasesError: _refuse_for_now,
            DecisionLogError: _refuse_for_now,
            HTTPException: _refuse_http,
            Exception: _defect,
        },
        partial(AuthMiddleware, credentials=credentials, table=TABLE, realm="lightloop PCE", people=people),
        lifespan,
    )
    return app


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _openapi(request: Request) -> Response:
    return JSONResponse(description(TABLE))


async def _ready(request: Request) -> Response:
    computation: PathComputer = request.app.state.computation
    degraded = computation.endpoint.trouble(computation.fallback.name)
    return ready_answer(await not_ready(computation), degraded)


async def _metrics(request: Request) -> Response:
    return measured(request.app.state.computation).answer(request.headers.get("accept"))


async def _compute(request: Request) -> Response:
    answers: PathAnswers = request.app.state.answers
    decision_id = request.headers.get("x-decision-id")
    if decision_id is not None and not _DECISION_ID.fullmatch(decision_id):
        raise invalid(
            f"X-Decision-Id has {len(decision_id)} characters; 1 to {_MAX_ID_LENGTH} printable ones of ASCII "
            "are needed"
        )
    version = _number(request, STATE_VERSION, _VERSION_NEEDED)
    waiting = _number(request, "X-Waiting", "how many more requests wait for their turn is needed, e.g. 3")
    computation: PathComputer = request.app.state.computation
    # A question that the controller only passes on has no decision id; what it says is a client's word.
    told = request.headers.get(STATE_CHANGES) if decision_id else None
    if told is not None and identity_of(request).is_ours:
        await computation.databases.take(read_told(told))
    output = await answers.compute(await _body(request), decision_id, version, waiting or 0)
    response = _yang(output)
    _tell_state(response, computation)
    response.background = BackgroundTask(_ask_shadow, computation)  # runs when the answer has left
    return response


async def _comp_route(request: Request) -> Response:
    answers: RouteAnswers = request.app.state.route_answers
    version = _number(request, STATE_VERSION, _VERSION_NEEDED)
    response = JSONResponse(await answers.compute(await _body(request), version))
    response.background = BackgroundTask(_ask_shadow, request.app.state.computation)
    return response


def _tell_state(response: Response, computation: PathComputer) -> None:
    """Say which state the databases show, so that the controller brings along what comes after it."""
    response.headers[STATE_VERSION] = str(computation.databases.version)
    response.headers[STATE_STORE] = computation.databases.store


async def _ask_shadow(computation: PathComputer) -> None:
    computation.shadow.go_on()


def _number(request: Request, header: str, needed: str) -> int | None:
    """A header's value; None where there is none.

    Raises:
        TapiError: 400, it is not a whole number.
    """
    value = request.headers.get(header)
    if value is not None and not re.fullmatch("[0-9]{1,18}", value):
        raise invalid(f"{header} is {value!r}; {needed}")
    return None if value is None else int(value)


async def _path(request: Request) -> Response:
    answers: PathAnswers = request.app.state.answers
    return _yang(answers.path(request.path_params["uuid"]))


async def _status(request: Request) -> Response:
    computation: PathComputer = request.app.state.computation
    endpoint, client = computation.endpoint.endpoint, computation.endpoint.client
    forecast = computation.endpoint.in_use.plant.forecast
    trouble = computation.endpoint.trouble(computation.fallback.name)
    return JSONResponse(
        {
            "health": "degraded" if trouble else "healthy",
            "reasons": trouble,
            "policy": endpoint.policy if endpoint else computation.fallback.name,
            "model_name": endpoint.model_name if endpoint else None,
            "model_version": endpoint.model_version if endpoint else None,
            "model_uri": endpoint.model_uri if endpoint else None,
            "forecast": forecast.content_hash if forecast else None,
            "endpoint_url": endpoint.url if endpoint else None,
            "breaker": client.breaker_state if client else None,
            "fallback_policy": computation.fallback.name,
            "state_version": computation.databases.version,
            "waiting": computation.num_waiting,
            "decisions": computation.num_decisions,
            "fallbacks": computation.num_fallbacks,
            "challenger": computation.challenger.told(),
            "challenger_gone": computation.challenger.gone,
        }
    )


async def _endpoint(request: Request) -> Response:
    computation: PathComputer = request.app.state.computation
    endpoint = await _told(request, Endpoint)
    tell_trail(request, f"{endpoint.model_name} {endpoint.model_version}")
    try:
        await computation.endpoint.switch(endpoint)
    except (WrongModelError, ForecastError) as error:
        raise TapiError(409, "operation-failed", str(error)) from None
    computation.metrics.switches.inc()
    # A challenger stands beside one champion; with another in charge, itself or a third, its time is over.
    await computation.challenger.clear(f"version {endpoint.model_version} is in charge now")
    return JSONResponse(endpoint.model_dump())


async def _challenger(request: Request) -> Response:
    beside = request.app.state.computation.challenger
    if request.method == "DELETE":
        await beside.clear("taken away")
        return JSONResponse({})
    challenger = await _told(request, Challenger)
    tell_trail(request, f"{challenger.model_name} {challenger.model_version}")
    try:
        await beside.put(challenger)
    except (ChallengerError, WrongModelError, ForecastError) as error:
        raise TapiError(409, "operation-failed", str(error)) from None
    return JSONResponse(challenger.model_dump())


async def _told(request: Request, kind: type[E]) -> E:
    """The body as an endpoint.

    Raises:
        TapiError: 400, it is none; names the first place that is wrong.
    """
    try:
        return kind.model_validate(await _body(request))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise invalid(f"{place}: {first['msg']} (value {str(first.get('input'))[:80]!r})") from None


async def _decisions(request: Request) -> Response:
    computation: PathComputer = request.app.state.computation
    limit = request.query_params.get("limit", "50")
    if not re.fullmatch("[0-9]{1,9}", limit):
        raise invalid(f"limit is {limit[:40]!r}; a number of decisions is needed, e.g. 50")
    newest_first = list(computation.recent)[::-1]
    return JSONResponse(newest_first[: int(limit)])


async def _why(request: Request) -> Response:
    computation: PathComputer = request.app.state.computation
    decision_id = request.path_params["decision_id"]
    considered = computation.considered.of(decision_id)
    if considered is None:
        raise unknown(f"no decision {decision_id!r} among the last ones of this process")
    return JSONResponse(await why(considered, computation.fallback))


async def _body(request: Request) -> Any:
    return decode_json(await request.body())


def _yang(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status_code=status, media_type=YANG_DATA_JSON)


def _refuse_tapi(request: Request, error: Exception) -> Response:
    assert isinstance(error, TapiError)
    response = _yang(error.document(), error.status)
    _tell_state(response, request.app.state.computation)
    return response


def _refuse_for_now(request: Request, error: Exception) -> Response:
    _logger.warning("503: %s", error)
    reason = "databases" if isinstance(error, DatabasesError) else "decision-log"
    request.app.state.computation.metrics.unanswered.labels(reason).inc()
    return _yang(errors_document("operation-failed", str(error)), 503)


def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    tags = {404: "invalid-value", 405: "operation-not-supported", 413: "too-big"}
    tag = tags.get(error.status_code, "operation-failed")
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _yang(errors_document(tag, message, error_type="protocol"), error.status_code)


def _defect(request: Request, error: Exception) -> Response:
    _logger.error("%s %s", request.method, request.url.path, exc_info=error)
    return _yang(errors_document("operation-failed", "a defect; the log of the PCE has the details"), 500)


_HANDLERS = (
    _health,
    _openapi,
    _ready,
    _metrics,
    _compute,
    _comp_route,
    _path,
    _status,
    _endpoint,
    _challenger,
    _decisions,
    _why,
)
