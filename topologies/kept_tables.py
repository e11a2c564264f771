"""Path tables kept on disk: on a network of 100 nodes one takes a minute to find and a moment to read.

A file is named by a hash of all that decides what is in it: network, rule, the code that looks for paths and
the library that it uses. Its first line is a hash of the rest, so one that is damaged is found out and made
anew. Small tables are found as fast as they are read, and are not kept. Not here: looking for paths
(``paths.py``), where caches are (``cache_folders.py``).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import networkx as nx
import numpy as np

from topologies import paths
from topologies.cache_folders import cache_folder
from topologies.model import Topology
from topologies.paths import PATH_TABLE_VERSION, PathRule, PathTable, build_path_table

_logger = logging.getLogger(__name__)
FOLDER = "path-tables"
LEAST_KEPT = 5000  # paths; found in less than a second where there are fewer
_ARRAYS = ("first_path", "path_nodes", "path_links", "path_hops", "path_length_km")


class _DamagedError(ValueError):
    """A file that is not what was written."""


def path_table(topology: Topology, rule: PathRule | None = None) -> PathTable:
    """``build_path_table``, read from disk where it was found before: the same bits.

    Raises:
        TopologyError: ``k`` below 1.
    """
    rule = rule or PathRule()
    if topology.num_nodes * (topology.num_nodes - 1) * rule.k < LEAST_KEPT:
        return build_path_table(topology, rule)
    try:
        file = cache_folder(FOLDER) / f"{_key(topology, rule)}.paths"
    except OSError as error:
        _logger.warning("path tables are not kept, and are looked for at every start: %s", error)
        return build_path_table(topology, rule)
    try:
        return _read(file, topology, rule)
    except FileNotFoundError:
        _logger.info("looking for the %d best paths of every node pair of %s", rule.k, topology.name)
    except (_DamagedError, OSError) as error:
        _logger.warning("%s is damaged and made anew: %s", file, error)
    table = build_path_table(topology, rule)
    try:
        _write(file, table)
    except OSError as error:
        _logger.warning("the path table of %s is not kept: %s", topology.name, error)
    return table


def _key(topology: Topology, rule: PathRule) -> str:
    """32 hex digits over what decides the table."""
    digest = hashlib.sha256(Path(paths.__file__).read_bytes())
    about = asdict(rule) | {
        "topology": topology.content_hash,
        "version": PATH_TABLE_VERSION,
        "networkx": nx.__version__,
        "numpy": np.__version__,
    }
    digest.update(json.dumps(about, sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _write(file: Path, table: PathTable) -> None:
    """Write a file aside, then rename it: another process sees all of it or nothing."""
    content = io.BytesIO()
    np.savez_compressed(content, **{name: getattr(table, name) for name in _ARRAYS})
    body = content.getvalue()
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".tmp", delete=False) as stream:
        try:
            stream.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            stream.close()
            os.replace(stream.name, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(stream.name)
            raise


def _read(file: Path, topology: Topology, rule: PathRule) -> PathTable:
    """The table in a file.

    Raises:
        FileNotFoundError: it has not been written yet.
        _DamagedError: it is not as it was written.
    """
    told, _, body = file.read_bytes().partition(b"\n")
    if told.decode(errors="replace") != hashlib.sha256(body).hexdigest():
        raise _DamagedError("its content has another hash than its first line says")
    with np.load(io.BytesIO(body), allow_pickle=False) as content:
        arrays = {name: content[name] for name in _ARRAYS}
    return PathTable(rule=rule, topology_hash=topology.content_hash, num_nodes=topology.num_nodes, **arrays)
