"""Files of the kinds that people bring, with what is right for each; they are not shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from topologies.errors import TopologyError
from topologies.importers import read_topology
from topologies.importers.draft import ImportOptions

READ = {  # file, options: nodes, fibre pairs, total km, a word of the repairs
    ("unplaced_leaf.graphml", "repair"): (3, 2, 263.562, "placed at the mean of their neighbours: 2"),
    ("unplaced_leaf.graphml", "leave_out_unplaced"): (2, 1, 131.781, "left out"),
    ("parallel.graphml", "repair"): (3, 2, 263.0, "2 parallel links 'A'-'B' are one"),
    ("half_directed.graphml", "repair"): (3, 2, 200.0, "'B'-'C' was given one way"),
    ("brackets.graphml", ""): (3, 3, 485.0, ""),
    ("gnpy_fused_before_trx.json", ""): (3, 2, 140.0, ""),
    ("topologybench/edges_X.csv", ""): (2, 1, 515.0, ""),
    ("topologybench/nodes_X.csv", ""): (2, 1, 515.0, ""),
}
REFUSED = {  # file: what its message has to say
    "unplaced_leaf.graphml": ("no coordinates of '2'", "--repair", "--default-km", "--leave-out-unplaced"),
    "parallel.graphml": ("'A'-'B': is given twice", "--repair"),
    "half_directed.graphml": ("the direction 'C' to 'B' is missing", "--repair"),
    "length_m.graphml": ("2 faults", "100,000 km is beyond half the earth", "--length-unit"),
    "weight.graphml": ("2 faults", "--length weight"),
    "nodelink.json": ("2 faults", "no coordinates of '0'", "--default-km"),
    "gnpy_yang.json": ("GNPy network: element number 1: uid or type is missing",),
}


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    folder = shared_data.parent / "cases" / "topology"
    if not folder.is_dir():
        pytest.skip(f"no cases in {folder}")
    return folder


@pytest.mark.parametrize(("file", "option"), READ)
def test_a_case_is_read(cases: Path, file: str, option: str) -> None:
    imported = read_topology(cases / file, ImportOptions(**{option: True} if option else {}))
    nodes, fibres, total_km, repair = READ[file, option]

    assert (imported.topology.num_nodes, len(imported.topology.fibres)) == (nodes, fibres)
    assert sum(fibre.length_km for fibre in imported.topology.fibres) == pytest.approx(total_km, abs=0.6)
    assert repair in " ".join(imported.repairs)


@pytest.mark.parametrize("file", REFUSED)
def test_a_case_is_refused_with_its_cure(cases: Path, file: str) -> None:
    with pytest.raises(TopologyError) as refused:
        read_topology(cases / file, ImportOptions())

    assert [word for word in REFUSED[file] if word not in str(refused.value)] == []
