"""Gymnasium ids of the environments; registered when ``envs`` is imported."""

from __future__ import annotations

import gymnasium as gym

_ENVIRONMENTS = {
    "lightloop/LatencyRSA-v0": ("envs.latency_rsa:LatencyRSAEnv", "envs.latency_rsa:LatencyRSAVectorEnv"),
    "lightloop/QotRMBSA-v0": ("envs.qot_rmbsa:QotRMBSAEnv", "envs.qot_rmbsa:QotRMBSAVectorEnv"),
    "lightloop/EnergyRMSA-v0": ("envs.energy_rmsa:EnergyRMSAEnv", "envs.energy_rmsa:EnergyRMSAVectorEnv"),
}


def register_all() -> None:
    """Register every environment; safe to repeat."""
    for name, (single, vector) in _ENVIRONMENTS.items():
        if name not in gym.registry:
            gym.register(id=name, entry_point=single, vector_entry_point=vector)
