"""The published tables: what each channel carries on each path, read and checked.

Files of YiranTeng/DRL-RMBSA (MIT): ``NSFNET_sd_pairs.mat``, ``NSFNET_ksp_node_lists.mat``,
``NSFNET_modulation_table.mat`` and the links in ``NSFNET.txt``. Not here: requests and policies.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

BANDS = {"L": 80, "C": 80, "S": 108}  # channels, in the order of the tables
RATES_UNITS = (1, 2, 4, 10)  # 100, 200, 400, 1000 Gb/s, equally likely
UNIT_GBPS = 100


class ChannelTableError(ValueError):
    """Tables that are missing or do not fit together."""


@dataclass(frozen=True)
class ChannelTables:
    """Paths of every node pair and what every channel carries on them.

    Attributes:
        units: (paths, channels) uint8, units of 100 Gb/s that a channel carries; 0: none. Paths of one pair
            stand together, the shortest first.
        links: for each path its links, as numbers; both directions of a link share its channels.
        paths_per_pair: K.
        band_edges: (bands + 1,) first channel of each band, and the number of channels.
    """

    units: np.ndarray
    links: tuple[tuple[int, ...], ...]
    paths_per_pair: int
    band_edges: tuple[int, ...]

    @property
    def num_pairs(self) -> int:
        """Node pairs."""
        return len(self.links) // self.paths_per_pair

    @property
    def num_links(self) -> int:
        """Links that a path crosses."""
        return 1 + max(max(path) for path in self.links)


def read_tables(folder: Path) -> ChannelTables:
    """The tables of a folder.

    Raises:
        ChannelTableError: a file is missing or no table of its kind; a path crosses a link that is not there;
            the shapes differ.
    """
    links = _links(folder / "NSFNET.txt")
    pairs = _array(folder / "NSFNET_sd_pairs.mat", "sd_pairs")
    lists = _array(folder / "NSFNET_ksp_node_lists.mat", "node_lists")
    table = _array(folder / "NSFNET_modulation_table.mat", "modulation_table")
    edges = (0, *np.cumsum(list(BANDS.values())).tolist())
    if table.ndim != 3 or table.shape[1] != edges[-1] or not len(table) == len(pairs) == len(lists):
        raise ChannelTableError(
            f"{folder}: {len(pairs)} pairs, paths of {len(lists)}, capacities of shape {table.shape}; "
            f"needed are (pairs, {edges[-1]} channels, paths)"
        )
    num_paths = table.shape[2]
    paths: list[tuple[int, ...]] = []
    for row in lists:
        nodes = [[int(node) for node in np.asarray(path).flat] for path in row[0].flat]
        if len(nodes) != num_paths:
            raise ChannelTableError(f"{folder}: {len(nodes)} paths of a pair, capacities of {num_paths}")
        try:
            paths += [tuple(links[frozenset(hop)] for hop in itertools.pairwise(one)) for one in nodes]
        except KeyError as error:
            missing = "-".join(map(str, sorted(error.args[0])))
            raise ChannelTableError(f"{folder}: a path crosses {missing}, no link of NSFNET.txt") from None
    units = np.ascontiguousarray(table.transpose(0, 2, 1).reshape(len(paths), edges[-1]), np.uint8)
    return ChannelTables(units, tuple(paths), num_paths, edges)


def _links(file: Path) -> dict[frozenset[int], int]:
    """Number of each link, by its two nodes."""
    try:
        rows = [line.split() for line in file.read_text().splitlines() if not line.startswith("#")]
        return {frozenset((int(row[0]), int(row[1]))): i for i, row in enumerate(rows[2:])}
    except (OSError, ValueError, IndexError) as error:
        raise ChannelTableError(f"{file}: no list of links: {error}") from None


def _array(file: Path, name: str) -> Any:
    try:
        return scipy.io.loadmat(file)[name]
    except (OSError, KeyError, ValueError) as error:
        raise ChannelTableError(f"{file}: no table {name!r}: {error}") from None
