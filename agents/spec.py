"""What a training is told, what it reports on the way, and what it gives back. Not here: how it is done.

The configuration's sections ``training`` and ``ray`` are these classes, so fields, bounds and defaults stand
here alone. Nothing compiled is imported, as every service reads the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Lt, MinLen

from agents.budget import Budget
from envs.fields import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
    refuse_out_of_bounds,
)
from envs.reward import ONLY_BLOCKING, RewardWeights

Stage = Literal["search", "ppo", "choice"]


class TrainingError(ValueError):
    """A training that cannot start or go on; names the value, the place and the remedy."""


@dataclass(frozen=True)
class SearchSpec:
    """Warm start: a direct search of a linear score in the twin (CMA-ES).

    Attributes:
        budget_requests: in the place of ``budget_s``, which is then ignored; 0: ``budget_s`` counts.
        steady_state_requests: served before, once for a generation; 0: each candidate warms up.
        threads: that share a generation; the outcome does not depend on it.
    """

    enabled: bool = True
    budget_s: PositiveFloat = 90.0
    population: Annotated[int, Ge(4)] = 24
    requests_per_candidate: PositiveInt = 40_000
    threads: PositiveInt = 2
    steady_state_requests: NonNegativeInt = 0
    budget_requests: NonNegativeInt = 0

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, TrainingError, "training.search.")

    @property
    def budget(self) -> Budget:
        """How long the search goes on."""
        return Budget(self.budget_s, self.budget_requests)


@dataclass(frozen=True)
class ValidationSpec:
    """Fixed traffic on which policies are compared while a training runs; warm-up requests come on top."""

    curve_traces: Annotated[int, Ge(2)] = 12  # of the live curve: a point should cost about a second
    curve_requests: PositiveInt = 4000  # counted, of each
    validation_traces: Annotated[int, Ge(2)] = 20  # on which the policy is chosen
    validation_requests: PositiveInt = 10_000

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, TrainingError, "training.validation.")


@dataclass(frozen=True)
class MixtureSpec:
    """What a training meets, in shares of the search's generations; what there is none of has no share.

    Attributes:
        window: the learned part of the window, lived through again from its begin under each candidate.
        fitted: requests drawn from traffic fitted to the window; PPO meets these alone.
        scenario: requests drawn from the scenario's own traffic, against forgetting, from an empty network.
        from_snapshot: fitted traffic, in search and PPO, meets the lightpaths that stood when the window
            began, instead of an empty network with a warm-up.
    """

    window: NonNegativeFloat = 0.2
    fitted: PositiveFloat = 0.4
    scenario: NonNegativeFloat = 0.4
    from_snapshot: bool = True

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, TrainingError, "training.mixture.")


@dataclass(frozen=True)
class RaySpec:
    """Where training runs.

    Attributes:
        address: empty: a local Ray for the time of the training; else ``ray://host:port`` or ``host:port``.
        num_cpus: of the local Ray.
    """

    address: str = ""
    num_cpus: PositiveInt = 2


@dataclass(frozen=True)
class PPOSpec:
    """Sizes and rates of PPO.

    Attributes:
        num_envs: networks per runner, stepped together.
        rollout_length: steps per network and rollout.
        num_env_runners: processes that sample; 0 samples in the learner's process.
    """

    num_envs: PositiveInt = 64
    rollout_length: PositiveInt = 128
    minibatch_size: PositiveInt = 1024
    num_epochs: PositiveInt = 2
    learning_rate: PositiveFloat = 3e-4
    gamma: Annotated[float, Gt(0), Lt(1)] = 0.995
    gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.98
    entropy_coefficient: NonNegativeFloat = 0.001
    hidden_sizes: Annotated[tuple[PositiveInt, ...], MinLen(1)] = (64, 64)
    num_env_runners: NonNegativeInt = 1
    seed: Seed = 1

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, TrainingError, "training.")


@dataclass(frozen=True)
class TrainingSpec(PPOSpec):
    """How a challenger is made: the ``training`` section of the configuration.

    Attributes:
        algorithm: ``ppo`` goes on from what the search found; ``search``: it is the outcome.
        budget_s: wall-clock budget of the PPO stage.
        budget_requests: its budget in requests; 0: ``budget_s`` counts. With it, curve and checkpoints follow
            the requests too, and one seed gives one policy with at most one runner.
        evaluate_every_s: how often the live curve gets a point.
    """

    algorithm: Literal["ppo", "search"] = "ppo"
    budget_s: PositiveFloat = 120.0
    budget_requests: NonNegativeInt = 0
    checkpoint_every_s: PositiveFloat = 30.0
    evaluate_every_s: PositiveFloat = 10.0
    search: SearchSpec = field(default_factory=SearchSpec)
    validation: ValidationSpec = field(default_factory=ValidationSpec)
    mixture: MixtureSpec = field(default_factory=MixtureSpec)

    @property
    def budget(self) -> Budget:
        """How long PPO goes on."""
        return Budget(self.budget_s, self.budget_requests)

    def within_seconds(self, seconds: float) -> Self:
        """The same with one budget in seconds for its stages, shared in proportion to their own.

        Raises:
            TrainingError: it has no stage, or none with seconds of its own.
        """
        of_search = self.search.budget_s if self.search.enabled else 0.0
        of_ppo = self.budget_s if self.algorithm == "ppo" else 0.0
        if of_search + of_ppo == 0.0:
            raise TrainingError(
                "no stage of the training has seconds: training.budget_s, training.search.budget_s"
            )
        factor = seconds / (of_search + of_ppo)
        search = replace(self.search, budget_s=self.search.budget_s * factor, budget_requests=0)
        return replace(self, budget_s=self.budget_s * factor, budget_requests=0, search=search)

    def within_requests(self, requests: int) -> Self:
        """The same with one budget in requests: half for each of its two stages, or all for the only one.

        Raises:
            TrainingError: fewer requests than stages.
        """
        if requests < 2:
            raise TrainingError(f"a training of {requests} request(s); at least 2 are needed")
        of_search = requests - requests // 2 if self.search.enabled else 0
        of_search = requests if self.algorithm == "search" else of_search
        search = replace(self.search, budget_requests=of_search)
        return replace(self, budget_requests=requests - of_search, search=search)


@dataclass(frozen=True, kw_only=True)
class TrainSpec(TrainingSpec):
    """A training with what other sections of the configuration say of it.

    Attributes:
        warmup_requests: requests served before anything counts, in training and in validation.
        reward: weights of what PPO is rewarded for.
        baselines: what the policy is compared with, and the search may start from; those that are linear
            scores count. Empty: all there are.
        ray: where it runs.
    """

    warmup_requests: int
    reward: RewardWeights = ONLY_BLOCKING
    baselines: tuple[str, ...] = ()
    ray: RaySpec = field(default_factory=RaySpec)

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
    chosen: str  # "teacher", "ppo", or "start": an agent known before was not beaten
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
