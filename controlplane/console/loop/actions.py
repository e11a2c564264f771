"""What the loop page's buttons ask for, as routes: a flow run of a deployment, or a chain walked.

The login in front of them asks for the role and writes the trail, as for every route. What is asked of
Prefect is what schedules, events and the command line ask, so all of them are one thing.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import httpx
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.home import Credentials
from controlplane.auth import identity_of, tell_trail
from controlplane.console.loop.feed import LineageUnknown, LoopFeed
from controlplane.tapi.errors import YANG_DATA_JSON, errors_document

TIMEOUT_S = 30.0
TRAIN, RE_ESTIMATE = "continuous-training/continuous-training", "continuous-training/re-estimate"
PROVISION, ROLL_BACK = "provision/provision", "rollback/rollback"
SETTINGS = r"^(training|reward)\.[a-z_.]+=[-+.\w]+$"  # what a training may be told beside its budget

Word = Annotated[str, Field(max_length=200)]


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Order = TypeVar("Order", bound=_Order)


class TrainOrder(_Order):
    """A training: what it learns from, for how long, with which settings; empty: as configured."""

    reason: Word = ""
    window: Annotated[str, Field(max_length=200, pattern=r"^[\w:.+-]*$")] = ""
    training_budget_s: Annotated[float, Field(ge=1, le=1e6)] | None = None
    training_budget_requests: Annotated[int, Field(ge=2, le=10**12)] | None = None
    only_forecast: bool = False
    settings: tuple[Annotated[str, Field(pattern=SETTINGS, max_length=200)], ...] = ()

    def parameters(self, user: str) -> dict[str, Any]:
        """Of the flow; who asked stands in the reason."""
        told: dict[str, Any] = {"reason": f"{self.reason or 'by hand'} (asked by {user})"}
        if self.window:
            told["window"] = self.window
        if self.only_forecast:
            return told  # the deployment says the rest
        if self.training_budget_s is not None:
            told["training_budget_s"] = self.training_budget_s
        if self.training_budget_requests is not None:
            told["training_budget_requests"] = self.training_budget_requests
        if self.settings:
            told["overrides"] = list(self.settings)
        return told


class PromoteOrder(_Order):
    """Put a version that passed its gate into service."""

    version: Annotated[str, Field(pattern=r"^\d{1,9}$")]


class RollBackOrder(_Order):
    """Put the champion of before back; where ``version`` serves no more nothing is done."""

    version: Annotated[str, Field(pattern=r"^\d{1,9}$")]
    reason: Word = ""


class PrefectRefused(ValueError):  # noqa: N818 - an answer, not a failure of the program
    """Prefect did not start a run; says why."""


class PrefectClient:
    """The one thing that is asked of Prefect: a run of a deployment.

    Args:
        url: of its API.
        credentials: of the installation.
        transport: for tests; None is the network.
    """

    def __init__(
        self, url: str, credentials: Credentials, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._options: dict[str, Any] = {
            "base_url": url,
            "auth": (credentials.user, credentials.password),
            "timeout": TIMEOUT_S,
            "trust_env": False,
            "transport": transport,
        }
        self._url = url

    async def run(self, deployment: str, parameters: dict[str, Any]) -> str:
        """The id of a new flow run.

        Raises:
            PrefectRefused: it does not answer, or does not take the parameters.
        """
        try:
            async with httpx.AsyncClient(**self._options) as http:
                found = await http.get(f"/deployments/name/{deployment}")
                found.raise_for_status()
                body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
                made = await http.post(f"/deployments/{found.json()['id']}/create_flow_run", json=body)
                made.raise_for_status()
                return str(made.json()["id"])
        except httpx.HTTPStatusError as error:
            raise PrefectRefused(
                f"Prefect answers {error.response.status_code}: {error.response.text[:300]}"
            ) from None
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise PrefectRefused(f"Prefect at {self._url} does not answer: {error!r}") from None


class LoopActions:
    """Handlers of the routes; their names are those of the table.

    Args:
        feed: walks chains.
        prefect: starts runs.
        page_url: of Prefect, as a browser reaches it.
    """

    def __init__(self, feed: LoopFeed, prefect: PrefectClient, page_url: str) -> None:
        self._feed, self._prefect, self._page_url = feed, prefect, page_url

    async def train(self, request: Request) -> Response:
        """Start a training."""
        order = await _read(request, TrainOrder)
        if isinstance(order, Response):
            return order
        if order.training_budget_s is not None and order.training_budget_requests is not None:
            return _refusal(400, "a training has one budget: training_budget_s or training_budget_requests")
        deployment = RE_ESTIMATE if order.only_forecast else TRAIN
        return await self._run(request, deployment, order.parameters(identity_of(request).name))

    async def promote(self, request: Request) -> Response:
        """Have a version put into service; the flow refuses one that did not pass its gate."""
        order = await _read(request, PromoteOrder)
        if isinstance(order, Response):
            return order
        reason = f"by hand (asked by {identity_of(request).name})"
        return await self._run(request, PROVISION, {"version": order.version, "reason": reason})

    async def roll_back(self, request: Request) -> Response:
        """Have the champion of before put back."""
        order = await _read(request, RollBackOrder)
        if isinstance(order, Response):
            return order
        reason = f"{order.reason or 'by hand'} (asked by {identity_of(request).name})"
        return await self._run(request, ROLL_BACK, {"reason": reason, "version": order.version})

    async def lineage(self, request: Request) -> Response:
        """The chain behind a decision, a service or a version."""
        of = request.query_params.get("of", "").strip()
        if not of or len(of) > 200:
            return _refusal(400, "name a decision, a service or a version: ?of=6f1c9a52, ?of=@champion")
        try:
            return JSONResponse(await self._feed.lineage(of))
        except LineageUnknown as error:
            return _refusal(404, str(error))

    async def _run(self, request: Request, deployment: str, parameters: dict[str, Any]) -> Response:
        """Start a run, and say in the trail which."""
        try:
            run_id = await self._prefect.run(deployment, parameters)
        except PrefectRefused as error:
            return _refusal(503, str(error))
        told = " ".join(str(value) for value in (deployment, parameters.get("version", ""), run_id) if value)
        tell_trail(request, told)
        return JSONResponse({"flow_run_id": run_id, "page": f"{self._page_url}/runs/flow-run/{run_id}"}, 202)


async def _read(request: Request, kind: type[Order]) -> Order | Response:
    """The order in a body, or the refusal of one that is none."""
    try:
        return kind.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        return _refusal(400, f"{place} is {str(first['input'])[:100]!r}: {first['msg']}")


def _refusal(status: int, reason: str) -> Response:
    tag = {400: "invalid-value", 404: "data-missing"}.get(status, "operation-failed")
    return JSONResponse(errors_document(tag, reason, ""), status, media_type=YANG_DATA_JSON)
