"""Traces that follow demand matrices: they carry what was measured, and nothing malformed gets in."""

from __future__ import annotations

import numpy as np
import pytest

from envs.plant import build_plant
from envs.sndlib import MatrixTraffic, SndlibError, match_nodes, scale_for, trace_from_demands
from envs.sndlib_files import Demands, read_demands
from envs.spec import PlantSpec
from envs.traffic import LatencyClass
from tests.envs.demand_files import matrix_xml, write_folder, write_tar
from topologies.catalogue import load_topology

FIVE = load_topology("five-node")


def two_hours(demand_gbps=(400.0, 800.0), hours=1.0) -> Demands:
    """A to B at first only, then B to C too, an hour (or more) each."""
    matrices = np.zeros((2, 5, 5))
    matrices[:, 0, 1] = demand_gbps
    matrices[1, 1, 2] = demand_gbps[0]
    length_s = hours * 3600.0
    return Demands(
        node_ids=tuple("ABCDE"),
        position_deg=np.full((5, 2), np.nan),
        start_s=np.array([0.0, length_s]),
        interval_s=np.array([length_s, length_s]),
        demand_gbps=matrices,
        first_time="20040301-0000",
        origin="a test",
        file="memory",
        num_gaps=0,
    )


@pytest.fixture(scope="module")
def plant():
    return build_plant(FIVE, PlantSpec(k_paths=2))


def test_matrices_are_read_in_order_of_time_in_gbps(tmp_path):
    late = matrix_xml("20040301-0005", [("A", "B", "2000"), ("C", "C", "9")])
    early = matrix_xml("20040301-0000", [("A", "B", "1000"), ("B", "E", "0.5")])
    demands = read_demands(write_folder(tmp_path, late, early))
    assert demands.node_ids == tuple("ABCDE")
    assert demands.first_time == "20040301-0000"
    np.testing.assert_allclose(demands.start_s, [0, 300])
    np.testing.assert_allclose(demands.interval_s, [300, 300])
    np.testing.assert_allclose(demands.demand_gbps[:, 0, 1], [1.0, 2.0])
    assert demands.demand_gbps[0, 1, 4] == pytest.approx(0.0005)
    assert demands.demand_gbps[1, 2, 2] == 0.0  # a site's traffic to itself needs no lightpath


@pytest.mark.parametrize(
    ("unit", "gbps"), [("KBITPERSEC", 1e-6), ("MBITPERSEC", 1e-3), ("GBITPERSEC", 1.0), ("mbitpersec", 1e-3)]
)
def test_units_are_converted(tmp_path, unit, gbps):
    demands = read_demands(write_folder(tmp_path, matrix_xml(unit=unit)))
    assert demands.demand_gbps[0, 0, 1] == pytest.approx(100 * gbps)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5min", 300), ("15 min", 900), ("1hour", 3600), ("1day", 86400)]
)
def test_granularity_tells_how_long_the_last_matrix_holds(tmp_path, text, seconds):
    demands = read_demands(write_folder(tmp_path, matrix_xml(granularity=text)))
    assert demands.interval_s.tolist() == [seconds]


def test_a_gap_is_covered_by_the_matrix_before_it(tmp_path):
    documents = [matrix_xml(f"20040301-{hhmm}") for hhmm in ("0000", "0005", "0020")]
    demands = read_demands(write_folder(tmp_path, *documents))
    assert demands.interval_s.tolist() == [300, 900, 300]
    assert demands.num_gaps == 2
    assert demands.gaps == ("2 after 20040301-0005",)


def test_an_interval_without_any_demand_is_a_gap_and_not_silence(tmp_path):
    quiet = {"0005", "0010", "0025"}
    times = ("0000", "0005", "0010", "0015", "0020", "0025")
    some = (("A", "B", "100"),)
    documents = [matrix_xml(f"20040301-{t}", demands=() if t in quiet else some) for t in times]
    demands = read_demands(write_folder(tmp_path, *documents))
    assert demands.demand_gbps[:, 0, 1].tolist() == [0.1, 0.1, 0.1]
    assert demands.interval_s.tolist() == [900, 300, 300]
    assert demands.gaps == ("2 after 20040301-0000", "1 at the end")
    with pytest.raises(SndlibError, match="no demand in any of 1 matrices"):
        read_demands(write_folder(tmp_path / "quiet", matrix_xml(demands=())))


