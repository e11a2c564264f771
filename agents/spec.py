"""What a training is told, what it reports on the way, and what it gives back. Not here: how it is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from agents.budget import Budget
from envs.features import FEATURE_SCHEMA_VERSION
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.traffic import PoissonTraffic

Stage = Literal["search", "ppo", "choice"]


class TrainingError(ValueError):
    """A training that cannot start or go on; names the value, the place and the remedy."""


@dataclass(frozen=True)
class SearchSpec:
    """Warm start: a direct search of a linear score in the twin (CMA-ES)."""

    enabled: bool = True
    budget_s: float = 120.0
    population: int = 16
    requests_per_candidate: int = 60_000
    threads: int = 2  # that share a generation; the outcome does not depend on it
    settle_requests: int = 0  # served before, once for all candidates of a generation; where warm-up is long
    budget_requests: int = 0  # 0: ``budget_s`` counts; else this does

    @property
    def budget(self) -> Budget:
        """How long the search goes on."""
        return Budget(self.budget_s, self.budget_requests)


@dataclass(frozen=True)
class YardstickSpec:
    """Fixed traffic on which policies are compared while a training runs; warm-up requests come on top."""

    curve_traces: int = 12  # of the live curve: a point should cost about a second
    curve_requests: int = 4000  # counted, of each
    validation_traces: int = 20  # on which the policy is chosen
    validation_requests: int = 10_000


@dataclass(frozen=True)
class TrainSpec:
    """How a challenger is made; field by field the ``training`` section of the configuration, and Ray's.

    Attributes:
        budget_s: wall-clock budget of the PPO stage.
        budget_requests: its budget in requests; 0: ``budget_s`` counts. With it, curve and checkpoints follow
            the requests too, and one seed gives one policy with at most one runner.
        num_env_runners: processes that sample; 0 samples in the learner's process.
        reward: weights of what PPO is rewarded for.
        baselines: what the policy is compared with, and the search may start from; those that are linear
            scores count. Empty: all there are.
        warmup_requests: requests served before anything counts, in training and in validation.
        ray_address: empty: a local Ray for the time of the training; else an address to connect to.
        ray_num_cpus: of the local Ray.
    """

    algorithm: Literal["ppo"] = "ppo"
    budget_s: float = 150.0
    num_envs: int = 64
    rollout_length: int = 128
    minibatch_size: int = 1024
    num_epochs: int = 2
    learning_rate: float = 3e-4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    entropy_coefficient: float = 0.001
    hidden_sizes: tuple[int, ...] = (64, 64)
    num_env_runners: int = 1
    checkpoint_every_s: float = 30.0
    evaluate_every_s: float = 10.0
    seed: int = 1
    search: SearchSpec = field(default_factory=SearchSpec)
    yardstick: YardstickSpec = field(default_factory=YardstickSpec)
    baselines: tuple[str, ...] = ()
    reward: RewardWeights = ONLY_BLOCKING
    warmup_requests: int = 3000
    ray_address: str = ""
    ray_num_cpus: int = 2
    budget_requests: int = 0

    @property
    def budget(self) -> Budget:
        """How long PPO goes on."""
        return Budget(self.budget_s, self.budget_requests)

    def __post_init__(self) -> None:
        if self.algorithm != "ppo":
            raise TrainingError(f"algorithm is {self.algorithm!r}; known: ppo")
        for name in (
            "budget_s",
            "num_envs",
            "rollout_length",
            "minibatch_size",
            "num_epochs",
            "learning_rate",
        ):
            if not getattr(self, name) > 0:
                raise TrainingError(f"training.{name} is {getattr(self, name)}; it must be positive")
        for name, requests in (
            ("budget_requests", self.budget_requests),
            ("search.budget_requests", self.search.budget_requests),
        ):
            if requests < 0:
                raise TrainingError(f"training.{name} is {requests}; give requests, or 0 for seconds")
        if not self.hidden_sizes:
            raise TrainingError("training.hidden_sizes is empty; at least one hidden layer is needed")
        if min(self.yardstick.curve_traces, self.yardstick.validation_traces) < 2:
            raise TrainingError("training.yardstick: at least two traces of each kind are needed")
        if self.search.enabled and self.search.population < 4:
            raise TrainingError(
                f"training.search.population is {self.search.population}; at least 4 are needed"
            )

    @classmethod
    def of(cls, training: Mapping[str, Any], **more: Any) -> TrainSpec:
        """From a ``training`` section as plain data, e.g. ``config.training.model_dump()``.

        Args:
            training: the section.
            more: what stands elsewhere: ``reward``, ``baselines``, ``warmup_requests``, ``ray_address``,
                ``ray_num_cpus``.
        """
        search, yardstick = SearchSpec(**training["search"]), YardstickSpec(**training["yardstick"])
        rest = {key: value for key, value in training.items() if key not in ("search", "yardstick")}
        rest["hidden_sizes"] = tuple(rest["hidden_sizes"])
        return cls(**rest, search=search, yardstick=yardstick, **more)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"hidden_sizes": list(self.hidden_sizes), "baselines": list(self.baselines)}


@dataclass(frozen=True)
class TrainPoint:
    """One point of the live curve."""

    elapsed_s: float  # since the training began, over all its runs
    stage: Stage
    steps: int  # requests seen by the stage
    blocking: float  # request blocking of the policy of the moment on the fixed evaluation traces
    baselines: Mapping[str, float]  # the baselines' on the same traces
    steps_per_s: float
    share_done: float  # of the stage's budget
    reward: float | None = None  # mean reward per step while sampling
    entropy: float | None = None  # of the policy, in nats
    explained_variance: float | None = None  # of the value network
    cost: float | None = None  # negative mean reward of the policy's own choices, where energy counts
    baseline_costs: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        costs = None if self.baseline_costs is None else dict(self.baseline_costs)
        return asdict(self) | {"baselines": dict(self.baselines), "baseline_costs": costs}


@dataclass(frozen=True)
class TrainResult:
    """What a training gives back."""

    policy_folder: Path  # the best policy, an artefact (``agents.artefact``)
    teacher_folder: Path  # where PPO started: the searched score or the best baseline
    chosen: str  # "teacher" or "ppo"
    chosen_candidate: str  # its key in ``validation``
    policy_name: str
    validation: Mapping[str, float]  # request blocking on the validation traces: teacher, ppo, each baseline
    validation_cost: Mapping[str, float]  # negative mean reward there: what the choice is made by
    best_baseline: str
    gain: float  # best baseline's blocking minus the chosen policy's, on the validation traces
    gain_ci95: tuple[float, float]  # paired over the validation traces
    cost_gain: float  # the same of the cost
    cost_gain_ci95: tuple[float, float]
    curve: tuple[TrainPoint, ...]
    steps: int  # PPO steps
    search_requests: int
    elapsed_s: float
    resumed: bool

    def to_json(self) -> dict[str, Any]:
        """As plain data, without the curve."""
        document = {key: value for key, value in asdict(self).items() if key != "curve"}
        document |= {"policy_folder": str(self.policy_folder), "teacher_folder": str(self.teacher_folder)}
        return document | {
            "gain_ci95": list(self.gain_ci95),
            "cost_gain_ci95": list(self.cost_gain_ci95),
            "points": len(self.curve),
        }


def fingerprint_of(spec: TrainSpec, plant: Plant, traffic: PoissonTraffic) -> str:
    """16 hex digits over what decides the outcome of a training; where Ray runs does not."""
    settings = {key: value for key, value in spec.to_json().items() if not key.startswith("ray_")}
    document = {
        "spec": settings,
        "topology": plant.topology.content_hash,
        "plant": repr(plant.spec),
        "power": repr(plant.power),
        "traffic": repr(traffic),
        "features": FEATURE_SCHEMA_VERSION,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
