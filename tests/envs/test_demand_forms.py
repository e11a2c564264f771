"""Native text and TOTEM's XML tell what the XML form tells; faults are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.demand_forms import SndlibError
from envs.sndlib_files import read_demands
from tests.envs.demand_files import NATIVE, matrix_xml, totem_xml, write_folder, write_tar


def test_native_text_and_xml_tell_the_same(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path, matrix_xml("20040301-0000", (("A", "B", "100"), ("C", "A", "50")), nodes="CAB")
    )
    (folder / "later.txt").write_text(NATIVE)
    (folder / "README.txt").write_text("These matrices were measured.")

    demands = read_demands(folder)

    assert demands.node_ids == ("A", "B", "C")
    assert demands.start_s.tolist() == [0, 300]
    assert demands.demand_gbps[0].tolist() == demands.demand_gbps[1].tolist()
    assert demands.demand_gbps[1].sum() == pytest.approx(0.15)
    alone = read_demands(folder / "later.txt")
    assert alone.position_deg.tolist() == [[50, 0], [50, 1], [50, 2]]


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("A_B ( A B ) 1 100.0", "A_B ( A X ) 1 100.0", "line 16: demand 'A_B': unknown node 'X' as target"),
        ("1 100.0", "1 -1.0", "line 16: demand 'A_B': demandValue is -1.0"),
        ("1 100.0 UNLIMITED", "", "line 16: .*'demand \\( source target \\) unit value ...' is needed"),
        ("MBITPERSEC", "PARSEC", "unit PARSEC; known"),
        ("A ( 0.0 50.0 )", "B ( 0.0 50.0 )", "node id 'B' is missing or given twice"),
    ],
)
def test_native_text_with_a_fault_is_refused_with_its_line(
    line: str, instead: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "matrix.txt"
    file.write_text(NATIVE.replace(line, instead))

    with pytest.raises(SndlibError, match=message):
        read_demands(file)


def test_an_archive_of_totem_has_its_times_in_the_names_and_every_site_once(tmp_path: Path) -> None:
    folder = "traffic-matrices/IntraTM-2005-01-0"
    archive = write_tar(
        tmp_path / "totem.tgz",
        {
            "topology-anonymised.xml": "<domain><topology/></domain>",
            f"{folder}1-00-30.xml": totem_xml(("12", "13", 25871.5), ("12", "12", 9.0)),
            f"{folder}1-00-45.xml": totem_xml(("13", "2", 1e6)),
        },
    )

    demands = read_demands(archive)

    assert (demands.node_ids, demands.first_time) == (("2", "12", "13"), "200501010030")
    assert demands.interval_s.tolist() == [900, 900]
    assert demands.demand_gbps[0].nonzero() == ([1], [2])
    assert demands.demand_gbps[0, 1, 2] == pytest.approx(25871.5e-6)
    assert demands.demand_gbps[1, 2, 0] == pytest.approx(1.0)


def test_totem_without_a_unit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "IntraTM-2005-01-01-00-30.xml"
    file.write_text(totem_xml(("12", "13", 1.0), unit=""))

    with pytest.raises(SndlibError, match=r"unit \(none\)"):
        read_demands(file)