def test_nodes_may_be_listed_in_another_order(tmp_path):
    documents = [matrix_xml("20040301-0000"), matrix_xml("20040301-0005", nodes="EDCBA")]
    demands = read_demands(write_folder(tmp_path, *documents))
    assert demands.demand_gbps[:, 0, 1].tolist() == [0.1, 0.1]


def test_an_archive_and_its_folder_read_the_same_and_progress_reaches_the_end(tmp_path):
    documents = [matrix_xml(f"20040301-00{minute:02}") for minute in (0, 5, 10)]
    archive = write_tar(tmp_path / "m.tgz", {f"d/m{i}.xml": text for i, text in enumerate(documents)})
    told: list[float] = []
    from_archive = read_demands(archive, told.append)
    from_folder = read_demands(write_folder(tmp_path, *documents))
    np.testing.assert_array_equal(from_archive.demand_gbps, from_folder.demand_gbps)
    np.testing.assert_array_equal(from_archive.start_s, from_folder.start_s)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 3


def test_an_archive_never_writes_or_reads_outside_itself(tmp_path):
    """Members that climb, absolute names and links: read as members, or passed over, but never followed."""
    secret = tmp_path / "secret.xml"
    secret.write_text(matrix_xml("20990101-0000"))
    before = sorted(tmp_path.rglob("*"))
    archive = write_tar(
        tmp_path / "m.tgz",
        {"../../climb.xml": matrix_xml("20040301-0000"), "/abs.xml": matrix_xml("20040301-0005")},
        links={"link.xml": str(secret)},
    )
    demands = read_demands(archive)
    assert demands.start_s.tolist() == [0, 300]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, archive])


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE n [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<network xmlns="http://sndlib.zib.de/network"><meta><unit>&b;</unit></meta><demands/></network>'
)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (matrix_xml(demands=[("A", "Q", "1")]), ["'A_Q'", "unknown node 'Q'", "A, B, C, D, E"]),
        (matrix_xml(demands=[("A", "B", "-1")]), ["'A_B'", "-1", "negative"]),
        (matrix_xml(demands=[("A", "B", "much")]), ["'A_B'", "'much'"]),
        (matrix_xml(demands=[("A", "B", "nan")]), ["'A_B'", "'nan'"]),
        (matrix_xml().replace("<demandValue> 100 </demandValue>", ""), ["'A_B'", "demandValue is missing"]),
        (matrix_xml(unit="BUSHELS"), ["BUSHELS", "MBITPERSEC"]),
        (matrix_xml(unit=None), ["unit (none)"]),
        (matrix_xml(granularity="5 fortnights"), ["5 fortnights"]),
        (matrix_xml(time="yesterday"), ["'yesterday'", "YYYYMMDD-HHMM"]),
        (matrix_xml(nodes="AABCD"), ["'A'", "twice"]),
        (matrix_xml().replace("</network>", ""), ["not well-formed"]),
        ("<html/>", ["not an SNDlib demand matrix"]),
        (BOMB, ["DOCTYPE"]),
    ],
)
def test_malformed_matrices_are_refused_with_file_and_place(tmp_path, document, words):
    folder = write_folder(tmp_path, document)
    with pytest.raises(SndlibError) as refusal:
        read_demands(folder)
    for word in ("m000.xml", *words):
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (matrix_xml("20040301-0000"), ["m001.xml", "same time", "m000.xml"]),
        (matrix_xml("20040301-0005", nodes="ABCDF"), ["m001.xml", "'E'"]),
        (matrix_xml("20040301-0005", granularity="15min"), ["granularity", "300", "900"]),
    ],
)
def test_matrices_that_do_not_belong_together_are_refused(tmp_path, second, words):
    folder = write_folder(tmp_path, matrix_xml("20040301-0000"), second)
    with pytest.raises(SndlibError) as refusal:
        read_demands(folder)
    for word in words:
        assert word in str(refusal.value)


