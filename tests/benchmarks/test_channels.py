"""The setting of DRL-RMBSA: the compiled loop beside a slow obvious one; its tables; published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from benchmarks.channels.comparison import PUBLISHED, compare
from benchmarks.channels.simulation import POLICIES, draw_requests, serve
from benchmarks.channels.tables import ChannelTableError, ChannelTables, read_tables

# Three nodes in a ring with links 0, 1, 2; two paths a pair; two bands of four channels.
RING = ((0,), (1, 2), (1,), (0, 2), (2,), (0, 1))


@pytest.fixture(scope="module")
def ring() -> ChannelTables:
    rng = np.random.default_rng(3)
    return ChannelTables(rng.integers(0, 5, (6, 8)).astype(np.uint8), RING, 2, (0, 4, 8))


class SlowNetwork:
    """The same by sets of lit channels on links, worked out anew for every question."""

    def __init__(self, tables: ChannelTables) -> None:
        self.tables = tables
        self.lit: list[set[int]] = [set() for _ in range(tables.num_links)]

    def free(self, path: int) -> list[int]:
        links = self.tables.links[path]
        return [
            c
            for c in range(self.tables.units.shape[1])
            if self.tables.units[path, c] > 0 and not any(c in self.lit[link] for link in links)
        ]

    def offers(self, pair: int, wanted: int) -> list[tuple[int, int, list[int]]]:
        found = []
        for path in range(2 * pair, 2 * pair + 2):
            for band, (first, end) in enumerate(zip((0, 4), (4, 8), strict=True)):
                channels = [c for c in self.free(path) if first <= c < end]
                capacities = np.cumsum([int(self.tables.units[path, c]) for c in channels])
                if len(channels) and capacities[-1] >= wanted:
                    found.append((path, band, channels[: int(np.argmax(capacities >= wanted)) + 1]))
        return found

    def capacity(self, path: int) -> int:
        return sum(int(self.tables.units[path, c]) for c in self.free(path))

    def loss(self, path: int, channels: list[int]) -> int:
        before = [self.capacity(p) for p in (0, 2, 4)]
        self.set(path, channels, True)
        after = [self.capacity(p) for p in (0, 2, 4)]
        self.set(path, channels, False)
        return sum(before) - sum(after)

    def set(self, path: int, channels: list[int], lit: bool) -> None:
        for link in self.tables.links[path]:
            self.lit[link] = self.lit[link] | set(channels) if lit else self.lit[link] - set(channels)

    def choice(self, policy: str, pair: int, wanted: int) -> tuple[int, int, list[int]] | None:
        offers = self.offers(pair, wanted)
        if policy == "ksp_hcp_hmf":
            widest = max((2 * pair, 2 * pair + 1), key=self.capacity)
            offers = [offer for offer in offers if offer[0] == widest]
        key: dict[str, Any] = {
            "ksp_fb_ff": lambda offer: offer[:2],
            "ksp_hcp_hmf": lambda offer: -max(int(self.tables.units[offer[0], c]) for c in offer[2]),
            "ksp_min_max_f": lambda offer: offer[2][-1],
            "least_capacity_loss": lambda offer: self.loss(offer[0], offer[2]),
        }
        return min(offers, key=key[policy], default=None)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_blocked_is_what_a_slow_network_blocks(policy: str, ring: ChannelTables) -> None:
    requests = draw_requests(ring, 3.0, 1500, seed=1)
    slow, up, blocked = SlowNetwork(ring), list[tuple[float, int, list[int]]](), []
    for pair, units, arrival, departure in zip(*requests, strict=True):
        for _, path, channels in [service for service in up if service[0] <= arrival]:
            slow.set(path, channels, False)
        up = [service for service in up if service[0] > arrival]
        chosen = slow.choice(policy, int(pair), int(units))
        blocked.append(chosen is None)
        if chosen is not None:
            slow.set(chosen[0], chosen[2], True)
            up.append((departure, chosen[0], chosen[2]))

    assert 0.1 < np.mean(blocked) < 0.9
    assert serve(ring, requests, policy).tolist() == blocked


def test_the_rule_is_below_the_published_agent_on_its_own_tables(shared_data: Path) -> None:
    tables = read_tables(shared_data / "drl-rmbsa")
    assert (tables.num_pairs, tables.num_links, tables.units.shape) == (91, 22, (455, 268))

    document = compare(tables, [900.0], 40_000, 7, lambda text: None)

    found = {row["policy"]: row for row in document["rows"]}
    published = PUBLISHED[900.0]["drl_rmbsa_path_capacity"]
    assert found["least_capacity_loss"]["request_ci95"][1] < published["request_blocking"]
    assert found["least_capacity_loss"]["bit_rate_ci95"][1] < published["bit_rate_blocking"]
    order = sorted(found, key=lambda name: -found[name]["request_blocking"])
    assert order == ["ksp_fb_ff", "ksp_min_max_f", "ksp_hcp_hmf", "least_capacity_loss"]


def test_tables_that_do_not_fit_are_refused_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(ChannelTableError, match=r"NSFNET\.txt: no list of links"):
        read_tables(tmp_path)
    (tmp_path / "NSFNET.txt").write_text("# a comment\n2\n1\n1 2 100\n")
    scipy.io.savemat(tmp_path / "NSFNET_sd_pairs.mat", {"sd_pairs": [[1, 3]]})
    with pytest.raises(ChannelTableError, match="no table 'node_lists'"):
        read_tables(tmp_path)
    paths = np.empty((1, 1), object)
    paths[0, 0] = np.empty((1, 1), object)
    paths[0, 0][0, 0] = np.array([[1, 3]])
    scipy.io.savemat(tmp_path / "NSFNET_ksp_node_lists.mat", {"node_lists": paths})
    scipy.io.savemat(tmp_path / "NSFNET_modulation_table.mat", {"modulation_table": np.ones((1, 9, 1))})
    with pytest.raises(ChannelTableError, match=r"shape \(1, 9, 1\); needed are \(pairs, 268 channels"):
        read_tables(tmp_path)
    scipy.io.savemat(tmp_path / "NSFNET_modulation_table.mat", {"modulation_table": np.ones((1, 268, 1))})
    with pytest.raises(ChannelTableError, match="crosses 1-3, no link"):
        read_tables(tmp_path)
