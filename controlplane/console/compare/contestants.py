"""Who can take part: the model in service, asked over HTTP as the PCE asks it, and the rules of ``envs``.

Not here: the race (``race.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import numpy as np

from configs.build import plant_of, traffic_of
from configs.home import Credentials
from configs.schema import Config
from controlplane.auth import bearer_header
from controlplane.console.compare.race import Lane, Race, RaceContestant
from controlplane.pce.decide import WrongScoresError
from controlplane.pce.endpoint import Endpoint, EndpointError, read_endpoint
from controlplane.pce.fallback import policy_scores
from controlplane.pce.inference import request_body, response_scores
from envs.candidates import Observation
from envs.forecast import ForecastError
from envs.heuristics import BASELINE_NAMES, baseline
from envs.plant import Plant
from envs.traffic import make_trace

MODEL = "model"
ASKED_WITHIN_S = 10.0
MOST_REQUESTS = 20_000


class RaceError(ValueError):
    """A race that cannot be held; says why, and the remedy."""


@dataclass(frozen=True)
class RaceAsked:
    """What is played.

    Attributes:
        left, right: ``model``, or a rule's name.
        load_erlang: offered load of the whole network.
        requests: how many.
        seed: of the requests: the same seed gives the same ones.
    """

    left: str = MODEL
    right: str = "ksp_ff"
    load_erlang: float = 100.0
    requests: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in (self.left, self.right):
            if name != MODEL and name not in BASELINE_NAMES:
                raise RaceError(f"no policy {name!r}; known: {MODEL}, {', '.join(BASELINE_NAMES)}")
        if not self.load_erlang > 0:
            raise RaceError(f"the load is {self.load_erlang:g} Erlang; it must be above 0")
        if not 1 <= self.requests <= MOST_REQUESTS:
            raise RaceError(f"{self.requests} requests; 1 to {MOST_REQUESTS:,} can be played")
        if self.seed < 0:
            raise RaceError(f"the seed is {self.seed}; it must not be below 0")

    @property
    def query(self) -> str:
        """The part of an address that tells it all."""
        fields = f"left={self.left}&right={self.right}&load={self.load_erlang:g}"
        return f"{fields}&requests={self.requests}&seed={self.seed}"


class Races:
    """Sets up races for one installation.

    Args:
        config: plant and traffic.
        endpoint_file: where the PCE stores the model endpoint in use.
        credentials: that the model's server asks for.
    """

    def __init__(self, config: Config, endpoint_file: Path, credentials: Credentials) -> None:
        self._config, self._endpoint_file, self._credentials = config, endpoint_file, credentials

    @cached_property
    def plant(self) -> Plant:
        """The plant; built when it is needed first."""
        return plant_of(self._config)

    @property
    def load_erlang(self) -> float:
        """Load of the configured traffic."""
        return self._config.traffic.load_erlang

    def begin(self, asked: RaceAsked) -> Race:
        """A race, before its first request.

        Raises:
            RaceError: no model is in service, or its forecast is of another plant.
        """
        section = self._config.traffic.model_copy(update={"load_erlang": asked.load_erlang})
        traffic = traffic_of(self._config.model_copy(update={"traffic": section}))
        trace = make_trace(traffic, self.plant, asked.requests, asked.seed)
        return Race(trace, (self._lane(asked.left), self._lane(asked.right)))

    def _lane(self, name: str) -> Lane:
        if name != MODEL:
            rule = baseline(name)
            return Lane(self.plant, RaceContestant(name, lambda seen: policy_scores(rule, seen)))
        try:
            endpoint = read_endpoint(self._endpoint_file, Endpoint)
            if endpoint is None:
                raise RaceError("no model is in service; choose a rule on both sides")
            plant = self.plant.with_forecast(endpoint.demand)
        except (EndpointError, ForecastError) as error:
            raise RaceError(str(error)) from None
        called = f"{endpoint.policy} version {endpoint.model_version}"
        return Lane(plant, RaceContestant(called, AskedModel(endpoint.url, self._credentials).scores))


class AskedModel:
    """A model's server, asked about one request at a time.

    Args:
        url: base address.
        credentials: that it asks for.
    """

    def __init__(self, url: str, credentials: Credentials) -> None:
        headers = bearer_header(credentials) | {"Content-Type": "application/json"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=ASKED_WITHIN_S, trust_env=False)

    def scores(self, observation: Observation) -> np.ndarray:
        """(M,) of the candidates.

        Raises:
            RaceError: it does not answer, or not with scores.
        """
        try:
            answer = self._http.post("/invocations", content=request_body(observation))
            answer.raise_for_status()
            (scores,) = response_scores(answer.content, 1)
        except (httpx.HTTPError, WrongScoresError) as error:
            raise RaceError(f"the model cannot be asked: {error}") from None
        if scores.shape != observation.action_mask.shape:
            raise RaceError(f"the model gave scores of shape {scores.shape}")
        return scores
