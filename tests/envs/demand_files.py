"""Demand matrices as files, for tests: SNDlib's XML and native text, TOTEM's XML, folders and archives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path


def matrix_xml(time="20040301-0000", demands=(("A", "B", "100"),), nodes="ABCDE", **changes) -> str:
    meta = {"granularity": "5min", "time": time, "unit": "MBITPERSEC", "origin": "a test"} | changes
    meta_lines = "".join(f"<{key}>{value}</{key}>" for key, value in meta.items() if value is not None)
    node_lines = "".join(
        f'<node id="{node}"><coordinates><x>{index}</x><y>50</y></coordinates></node>'
        for index, node in enumerate(nodes)
    )
    demand_lines = "".join(
        f'<demand id="{a}_{b}"><source>{a}</source><target>{b}</target>'
        f"<demandValue> {value} </demandValue></demand>"
        for a, b, value in demands
    )
    return (
        '<?xml version="1.0"?><network xmlns="http://sndlib.zib.de/network" version="1.0">'
        f"<meta>{meta_lines}</meta><networkStructure>"
        f'<nodes coordinatesType="geographical">{node_lines}</nodes>'
        f"<links/></networkStructure><demands>{demand_lines}</demands></network>"
    )


NATIVE = """?SNDlib native format; type: network; version: 1.0
# a comment
META (
  granularity = 5min
  time = 20040301-0005
  unit = MBITPERSEC
)
NODES (
  A ( 0.0 50.0 )
  B ( 1.0 50.0 )
  C ( 2.0 50.0 )
)
LINKS (
)
DEMANDS (
  A_B ( A B ) 1 100.0 UNLIMITED
  C_A ( C A ) 2 25.0 UNLIMITED
)
"""


def totem_xml(*demands: tuple[str, str, float], unit: str = "kbps") -> str:
    lines = "".join(f'<src id="{a}"><dst id="{b}">{value}</dst></src>' for a, b, value in demands)
    units = f'<units><unit type="bandwidth" value="{unit}"/></units>' if unit else ""
    return f'<TrafficMatrixFile><info>{units}</info><IntraTM ASID="1">{lines}</IntraTM></TrafficMatrixFile>'


def write_folder(tmp_path: Path, *documents: str) -> Path:
    folder = tmp_path / "matrices"
    folder.mkdir(parents=True, exist_ok=True)
    for index, document in enumerate(documents):
        (folder / f"m{index:03}.xml").write_text(document, encoding="utf-8")
    return folder


def write_tar(file: Path, members: dict[str, str], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return file
