"""RLlib's own PPO, with environments in other processes, found there by their id."""

from __future__ import annotations

import argparse

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.connectors.env_to_module import FlattenObservations

from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology


def main() -> None:
    """Train and print the mean return of each iteration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000, help="requests to train on")
    parser.add_argument("--runners", type=int, default=2, help="processes that hold environments")
    arguments = parser.parse_args()

    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, max_candidates=12))
    settings = {"plant": plant, "traffic": PoissonTraffic(load_erlang=40.0), "episode_requests": 200}
    ray.init(num_cpus=arguments.runners + 1, include_dashboard=False)
    batch = min(4000, arguments.steps)
    config = (
        PPOConfig()
        .environment("envs:lightloop/LatencyRSA-v0", env_config=settings)
        .env_runners(
            num_env_runners=arguments.runners,
            env_to_module_connector=lambda env, spaces, device: FlattenObservations(),
        )
        .training(train_batch_size_per_learner=batch, minibatch_size=min(256, batch), num_epochs=4)
        .debugging(seed=1)
    )
    algorithm = config.build_algo()
    done = 0
    while done < arguments.steps:
        figures = algorithm.train()["env_runners"]
        done = int(figures["num_env_steps_sampled_lifetime"])
        print(f"{done} requests: mean return {figures['episode_return_mean']:.1f}")
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()
