"""The model endpoint in use: which it is, stored; switching to another without losing a request.

A model may come with a demand forecast. Plant with forecast, client and name are one object, replaced at
once, so that no decision mixes two endpoints.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from controlplane.pce.decision_parts import sync_folder
from controlplane.pce.inference import InferenceClient
from envs.forecast import DemandForecast, ForecastError, read_forecast
from envs.plant import Plant

_logger = logging.getLogger(__name__)


class EndpointError(ValueError):
    """A stored endpoint that cannot be read; names the file and the remedy."""


class Endpoint(BaseModel):
    """A model endpoint: the body of ``PUT /endpoint`` and the content of ``serving/endpoint.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    url: str = Field(pattern=r"^https?://[^\s/]+", description="base address; /invocations is asked")
    model_name: str
    model_version: str
    policy: str
    model_uri: str = Field(
        default="", description="what the server must say it has loaded; empty: it is not asked"
    )
    forecast: dict[str, Any] | None = Field(
        default=None, description="demand forecast that candidates are described with; null: none"
    )

    @field_validator("forecast")
    @classmethod
    def _is_sound(cls, document: dict[str, Any] | None) -> dict[str, Any] | None:
        if document is not None:
            read_forecast(document)
        return document

    @property
    def demand(self) -> DemandForecast | None:
        """The forecast, read."""
        return None if self.forecast is None else read_forecast(self.forecast)


E = TypeVar("E", bound=Endpoint)


def read_endpoint(file: Path, kind: type[E]) -> E | None:
    """The stored endpoint, or what is more than one; None where none is stored.

    Raises:
        EndpointError: the file is not an endpoint.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise EndpointError(
            f"{file}: not a model endpoint ({reason}); remove it, or provision a model"
        ) from None


def _written(file: Path) -> tuple[int, int]:
    """What changes whenever the file is written; zeros where there is none."""
    try:
        state = file.stat()
    except FileNotFoundError:
        return 0, 0
    return state.st_ino, state.st_mtime_ns


def write_endpoint(file: Path, endpoint: Endpoint) -> None:
    """Store an endpoint: after a return it survives a crash, before it the old one does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with temporary.open("w") as stream:
        json.dump(endpoint.model_dump(), stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    sync_folder(file.parent)


FOLLOW_S = 1.0  # between two looks at the file: another PCE of this home may have been told
AMISS_S = 2.0  # until the next look at a server that does not serve what it should
DRAIN_S = 30.0  # how long questions to a server that is asked no more may still take


class Followed:
    """A stored endpoint that another process of this home may store too, or remove.

    Args:
        file: where it is stored.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = _written(file)
        self._not_followed = ""  # why what another process has stored is not used yet

    @property
    def since_s(self) -> float:
        """When what is known of it was written, since 1970 UTC."""
        return self._written[1] / 1e9

    @property
    def is_news(self) -> bool:
        """Another process has stored or removed it since."""
        return _written(self._file) != self._written

    def known(self) -> None:
        """What stands there now is this process's own."""
        self._written = _written(self._file)

    async def look(self, use: Callable[[], Awaitable[None]]) -> None:
        """Use what another process has stored since; where that is refused, it is tried again at each look.

        Args:
            use: reads and uses it, or refuses with a ``ValueError``.
        """
        written = _written(self._file)
        if written == self._written:
            return
        try:
            await use()
        except ValueError as error:
            if self._not_followed != (not_followed := str(error)):
                _logger.warning("%s: not followed, and tried again: %s", self._file, not_followed)
                self._not_followed = not_followed
        else:
            self._written, self._not_followed = written, ""


async def follow_for(time_s: float, follow: Callable[[], Awaitable[None]]) -> None:
    """Return after so long; meanwhile look again and again at what other processes have stored."""
    until_s = time.monotonic() + time_s
    while (left_s := until_s - time.monotonic()) > 0:
        await asyncio.sleep(min(FOLLOW_S, left_s))
        await follow()


class WrongModelError(ValueError):
    """An endpoint serves another model than it was said to; names both."""


async def demand_served(client: InferenceClient, endpoint: Endpoint) -> None:
    """Return where the server has loaded the model that the endpoint names; else its client is closed.

    Raises:
        WrongModelError: it has loaded another one, or does not say.
    """
    if endpoint.model_uri and (serves := await client.served_uri()) != endpoint.model_uri:
        await client.close()
        raise WrongModelError(
            f"{endpoint.url} serves {serves or 'no model that it names'}, not {endpoint.model_uri}"
        )


class Retired:
    """Clients that are asked no more: each is closed when the last question that it still has has ended."""

    def __init__(self, drain_s: float = DRAIN_S) -> None:
        self._drain_s = drain_s
        self._draining: set[asyncio.Task[None]] = set()

    def add(self, client: InferenceClient) -> None:
        """Close it once it is idle, or after the time to drain."""
        task = asyncio.create_task(client.close(self._drain_s))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def close(self) -> None:
        """Wait for none of them any more."""
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)