def test_places_without_matrices_are_refused(tmp_path):
    with pytest.raises(SndlibError, match="no demand matrix"):
        read_demands(tmp_path)
    with pytest.raises(SndlibError, match="No such file"):
        read_demands(tmp_path / "none.tgz")
    (tmp_path / "text.tgz").write_text("hello")
    with pytest.raises(SndlibError, match="not a readable tar archive"):
        read_demands(tmp_path / "text.tgz")


def test_an_archive_cut_short_is_refused(tmp_path):
    names = {f"m{i}.xml": matrix_xml(f"20040301-00{5 * i:02}", origin=str(i) * 3000) for i in range(9)}
    archive = write_tar(tmp_path / "m.tgz", names)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(SndlibError, match=r"m\.tgz"):
        read_demands(archive)


def test_days_are_selected_and_time_starts_anew():
    demands = two_hours(hours=24.0)
    second = demands.select(first_day=2)
    assert second.start_s.tolist() == [0.0]
    np.testing.assert_array_equal(second.demand_gbps, demands.demand_gbps[1:])
    assert demands.select(num_days=1).demand_gbps.shape[0] == 1
    assert demands.select(max_intervals=1).demand_gbps.shape[0] == 1
    with pytest.raises(SndlibError, match=r"cover 2\.00 days"):
        demands.select(first_day=3)


def test_counts_follow_the_model_within_four_standard_deviations(plant):
    """Arrivals of a pair in an interval are Poisson with mean demand x scale x length / (rate x holding)."""
    demands = two_hours(hours=50.0)
    traffic = MatrixTraffic(scale=2.0, mean_holding_s=600.0, bit_rates_gbps=(100.0, 300.0))
    trace = trace_from_demands(demands, traffic, plant, seed=5)
    second = trace.arrival_s >= 50 * 3600
    for late, source, destination, gbps in [(False, 0, 1, 400), (True, 0, 1, 800), (True, 1, 2, 400)]:
        chosen = (second == late) & (trace.source == source) & (trace.destination == destination)
        mean = gbps * 2.0 * 50 * 3600 / (200.0 * 600.0)
        assert abs(chosen.sum() - mean) < 4 * np.sqrt(mean)
    assert not ((trace.source == 1) & ~second).any()
    assert set(zip(trace.source.tolist(), trace.destination.tolist(), strict=True)) == {(0, 1), (1, 2)}


@pytest.mark.parametrize("truncate", [False, True])
def test_traffic_offered_is_demand_times_scale(plant, truncate):
    """Sum of bit rate x holding over time, Little's law; relative error of the estimate below 2 %."""
    demands = two_hours(hours=500.0)
    traffic = MatrixTraffic(
        scale=3.0, truncate_holding=truncate, mean_holding_s=300.0, bit_rates_gbps=(50.0, 100.0)
    )
    trace = trace_from_demands(demands, traffic, plant, seed=2)
    offered_gbps = (trace.holding_s * trace.bit_rate_gbps).sum() / demands.duration_s
    assert offered_gbps == pytest.approx(3.0 * demands.mean_total_gbps, rel=0.02)
    assert (trace.holding_s.max() <= 600.0) == truncate


def test_load_in_erlang_chooses_the_scale(plant):
    demands = two_hours(hours=500.0)
    traffic = MatrixTraffic(load_erlang=40.0, mean_holding_s=300.0, bit_rates_gbps=(50.0, 100.0))
    trace = trace_from_demands(demands, traffic, plant, seed=3)
    assert trace.holding_s.sum() / demands.duration_s == pytest.approx(40.0, rel=0.02)
    # 40 lightpaths of 75 Gb/s on average, for a measured mean of (400 + 1200) / 2 = 800 Gb/s.
    assert scale_for(demands, traffic) == pytest.approx(40.0 * 75.0 / 800.0)


