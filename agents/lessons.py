"""What a training learns on and what it begins with. Not here: how it learns (``train.py``).

Traffic that has drifted is what mainly arrives; the traffic of before is met beside it, so that the agent
does not forget, and the window itself can be lived through again. The agents known already are where the
search begins and what the training falls back to. What a linear score costs on a lesson: ``streams.py``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np

from agents.spec import MixtureSpec
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.snapshot import StandingSnapshot
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Window

Kind = Literal["fitted", "scenario", "window"]


@dataclass(frozen=True)
class Start:
    """An agent known already.

    Attributes:
        name: its role: ``champion``, ``generalist``.
        policy: what it is.
        content: hash of its weights, for the training's fingerprint.
    """

    name: str
    policy: ScoringPolicy
    content: str

    @property
    def linear(self) -> LinearPolicy | None:
        """The score that a search can begin with; None where the agent is a network."""
        return self.policy if isinstance(self.policy, LinearPolicy) else None


@dataclass(frozen=True)
class LivedWindow:
    """A window of operation to learn from.

    Attributes:
        window: what happened.
        begin: what stood when it began, on the clock of the fitted traffic.
    """

    window: Window
    begin: StandingSnapshot


@dataclass(frozen=True)
class Lessons:
    """Traffic to learn on and agents to begin with.

    Attributes:
        traffic: what mainly arrives; PPO samples it alone.
        beside: other traffic that search and choice meet too, against forgetting; in the choice as often.
        starts: agents known already. The best of them is what the search begins with, and where nothing
            better is found it is the outcome.
        lived: the window that ``traffic`` is fitted to; None: there is none.
        mixture: how often the search meets what.
    """

    traffic: PoissonTraffic
    beside: tuple[PoissonTraffic, ...] = ()
    starts: tuple[Start, ...] = field(default=())
    lived: LivedWindow | None = None
    mixture: MixtureSpec = field(default_factory=MixtureSpec)

    @property
    def begin(self) -> StandingSnapshot | None:
        """What fitted traffic meets at first; None: nothing, and networks are warmed up."""
        return self.lived.begin if self.lived is not None and self.mixture.from_snapshot else None

    def draw(self, plant: Plant, num_requests: int, seed: int, turn: int) -> Trace:
        """A trace of one kind of traffic; the kinds take turns."""
        kinds = (self.traffic, *self.beside)
        return make_trace(kinds[turn % len(kinds)], plant, num_requests, seed)

    def kind_of(self, generation: int) -> tuple[Kind, int]:
        """What a generation of the search meets, and how many earlier ones met that kind.

        At any moment each kind has had its share, to one generation.
        """
        shares: dict[Kind, float] = {"fitted": self.mixture.fitted}
        if self.beside:
            shares["scenario"] = self.mixture.scenario
        if self.lived is not None:
            shares["window"] = self.mixture.window
        total, met = sum(shares.values()), dict.fromkeys(shares, 0)
        kind: Kind = "fitted"
        for number in range(generation + 1):
            behind = {name: share / total * (number + 1) - met[name] for name, share in shares.items()}
            kind = max(behind, key=lambda name: round(behind[name], 9))
            met[kind] += 1
        return kind, met[kind] - 1

    def fingerprint(self) -> dict[str, object]:
        """What of this decides the outcome, as plain data."""
        known = {"starts": [[item.name, item.content] for item in self.starts]} if self.starts else {}
        beside = {"beside": [traffic_digest(item) for item in self.beside]} if self.beside else {}
        lived = {"lived": [self.lived.window.id, asdict(self.mixture)]} if self.lived else {}
        return {"traffic": traffic_digest(self.traffic), **beside, **known, **lived}


def traffic_digest(traffic: PoissonTraffic, **beside: object) -> str:
    """16 hex digits over everything that describes traffic, and over what else is named, as plain data."""
    fields = {key: value for key, value in asdict(traffic).items() if key != "pair_weights"}
    weights = None if traffic.pair_weights is None else np.asarray(traffic.pair_weights).tolist()
    content = {"generator": type(traffic).__name__, **fields, "pair_weights": weights, **beside}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
