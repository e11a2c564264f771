"""PPO of Stable-Baselines3 on a small network: ``pip install stable-baselines3``, then run this file."""

from __future__ import annotations

import argparse

import gymnasium as gym
from stable_baselines3 import PPO

from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology


def main() -> None:
    """Train, then place the requests of one episode and print what was blocked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000, help="requests to train on")
    steps = parser.parse_args().steps

    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, max_candidates=12))
    env = gym.make("envs:lightloop/LatencyRSA-v0", plant=plant, traffic=PoissonTraffic(load_erlang=40.0))
    model = PPO("MultiInputPolicy", env, n_steps=min(1024, steps), batch_size=64, seed=1, device="cpu")
    model.learn(total_timesteps=steps)

    observation, info = env.reset(seed=2)
    truncated = False
    while not truncated:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, _, truncated, info = env.step(action)
    print(f"requests blocked: {info['request_blocking']:.2%}")


if __name__ == "__main__":
    main()
