"""``lightloop topologies`` as a user and as a script meet it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from lightloop.main import app
from lightloop.output import Refusal
from topologies.catalogue import load_topology, topology_names
from topologies.errors import TopologyError

CSV = "# two: 2 nodes. Source: A Paper\nnode,0,x,0,0\nnode,1,y,0,1\nlink,0,1,120\n"


def run(*arguments):
    result = CliRunner().invoke(app, ["topologies", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list_names_every_network_with_its_source():
    rows = json.loads(run("list", "--json").stdout)["topologies"]
    assert [row["name"] for row in rows] == topology_names()
    assert all(row["source"] for row in rows)
    nsfnet = next(row for row in rows if row["name"] == "nsfnet")
    assert (nsfnet["num_nodes"], nsfnet["num_fibres"], nsfnet["total_km"]) == (14, 22, 21300)
    assert "nsfnet" in run("list").stdout


def test_show_gives_nodes_links_and_a_picture(tmp_path):
    picture = tmp_path / "five.svg"
    shown = json.loads(run("show", "five-node", "--output", str(picture), "--path", "A,C,D", "--json").stdout)
    assert [node["name"] for node in shown["nodes"]] == list("ABCDE")
    assert [node["degree"] for node in shown["nodes"]] == [3, 3, 3, 3, 2]
    assert shown["fibres"][0] == {"node_a": "A", "node_b": "B", "length_km": 250.0}
    assert shown["hash"] == load_topology("five-node").content_hash
    # The farthest pair: C to E, by D 550 km; B to D has a link of 500 km.
    assert (shown["diameter_hops"], shown["diameter_km"]) == (2, 550.0)
    assert shown["picture"] == str(picture)
    assert "A – C – D, 700 km" in picture.read_text(encoding="utf-8")
    assert "A 250" in run("show", "five-node").stdout


def test_import_writes_the_catalogue_form(tmp_path):
    file, output = tmp_path / "two.csv", tmp_path / "two.json"
    file.write_text(CSV)
    told = json.loads(run("import", str(file), "--output", str(output), "--name", "pair", "--json").stdout)
    assert told["file"] == str(output)
    topology = load_topology(output)
    assert (topology.name, topology.source) == ("pair", "A Paper.")
    assert topology.fibres[0].length_km == 120


def test_import_replaces_a_file_only_when_told_to(tmp_path):
    file, output = tmp_path / "two.csv", tmp_path / "two.json"
    file.write_text(CSV)
    output.write_text("precious")
    with pytest.raises(Refusal, match="--force"):
        run("import", str(file), "--output", str(output))
    assert output.read_text() == "precious"
    run("import", str(file), "--output", str(output), "--force")
    assert load_topology(output).name == "two"


def test_a_refused_file_writes_nothing(tmp_path):
    file, output = tmp_path / "two.csv", tmp_path / "two.json"
    file.write_text(CSV + "link,1,0,5\n")
    with pytest.raises(TopologyError, match="given twice"):
        run("import", str(file), "--output", str(output))
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "a.csv", "--output", "a.txt"], ".json"),
        (["show", "nsfnet", "--path", "WA,IL"], "--output"),
        (["show", "nsfnet", "--output", "a.gif"], ".png or .svg"),
    ],
)
def test_refusals_say_the_remedy(arguments, words):
    with pytest.raises((Refusal, TopologyError), match=words):
        run(*arguments)


def test_a_refusal_is_one_line_on_stderr_and_a_status():
    command = "import sys; from lightloop.main import main; sys.argv = ['lightloop', *sys.argv[1:]]; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "topologies", "show", "nowhere", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("lightloop: unknown topology 'nowhere'; known: abilene")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["list", "show", "import", "export"])
def test_help_teaches_with_examples(command):
    text = run(command, "--help").stdout
    assert "Examples" in text
    assert f"lightloop topologies {command}" in text


def test_a_folder_is_read_and_counted_and_what_was_read_is_written(tmp_path):
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "good.csv").write_text("node,0,a,1,1\nnode,1,b,2,2\nlink,0,1,200\n", encoding="utf-8")
    (folder / "twice.csv").write_text(
        "node,0,a,1,1\nnode,1,b,2,2\nlink,0,1,5\nlink,1,0,4\n", encoding="utf-8"
    )
    (folder / "bad.csv").write_text("hello\n", encoding="utf-8")
    (folder / "notes.md").write_text("not a network", encoding="utf-8")
    document = json.loads(run("import", str(folder), "--json").stdout)
    assert (document["read"], document["repaired"]) == (1, 0)
    assert document["refused"] == {"parallel links": 1, "not readable as a network": 1}
    written = tmp_path / "out"
    arguments = ("import", str(folder), "--repair", "--output", str(written), "--json")
    document = json.loads(run(*arguments).stdout)
    assert (document["read"], document["repaired"]) == (2, 1)
    assert document["refused"] == {"not readable as a network": 1}
    assert load_topology(written / "twice.json").fibres[0].length_km == 4
    assert "2 read, 1 of them repaired; 1 refused" in run("import", str(folder), "--repair").stdout


def test_names_with_brackets_are_printed_as_they_are(tmp_path):
    file = tmp_path / "brackets.csv"
    file.write_text("node,0,A [lab],1,1\nnode,1,[red]C,2,2\nlink,0,1,200\n", encoding="utf-8")
    text = run("show", str(file)).stdout
    assert "A [lab]" in text
    assert "[red]C" in text


@pytest.mark.parametrize("name", ["nsfnet", "jpn48"])
@pytest.mark.parametrize("suffix", ["graphml", "json"])
def test_what_is_exported_reads_back_equal(tmp_path, name, suffix):
    file = tmp_path / f"{name}.{suffix}"
    run("export", name, "--output", str(file))
    ours, back = load_topology(name), load_topology(file)
    assert (back.nodes, back.fibres) == (ours.nodes, ours.fibres)
    with pytest.raises(Refusal, match="--force"):
        run("export", name, "--output", str(file))
    with pytest.raises(Refusal, match=r"\.graphml or \.json"):
        run("export", name, "--output", str(tmp_path / "x.xml"))
