"""PPO in one file, in the style of CleanRL, on the vector environment: only PyTorch is needed.

The network scores each candidate by the same weights, so it fits every topology.
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

NUM_ENVS, ROLLOUT, EPOCHS, MINIBATCH = 16, 64, 4, 256
GAMMA, LAMBDA, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.001


class Agent(nn.Module):
    """A score for each candidate, and a value from their mean."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(num_features, 64), nn.Tanh())
        self.score, self.value = nn.Linear(64, 1), nn.Linear(64, 1)

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> tuple[Categorical, torch.Tensor]:
        """What to choose among (B, M) candidates, and (B,) values."""
        hidden = self.body(features)
        logits = self.score(hidden).squeeze(-1).masked_fill(mask == 0, -1e9)
        return Categorical(logits=logits), self.value(hidden.mean(dim=1)).squeeze(-1)


def main() -> None:
    """Train and print the blocking of each rollout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000, help="requests to train on")
    steps = parser.parse_args().steps
    torch.manual_seed(1)

    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, max_candidates=12))
    envs = gym.make_vec(
        "envs:lightloop/LatencyRSA-v0", NUM_ENVS, plant=plant, traffic=PoissonTraffic(load_erlang=40.0)
    )
    space = envs.single_observation_space["features"]
    agent = Agent(space.shape[1])
    optimiser = torch.optim.Adam(agent.parameters(), lr=1e-3)

    shape = (ROLLOUT, NUM_ENVS)
    features, masks = torch.zeros((*shape, *space.shape)), torch.zeros((*shape, space.shape[0]))
    actions, log_probs, rewards, values = (torch.zeros(shape) for _ in range(4))
    advantages, begun = torch.zeros(shape), torch.zeros(shape)  # begun: this step only resets, see NEXT_STEP
    observation, _ = envs.reset(seed=1)
    ended = np.zeros(NUM_ENVS, bool)
    for _ in range(max(steps // (ROLLOUT * NUM_ENVS), 1)):
        for t in range(ROLLOUT):
            features[t] = torch.from_numpy(observation["features"])
            masks[t] = torch.from_numpy(observation["action_mask"])
            begun[t] = torch.from_numpy(ended)
            with torch.no_grad():
                choice, values[t] = agent(features[t], masks[t])
                actions[t] = action = choice.sample()
                log_probs[t] = choice.log_prob(action)
            observation, reward, _, ended, infos = envs.step(action.numpy())
            rewards[t] = torch.from_numpy(reward)
        with torch.no_grad():
            _, following = agent(
                *map(torch.from_numpy, (observation["features"], observation["action_mask"]))
            )
        running = torch.zeros(NUM_ENVS)
        for t in reversed(range(ROLLOUT)):
            running = rewards[t] + GAMMA * following - values[t] + GAMMA * LAMBDA * running
            running = advantages[t] = running * (
                1 - begun[t]
            )  # nothing is carried over the border of episodes
            following = values[t]
        returns = advantages + values
        flat = [x.flatten(0, 1) for x in (features, masks, actions, log_probs, advantages, returns)]
        kept = torch.nonzero(begun.flatten() == 0).squeeze(-1)
        for _ in range(EPOCHS):
            for rows in kept[torch.randperm(len(kept))].split(MINIBATCH):
                seen, mask, taken, before, advantage, wanted = (x[rows] for x in flat)
                choice, value = agent(seen, mask)
                ratio = (choice.log_prob(taken) - before).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                gain = torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
                loss = -gain + 0.5 * (value - wanted).pow(2).mean() - ENTROPY * choice.entropy().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        print(f"requests blocked: {infos['request_blocking'].mean():.2%}")


if __name__ == "__main__":
    main()
