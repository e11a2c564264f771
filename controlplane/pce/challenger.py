"""The challenger beside the champion: which it is, its share of the decisions, when it goes. Stored.

As a *shadow* it is asked what has been decided already, and never followed (``shadow.py``). As a *canary* it
decides a share of the requests; which ones is a hash of their decision ids, so load has no say in it. Not
here: the champion (``endpoint.py``), the decision (``computation.py``).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from controlplane.pce.decision_parts import sync_folder
from controlplane.pce.endpoint import (
    AMISS_S,
    Endpoint,
    EndpointError,
    Followed,
    Retired,
    Serving,
    demand_served,
    follow_for,
    read_endpoint,
    write_endpoint,
)
from controlplane.pce.inference import InferenceClient
from envs.features import FEATURE_SCHEMA_VERSION
from envs.forecast import ForecastError
from envs.plant import Plant

_logger = logging.getLogger(__name__)


class ChallengerError(ValueError):
    """A challenger that cannot stand beside the champion; says why."""


class Challenger(Endpoint):
    """A model beside the one in service: the body of ``PUT /challenger``, ``serving/challenger.json``."""

    model_uri: str = Field(min_length=1, description="what the server must say it has loaded")
    topology_hash: str = Field(description="of the network that it was made for")
    feature_schema_version: int = Field(description="of the features that it reads")
    share: float = Field(default=0.0, ge=0.0, le=1.0, description="of the decisions; 0: a shadow only")


@dataclass
class ChallengerCounts:
    """What became of a challenger's questions since it was put or the PCE was started.

    Attributes:
        asked: questions about what had been decided.
        agreed: answers with the lightpath of the decision.
        skipped: decisions that it was not asked about: a question was under way, or the network had changed.
        failed: questions without a choice that could be followed.
        canary_decisions: decisions that it took.
    """

    asked: int = 0
    agreed: int = 0
    skipped: int = 0
    failed: int = 0
    canary_decisions: int = 0


@dataclass(frozen=True)
class Beside:
    """A challenger as decisions meet it: plant with its forecast, its client, what became of it."""

    challenger: Challenger
    serving: Serving
    client: InferenceClient
    counts: ChallengerCounts = field(default_factory=ChallengerCounts)


def is_canary(decision_id: str, share: float) -> bool:
    """Whether a decision belongs to a share of all; the same for the same id, whenever it is asked."""
    digest = hashlib.sha256(decision_id.encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


class ChallengerInUse:
    """The challenger, where one stands beside the champion. Whatever it does, the champion goes on.

    Args:
        file: where it is stored. One that cannot stand beside the champion at start is dropped.
        plant: of this PCE.
        connect: makes the client of an address.
        champion: which endpoint is in service now.
    """

    def __init__(
        self,
        file: Path,
        plant: Plant,
        connect: Callable[[str], InferenceClient],
        champion: Callable[[], Endpoint | None],
    ) -> None:
        self._file = file
        self._plant = plant
        self._connect = connect
        self._champion = champion
        self._changing = asyncio.Lock()
        self._retired = Retired()
        self.in_use: Beside | None = None
        self.gone = ""  # why the last one went
        self._followed = Followed(file)
        try:
            if (stored := read_endpoint(file, Challenger)) is not None:
                self.in_use = self._beside(stored)
        except (EndpointError, ChallengerError, ForecastError) as error:
            self.gone = f"{file}: {error}"
            _logger.warning("%s; the challenger is dropped", self.gone)
            file.unlink(missing_ok=True)
            self._followed.known()

    async def put(self, challenger: Challenger) -> None:
        """Store a challenger, then have it stand beside the champion, in the place of any other.

        Raises:
            ChallengerError: no model is in service, it is that one, or it is of another network or of other
                features.
            ForecastError: its forecast is of another plant.
            WrongModelError: its server has loaded another model.
            Nothing is changed by any of them.
        """
        beside = self._beside(challenger)
        async with self._changing:
            await demand_served(beside.client, challenger)
            await asyncio.to_thread(write_endpoint, self._file, challenger)
            self._followed.known()
            self._stands(beside)

    async def clear(self, why: str, only: Beside | None = None) -> None:
        """Have no challenger any more; with ``only`` given, not where another stands there by now."""
        async with self._changing:
            old = self.in_use
            if only is not None and old is not only:
                return
            if old is not None:
                self._goes(old, why)
            if only is None or not self._followed.is_news:
                await asyncio.to_thread(self._forget)

    async def follow(self) -> None:
        """Have the stored challenger stand beside, or none, where another process has changed that since."""
        async with self._changing:
            await self._followed.look(self._use_stored)

    async def _use_stored(self) -> None:
        stored, old = read_endpoint(self._file, Challenger), self.in_use
        if stored is None:
            if old is not None:
                self._goes(old, "another path computation element asks it no more")
        elif old is None or stored != old.challenger:
            beside = self._beside(stored)
            await demand_served(beside.client, stored)
            self._stands(beside)

    def _stands(self, beside: Beside) -> None:
        old, self.in_use, self.gone = self.in_use, beside, ""
        if old is not None:
            self._retired.add(old.client)
        told = (beside.challenger.url, beside.challenger.model_version, beside.challenger.share)
        _logger.info("beside the champion: %s, version %s, share %g", *told)

    def _goes(self, old: Beside, why: str) -> None:
        self.in_use, self.gone = None, f"version {old.challenger.model_version}: {why}"
        self._retired.add(old.client)
        _logger.info("no challenger any more; %s", self.gone)

    async def watch(self, interval_s: float) -> None:
        """Follow, and drop it once its server serves another model or is silent at two looks in a row."""
        missed: Beside | None = None
        while True:
            await follow_for(AMISS_S if missed else interval_s, self.follow)
            beside, before, missed = self.in_use, missed, None
            if beside is None:
                continue
            meant, serves = beside.challenger, await beside.client.served_uri()
            if serves is not None and serves != meant.model_uri:
                await self.clear(f"{meant.url} serves {serves}, not {meant.model_uri}", beside)
            elif serves is None and beside is before:
                await self.clear(f"{meant.url} does not say which model it serves", beside)
            elif serves is None:
                missed = beside

    def told(self) -> dict[str, Any] | None:
        """As ``GET /status`` shows it; None where none stands there."""
        if self.in_use is None:
            return None
        challenger, forecast = self.in_use.challenger, self.in_use.serving.plant.forecast
        document = challenger.model_dump(exclude={"forecast"}) | vars(self.in_use.counts)
        state = self.in_use.client.breaker_state
        return document | {"forecast": forecast.content_hash if forecast else None, "breaker": state}

    async def close(self) -> None:
        """Close every connection; the stored challenger is there again after a restart."""
        await self._retired.close()
        if self.in_use is not None:
            await self.in_use.client.close()

    def _beside(self, challenger: Challenger) -> Beside:
        champion, network = self._champion(), self._plant.topology.content_hash
        if champion is None:
            raise ChallengerError("no model is in service that a challenger could stand beside")
        if challenger.url.rstrip("/") == champion.url.rstrip("/"):
            raise ChallengerError(f"{champion.url} is the champion's; a challenger has a server of its own")
        if challenger.topology_hash != network:
            raise ChallengerError(
                f"it was made for the network with hash {challenger.topology_hash}; this one has {network}"
            )
        if challenger.feature_schema_version != FEATURE_SCHEMA_VERSION:
            raise ChallengerError(
                f"it reads features of schema {challenger.feature_schema_version}; this PCE has "
                f"{FEATURE_SCHEMA_VERSION}"
            )
        plant = self._plant.with_forecast(challenger.demand)
        client = self._connect(challenger.url)
        return Beside(challenger, Serving(plant, challenger, client), client)

    def _forget(self) -> None:
        if self._file.exists():
            self._file.unlink(missing_ok=True)
            sync_folder(self._file.parent)
        self._followed.known()