@dataclass(frozen=True)
class Serving:
    """What one decision works with: a plant with the endpoint's forecast, the endpoint and its client.

    Endpoint and client are None where no model is in service; the plant then has no forecast.
    """

    plant: Plant
    endpoint: Endpoint | None = None
    client: InferenceClient | None = None


class EndpointInUse:
    """The endpoint in use, its client and the plant under its forecast; ``switch`` replaces all at once.

    Requests that ask the old endpoint finish there: its client is closed when the last has ended.

    Args:
        file: where the endpoint is stored. One whose forecast is of another plant is not used: a model is to
            be provisioned anew, and until then the fallback decides.
        plant: of this PCE.
        connect: makes the client of an address.
    """

    def __init__(self, file: Path, plant: Plant, connect: Callable[[str], InferenceClient]) -> None:
        self._file = file
        self._connect = connect
        self._switching = asyncio.Lock()
        self._retired = Retired()
        self._mismatch = ""
        self._followed = Followed(file)
        self.in_use = Serving(plant)
        if (stored := read_endpoint(file, Endpoint)) is not None:
            try:
                self.in_use = Serving(plant.with_forecast(stored.demand), stored, connect(stored.url))
            except ForecastError as error:
                self._mismatch = f"{file}: {error}; provision a model"
                _logger.warning("%s", self._mismatch)

    @property
    def endpoint(self) -> Endpoint | None:
        """Which it is; None where no model is in service."""
        return self.in_use.endpoint

    @property
    def since_s(self) -> float:
        """When it was put in service, since 1970 UTC; NaN where no model is in service."""
        return self._followed.since_s if self.endpoint is not None else math.nan

    @property
    def client(self) -> InferenceClient | None:
        """Its client; None where no model is in service."""
        return self.in_use.client

    async def switch(self, endpoint: Endpoint) -> None:
        """Store the endpoint, then use it. When storing fails the old one stays in use.

        Raises:
            WrongModelError: its server has loaded another model than the endpoint names. Nothing is changed.
            ForecastError: its forecast is of another plant. Nothing is changed.
        """
        await self._switch(endpoint, store=True)

    async def follow(self) -> None:
        """Use the stored endpoint, where another process has stored one since."""
        await self._followed.look(self._use_stored)

    async def _use_stored(self) -> None:
        stored = read_endpoint(self._file, Endpoint)
        if stored is not None and stored != self.endpoint:
            await self._switch(stored, store=False)

    async def _switch(self, endpoint: Endpoint, store: bool) -> None:
        plant = self.in_use.plant.with_forecast(endpoint.demand)
        async with self._switching:
            client = self._connect(endpoint.url)
            await demand_served(client, endpoint)
            if store:
                await asyncio.to_thread(write_endpoint, self._file, endpoint)
                self._followed.known()
            old, self.in_use = self.client, Serving(plant, endpoint, client)
            self._mismatch = ""
        version = plant.forecast.content_hash if plant.forecast else "none"
        asked = (endpoint.url, endpoint.policy, endpoint.model_version, version)
        _logger.info("asking %s, %s version %s, forecast %s", *asked)
        if old is not None:
            self._retired.add(old)

    async def look(self) -> None:
        """Ask the server in use which model it has loaded; ``trouble`` tells what came of it."""
        endpoint, client = self.endpoint, self.client
        if endpoint is None or client is None or not endpoint.model_uri:
            return
        serves = await client.served_uri()
        if endpoint is not self.endpoint:  # switched meanwhile, and checked then
            return
        before, self._mismatch = self._mismatch, ""
        if serves is None:
            self._mismatch = f"{endpoint.url} does not say which model it serves"
        elif serves != endpoint.model_uri:
            self._mismatch = (
                f"{endpoint.url} serves {serves}, and version {endpoint.model_version} of "
                f"{endpoint.model_name} is {endpoint.model_uri}"
            )
        if self._mismatch != before:
            _logger.warning("%s", self._mismatch or f"{endpoint.url} serves {endpoint.model_uri} again")

    async def watch(self, interval_s: float) -> None:
        """``follow`` and ``look`` again and again; soon where something is amiss, as when a server starts."""
        while True:
            await self.look()
            await follow_for(min(AMISS_S, interval_s) if self._mismatch else interval_s, self.follow)

    def trouble(self, fallback: str) -> list[str]:
        """Why the model that is said to decide does not, in words; empty where all is well."""
        if self.endpoint is None or self.client is None:
            return [self._mismatch or f"no model is in service; {fallback} decides"]
        found = [self._mismatch] if self._mismatch else []
        if self.client.breaker_state != "closed":
            found.append(f"{self.endpoint.url} does not answer; {fallback} decides")
        return found

    async def close(self) -> None:
        """Close every connection."""
        await self._retired.close()
        if self.client is not None:
            await self.client.close()
