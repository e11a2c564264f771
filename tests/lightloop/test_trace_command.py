"""``lightloop trace`` as a user and as a script meet it."""

from __future__ import annotations

import doctest
import json

import pytest
from typer.testing import CliRunner

import lightloop.commands.trace as trace_command
from envs.trace import TraceError, read_trace
from lightloop.main import app
from lightloop.output import Refusal

MATRIX = """<?xml version="1.0"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <meta><granularity>60min</granularity><time>20040301-{hour:02}00</time><unit>GBITPERSEC</unit></meta>
 <networkStructure><nodes>{nodes}</nodes></networkStructure>
 <demands>
  <demand id="x"><source>A</source><target>B</target><demandValue>{gbps}</demandValue></demand>
 </demands>
</network>
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)


@pytest.fixture
def matrices(tmp_path):
    folder = tmp_path / "matrices"
    folder.mkdir()
    nodes = "".join(f'<node id="{node}"/>' for node in "ABCDE")
    for hour in range(4):
        text = MATRIX.format(hour=hour, nodes=nodes, gbps=100 * (hour + 1))
        (folder / f"{hour}.xml").write_text(text)
    return folder


def run(*arguments):
    result = CliRunner().invoke(app, ["trace", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_make_follows_a_matrix_of_pair_weights(tmp_path):
    file = tmp_path / "weights.csv"
    file.write_text("0,3,0,0,0\n0,0,1,0,0\n" + "0,0,0,0,0\n" * 3)
    made = ("make", "--scenario", "five-node", "--requests", 2000, "--pair-weights", file, "--json")
    trace = read_trace(json.loads(run(*made).stdout)["file"])
    pairs = list(zip(trace.source.tolist(), trace.destination.tolist(), strict=True))
    assert set(pairs) == {(0, 1), (1, 2)}
    assert pairs.count((0, 1)) / 2000 == pytest.approx(0.75, abs=0.04)  # four standard deviations
    for text, message in (
        ("0,1\n1,0\n", "2 rows of 2 values; 5 of 5"),
        ("0,-1,0,0,0\n" * 5, "column 2: '-1'"),
    ):
        file.write_text(text)
        with pytest.raises(Refusal, match=message):
            run(*made)


def test_make_stores_the_trace_and_tells_about_it(tmp_path):
    told = json.loads(run("make", "--scenario", "five-node", "--requests", 300, "--json").stdout)
    assert told["file"] == str(tmp_path / "home" / "traces" / f"{told['trace_id']}.parquet")
    trace = read_trace(told["file"])
    assert told["num_requests"] == trace.num_requests == 300
    assert told["load_erlang"] == pytest.approx(trace.holding_s.sum() / trace.arrival_s[-1])
    assert sum(item["requests"] for item in told["classes"]) == 300
    assert sum(told["arrivals_per_hour"]) == 300
    none = next(item for item in told["classes"] if item["name"] == "best-effort")
    assert none["least_max_latency_ms"] is None


def test_make_is_repeatable_and_obeys_its_options(tmp_path):
    def make(*options):
        arguments = ("make", "--scenario", "five-node", "--requests", 2000, *options, "--json")
        return json.loads(run(*arguments).stdout)

    first = make()
    assert make()["trace_id"] == first["trace_id"]
    assert make("--seed", 99)["trace_id"] != first["trace_id"]
    assert make("--load", 400)["duration_s"] < 0.2 * first["duration_s"]
    assert "Diurnal" in make("--generator", "diurnal")["origin"]
    assert make("--set", "traffic.bit_rates_gbps=[400]")["requests_by_rate"] == {"400.0": 2000}
    elsewhere = make("--output-folder", tmp_path / "here")
    assert (tmp_path / "here" / f"{elsewhere['trace_id']}.parquet").exists()


def test_show_finds_a_trace_by_id_and_by_file(tmp_path):
    made = json.loads(run("make", "--scenario", "five-node", "--requests", 500, "--json").stdout)
    by_id = json.loads(run("show", made["trace_id"], "--json", "--top", 3).stdout)
    by_file = json.loads(run("show", made["file"], "--json", "--top", 3).stdout)
    assert by_id == by_file
    assert len(by_id["top_pairs"]) == 3
    text = run("show", made["trace_id"]).stdout
    assert made["trace_id"] in text
    assert "Erlang" in text
    assert "█" in text


def test_import_sndlib_follows_the_matrices(matrices):
    told = json.loads(
        run("import-sndlib", matrices, "--topology", "five-node", "--scale", 400, "--json").stdout
    )
    trace = read_trace(told["file"])
    pairs = set(zip(trace.source.tolist(), trace.destination.tolist(), strict=True))
    assert pairs == {(trace.node_names.index("A"), trace.node_names.index("B"))}
    assert told["gaps_bridged"] == 0
    hours = told["arrivals_per_hour"]
    # Demand grows as 1 : 2 : 3 : 4; four standard deviations of each count.
    per_unit = sum(hours) / 10
    for number, count in enumerate(hours, start=1):
        assert abs(count - number * per_unit) < 4 * (number * per_unit) ** 0.5
    again = run("import-sndlib", matrices, "--topology", "five-node", "--scale", 400, "--json")
    assert json.loads(again.stdout)["trace_id"] == told["trace_id"]


def test_import_sndlib_obeys_its_options(matrices):
    told = json.loads(
        run(
            *("import-sndlib", matrices, "--topology", "five-node", "--load", 3000, "--mean-holding-s", 60),
            *(
                "--bit-rate",
                400,
                "--class",
                "gold:1:20",
                "--class",
                "std:3:-",
                "--max-intervals",
                2,
                "--json",
            ),
        ).stdout
    )
    assert told["requests_by_rate"].keys() == {"400.0"}
    assert [item["name"] for item in told["classes"]] == ["gold", "std"]
    assert told["load_erlang"] == pytest.approx(3000, rel=0.03)
    assert told["duration_s"] <= 7200
    assert told["mean_holding_s"] < 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--scale"),
        (["--scale", "1", "--load", "1"], "--scale"),
        (["--scale", "400", "--class", "gold"], "'gold'.*NAME:SHARE:MAX_MS"),
        (["--scale", "400", "--class", "gold:0:5"], "share above 0"),
        (["--scale", "400", "--node", "A"], "'A'.*MATRIX_NODE=PLANT_NODE"),
        (["--scale", "400", "--first-day", "9"], "no matrix from day 9"),
        (["--scale", "400", "--topology", "nsfnet"], "unknown node 'A'.*nsfnet"),
    ],
)
def test_import_sndlib_refusals_say_the_remedy(matrices, tmp_path, options, words):
    topology = [] if "--topology" in options else ["--topology", "five-node"]
    with pytest.raises((Refusal, TraceError), match=words):
        run("import-sndlib", matrices, *topology, *options)
    assert not (tmp_path / "home" / "traces").exists()


def test_show_refuses_what_is_no_trace(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"hello")
    with pytest.raises(TraceError, match="not a readable parquet file"):
        run("show", tmp_path / "a.parquet", "--json")
    with pytest.raises(TraceError, match="no trace 0123456789abcdef"):
        run("show", "0123456789abcdef", "--json")


def test_examples_in_docstrings_hold():
    outcome = doctest.testmod(trace_command)
    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize("command", ["make", "import-sndlib", "show"])
def test_help_teaches_with_examples(command):
    text = run(command, "--help").stdout
    assert "Examples" in text
    assert f"lightloop trace {command}" in text
