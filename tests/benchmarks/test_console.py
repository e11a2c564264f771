"""The measurement of the network page, on a small network: that it measures, not how fast the page is."""

from __future__ import annotations

import pytest

from benchmarks.console import PageMeasurement, grid_topology, measure


@pytest.mark.parametrize(("num_nodes", "num_fibres"), [(4, 4), (9, 12), (10, 13), (100, 180)])
def test_the_grid_is_whole(num_nodes: int, num_fibres: int) -> None:
    topology = grid_topology(num_nodes)
    assert (topology.num_nodes, len(topology.fibres)) == (num_nodes, num_fibres)


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(1200)
def test_pictures_frames_and_bytes_are_measured() -> None:
    found = measure(PageMeasurement(nodes=9, lightpaths=20, set_ups=2, seconds=1.0), lambda _: None)
    assert (found.topology, found.nodes, found.fibre_pairs, found.lightpaths) == ("grid-9", 9, 12, 20)
    assert 0 < found.picture_p50_ms <= found.picture_p95_ms
    assert found.bytes_per_change > 0
    assert found.came_and_went_per_s > 0
    assert 0 < found.frame_p99_ms <= found.longest_frame_ms
