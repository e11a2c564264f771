"""How the first champion is found. The rest of it is part of the story."""

from __future__ import annotations

import pytest

from configs.load import load_config
from deployments.bootstrap import QUICK_REQUESTS, quick_lengths


@pytest.mark.parametrize("scenario", ["latency-rsa", "qot-rmbsa", "energy-rmsa"])
def test_the_first_champion_is_chosen_in_a_network_as_full_as_the_evaluations(scenario: str) -> None:
    section = load_config(scenario).evaluation
    requests, warmup = quick_lengths(section.requests_per_trace, section.warmup_requests)
    assert warmup == section.warmup_requests
    assert requests - warmup == QUICK_REQUESTS


def test_short_traces_are_used_whole() -> None:
    assert quick_lengths(6000, 1000) == (6000, 1000)
    assert quick_lengths(100, 3000) == (100, 50)


@pytest.mark.parametrize("scenario", ["latency-rsa", "qot-rmbsa", "energy-rmsa"])
def test_who_decides_without_a_model_is_among_those_that_the_gate_measures(scenario: str) -> None:
    config = load_config(scenario)
    assert config.online.fallback_policy in config.evaluation.baselines
