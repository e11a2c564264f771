"""What the charts are given: places, colours, blocks; and that nothing of it can break the page."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from controlplane.console import charts, spectrum
from controlplane.console.network import NUM_COLOURS, NetworkCopy
from controlplane.console.palette import DARK, LIGHT, SERVICES
from controlplane.console.viewmodel import Decision
from topologies.catalogue import load_topology, topology_names
from topologies.grid import c_band, spectrum_bands
from topologies.model import Topology


@pytest.fixture
def state(fake: Any, nsfnet: Topology) -> NetworkCopy:
    fake.place("WA", "NY")
    fake.place("CA2", "DC")
    fake.note("link-failed", nodes=["UT", "MI"])
    return NetworkCopy(nsfnet, (c_band(100),), True).apply(fake.version, fake.changes)


def series(options: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return next(each["data"] for each in options["series"] if each["id"] == name)


def frame(state: NetworkCopy) -> dict[str, Any]:
    return spectrum.spectrum_frame(state, LIGHT, None, 1)


@pytest.mark.parametrize("name", topology_names())
@pytest.mark.parametrize("aspect", [0.5, 1.9, 4.0])
def test_every_node_lies_in_the_window_and_the_window_has_its_shape(name: str, aspect: float) -> None:
    topology = load_topology(name)
    window = charts.frame(topology, aspect)
    assert set(window.places) == set(topology.node_names)
    for x, y in window.places.values():
        assert window.left < x < window.right
        assert window.bottom < y < window.top
    assert (window.right - window.left) / (window.top - window.bottom) == pytest.approx(aspect)


def test_west_is_left_and_north_is_up(nsfnet: Topology) -> None:
    places = charts.frame(nsfnet).places
    assert places["WA"][0] < places["NY"][0]
    assert places["WA"][1] > places["TX"][1]


def test_a_name_does_not_stand_on_its_neighbour(nsfnet: Topology) -> None:
    labels = charts.frame(nsfnet).labels
    # NJ lies just below NY, so the names go apart
    assert labels["NY"] != "bottom"
    assert labels["NJ"] != "top"


def test_map_draws_the_route_of_the_service_in_focus(state: NetworkCopy) -> None:
    window = charts.frame(state.topology)
    latest, first = state.latest(), next(iter(state.lightpaths.values()))
    assert latest is not None
    for selected, path in ((None, latest), (first.service_uuid, first)):
        drawn = series(charts.network_map(state, selected, LIGHT, window), "lightpath")
        assert [item["name"] for item in drawn] == [path.service_uuid]
        assert drawn[0]["coords"] == [list(window.places[node]) for node in path.nodes]


def test_map_marks_cut_fibres_and_colours_the_others_by_use(state: NetworkCopy) -> None:
    window = charts.frame(state.topology)
    options = charts.network_map(state, None, LIGHT, window)
    lines, grips = ({each["name"]: each for each in series(options, name)} for name in ("fibres", "grips"))
    assert len(lines) == 22
    assert lines["UT – MI"]["lineStyle"]["type"] == "dashed"
    assert "cut" in grips["UT – MI"]["tooltip"]["formatter"]
    used = {frozenset(pair) for path in state.lightpaths.values() for pair in pairwise(path.nodes)}
    for name, line in lines.items():
        assert (line["value"] > 0) == (frozenset(name.split(" – ")) in used)


def test_map_marks_drained_fibres(state: NetworkCopy) -> None:
    drained = replace(state, drained=frozenset({frozenset(("WA", "IL"))}))
    options = charts.network_map(drained, None, LIGHT, charts.frame(state.topology))
    dotted = {line["name"] for line in series(options, "fibres") if line["lineStyle"]["type"] == "dotted"}
    assert len(dotted) == 1
    assert set(dotted.pop().split(" – ")) == {"WA", "IL"}


def test_map_marks_drained_nodes(state: NetworkCopy) -> None:
    drained = replace(state, drained=frozenset({frozenset(("IL",))}))
    options = charts.network_map(drained, None, LIGHT, charts.frame(state.topology))
    points = series(options, "nodes")
    assert [point["name"] for point in points if point["itemStyle"]["borderType"] == "dotted"] == ["IL"]


def test_grid_has_a_block_per_lightpath_and_link(state: NetworkCopy) -> None:
    blocks = spectrum.blocks_of(state)
    assert set(blocks) == set(state.lightpaths)
    for service, path in state.lightpaths.items():
        assert blocks[service][:4] == (path.first_slot, path.num_slots, path.colour, state.units(path.nodes))


def test_series_are_the_same_whatever_they_show(state: NetworkCopy) -> None:
    empty = NetworkCopy(state.topology, (c_band(100),), True)
    window = charts.frame(state.topology)
    for full, bare in (
        (charts.network_map(state, None, LIGHT, window), charts.network_map(empty, None, DARK, window)),
        (frame(state), spectrum.spectrum_frame(empty, DARK, None, 1)),
    ):
        assert [each["id"] for each in full["series"]] == [each["id"] for each in bare["series"]]
        json.dumps([full, bare])


def test_one_band_is_one_plain_axis(state: NetworkCopy) -> None:
    options = frame(state)
    assert options["xAxis"][0]["max"] == 100
    assert options["series"][1]["markArea"]["data"] == []


def test_bands_stand_to_scale_with_named_gaps_between_them(state: NetworkCopy) -> None:
    bands = spectrum_bands(("L", "C", "S"), 384)
    uuids = list(state.lightpaths)
    first_slots = dict(zip(uuids, (384, 1148), strict=True))
    paths = {
        uuid: replace(path, first_slot=first_slots[uuid], num_slots=4)
        for uuid, path in state.lightpaths.items()
    }
    options = frame(replace(state, bands=bands, lightpaths=paths))
    axis, top = options["xAxis"]
    # 96 channels of 50 GHz in each band, the bands 5.3 THz apart: 15.4 THz in columns of 12.5 GHz
    assert (axis["min"], axis["max"]) == (0, 1232)
    assert (top["min"], top["max"]) == (186.025, 201.425)
    marks = options["series"][1]["markArea"]["data"]
    assert [(start["name"], start["xAxis"], end["xAxis"]) for start, end in marks] == [
        ("L  slots 0–383", 0, 384),
        ("C  slots 384–767", 424, 808),
        ("S  slots 768–1151", 848, 1232),
        ("500 GHz guard", 384, 424),
        ("500 GHz guard", 808, 848),
    ]
    blocks = spectrum.blocks_of(replace(state, bands=bands, lightpaths=paths))
    assert {service: block[0] for service, block in blocks.items()} == {uuids[0]: 424, uuids[1]: 1228}


def test_words_from_outside_cannot_become_markup(state: NetworkCopy) -> None:
    uuid, path = next(iter(state.lightpaths.items()))
    odd = replace(path, modulation_format="<img src=x onerror=alert(1)>")
    assert "<img" not in json.dumps(spectrum.blocks_of(replace(state, lightpaths={uuid: odd})))


def test_use_colours_run_from_empty_to_full() -> None:
    assert LIGHT.use_colour(0.0) == LIGHT.use[0]
    assert LIGHT.use_colour(1.0) == LIGHT.use_colour(7.0) == LIGHT.use[-1]
    assert LIGHT.use_colour(1 / 3) == LIGHT.use[1]


def test_there_is_a_colour_for_every_service_colour_number() -> None:
    assert len(set(SERVICES)) == len(SERVICES) == NUM_COLOURS


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_is_readable_on_its_ground(palette: Any) -> None:
    # WCAG 2.2: 4.5 for text, 3 for large text and marks
    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert contrast(palette.ink, palette.surface) > 7
    assert contrast(palette.soft, palette.surface) > 4.5
    assert contrast(palette.faint, palette.surface) > 3
    for mark in (palette.accent, palette.good, palette.warn, palette.bad):
        assert contrast(mark, palette.surface) > 3


def test_a_bar_per_decision_and_no_slow_one_flattens_the_others() -> None:
    made = ((900, "fallback"), (4, "model"), (5, "model"), (6, "none"))
    rows = [{"total_ms": total_ms, "decided_by": by} for total_ms, by in made]
    options = charts.decision_times([Decision.from_json(row) for row in rows], LIGHT)
    (bars,) = options["series"]
    assert [bar["value"] for bar in bars["data"]] == [6, 5, 4, 900]  # the oldest first
    assert [bar["itemStyle"]["color"] for bar in bars["data"][1:]] == [LIGHT.accent, LIGHT.accent, LIGHT.warn]
    assert options["yAxis"]["max"] == 30  # five medians, and up to the next line of the scale
    assert charts.decision_times([], LIGHT)["series"][0]["data"] == []
