"""Reads how much each node pair asks for, as a matrix of numbers in a CSV file (XLRON and others).

Row and column are nodes in the order of the topology. Not here: requests drawn by it (``envs.traffic``).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from lightloop.output import Refusal


def read_pair_weights(file: Path, num_nodes: int) -> np.ndarray:
    """(num_nodes, num_nodes) float64 relative demand, as ``PoissonTraffic`` takes it.

    Raises:
        Refusal: no such file, another size than the topology's, or a value that is no number of 0 and more.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    sizes = {len(row) for row in rows}
    if len(rows) != num_nodes or sizes != {num_nodes}:
        columns = " or ".join(map(str, sorted(sizes))) or "0"
        raise Refusal(
            f"{file}: {len(rows)} rows of {columns} values; {num_nodes} of {num_nodes} are needed, "
            "one for each node of the topology, in its order"
        )
    weights = np.zeros((num_nodes, num_nodes))
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            weights[i, j] = _weight(text, f"{file}: row {i + 1}, column {j + 1}")
    return weights


def _weight(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Refusal(f"{where}: {text!r}; a number of 0 and more is needed")
    return value
