"""What a training learns on and what it begins with. Not here: how it learns (``train.py``).

Traffic that has drifted is what mainly arrives; the traffic of before is met beside it, so that the agent
does not forget. The agents known already are where the search begins and what the training falls back to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace


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
class Lessons:
    """Traffic to learn on and agents to begin with.

    Attributes:
        traffic: what mainly arrives; PPO samples it alone.
        beside: other traffic that search and choice meet as often, each kind, against forgetting.
        starts: agents known already. The best of them is what the search begins with, and where nothing
            better is found it is the outcome.
    """

    traffic: PoissonTraffic
    beside: tuple[PoissonTraffic, ...] = ()
    starts: tuple[Start, ...] = field(default=())

    def draw(self, plant: Plant, num_requests: int, seed: int, turn: int) -> Trace:
        """A trace of one kind of traffic; the kinds take turns."""
        kinds = (self.traffic, *self.beside)
        return make_trace(kinds[turn % len(kinds)], plant, num_requests, seed)

    def fingerprint(self) -> dict[str, object]:
        """What of this decides the outcome, as plain data."""
        known = {"starts": [[item.name, item.content] for item in self.starts]} if self.starts else {}
        beside = {"beside": [_digest(item) for item in self.beside]} if self.beside else {}
        return {"traffic": _digest(self.traffic), **beside, **known}


def _digest(traffic: PoissonTraffic) -> str:
    """Of all fields; numpy's own text leaves the middle of large arrays out."""
    weights = None if traffic.pair_weights is None else traffic.pair_weights.tolist()
    fields = {name: value for name, value in vars(traffic).items() if name != "pair_weights"}
    text = f"{type(traffic).__name__} {fields!r} {json.dumps(weights)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