def test_same_seed_same_trace(plant):
    traffic = MatrixTraffic(load_erlang=40.0)
    ids = [trace_from_demands(two_hours(), traffic, plant, seed).id for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_classes_and_rates_are_drawn_in_their_shares(plant):
    classes = (LatencyClass("gold", 1.0, 7.0), LatencyClass("plain", 3.0))
    traffic = MatrixTraffic(
        load_erlang=50.0, mean_holding_s=60.0, classes=classes, bit_rates_gbps=(100.0, 400.0)
    )
    trace = trace_from_demands(two_hours(hours=20.0), traffic, plant, seed=4)
    assert trace.class_names == ("gold", "plain")
    gold = trace.service_class == 0
    error = 4 * np.sqrt(0.25 / trace.num_requests)  # four standard deviations of a share
    assert gold.mean() == pytest.approx(0.25, abs=error)
    assert (trace.bit_rate_gbps == 400).mean() == pytest.approx(0.5, abs=error)
    assert (trace.max_latency_ms[gold] == 7.0).all()
    assert np.isinf(trace.max_latency_ms[~gold]).all()
    assert set(trace.bit_rate_gbps.tolist()) == {100.0, 400.0}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "either scale or load_erlang"),
        ({"scale": 1.0, "load_erlang": 1.0}, "either scale or load_erlang"),
        ({"scale": -1.0}, "scale is -1.0"),
        ({"load_erlang": float("nan")}, "load_erlang is nan"),
        ({"scale": 1.0, "mean_holding_s": 0.0}, "mean_holding_s is 0.0"),
        ({"scale": 1.0, "bit_rates_gbps": ()}, "bit_rates_gbps"),
        ({"scale": 1.0, "bit_rates_gbps": (100.0, -1.0)}, "bit_rates_gbps"),
        ({"scale": 1.0, "classes": ()}, "classes"),
    ],
)
def test_traffic_that_is_none_is_refused(settings, words):
    with pytest.raises(SndlibError, match=words):
        MatrixTraffic(**settings)


def test_too_little_and_too_much_are_refused(plant):
    with pytest.raises(SndlibError, match="no request at scale"):
        trace_from_demands(two_hours(), MatrixTraffic(scale=1e-12), plant, seed=1)
    with pytest.raises(SndlibError, match="lower the scale"):
        trace_from_demands(two_hours(), MatrixTraffic(scale=1e9), plant, seed=1)
    with pytest.raises(SndlibError, match="every demand is 0"):
        trace_from_demands(two_hours((0.0, 0.0)), MatrixTraffic(load_erlang=1.0), plant, seed=1)


def test_nodes_are_found_by_map_by_name_and_by_place():
    demands = two_hours()
    places = np.full((5, 2), np.nan)
    places[4] = 49.6, 10.21  # a stone's throw from E
    renamed = Demands(
        **{**vars(demands), "node_ids": ("A", "bee", "C", "D", "somewhere"), "position_deg": places}
    )
    assert match_nodes(renamed, FIVE, {"bee": "B"}).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(SndlibError, match=r"memory: unknown node 'bee'.*node map"):
        match_nodes(renamed, FIVE)
    with pytest.raises(SndlibError, match="unknown node 'Z'"):
        match_nodes(renamed, FIVE, {"bee": "Z"})
    with pytest.raises(SndlibError, match="no node 'buzz'"):
        match_nodes(renamed, FIVE, {"buzz": "B"})
    with pytest.raises(SndlibError, match="A, bee of the matrices are all 'A'"):
        match_nodes(renamed, FIVE, {"bee": "A"})


@pytest.mark.long
def test_measured_abilene_traffic_becomes_a_trace(shared_data):
    """The real archive, all of it: 14 days of 5-minute matrices, every node found by its place."""
    demands = read_demands(shared_data / "sndlib" / "abilene-5min-20040301-20040314.tgz")
    assert demands.demand_gbps.shape == (4032, 12, 12)
    assert demands.duration_s == 14 * 86400
    abilene = load_topology("abilene")
    assert match_nodes(demands, abilene).tolist() == list(range(12))
    trace = trace_from_demands(demands, MatrixTraffic(load_erlang=100.0), build_plant(abilene), seed=1)
    volume = np.zeros((14, 12, 12))
    day = (trace.arrival_s // 86400).astype(int)
    np.add.at(volume, (day, trace.source, trace.destination), trace.holding_s * trace.bit_rate_gbps)
    measured = demands.demand_gbps.reshape(14, 288, 12, 12).mean(axis=1)
    by_day = [volume.sum(axis=(1, 2)), measured.sum(axis=(1, 2))]
    by_pair = [volume.sum(axis=0).ravel(), measured.sum(axis=0).ravel()]
    assert np.corrcoef(*by_day)[0, 1] > 0.98
    assert np.corrcoef(*by_pair)[0, 1] > 0.98
