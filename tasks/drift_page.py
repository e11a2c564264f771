"""The page of an alarm that people read, made by Evidently. It decides nothing: ``drift_test.py`` does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.offered import Offered
from tasks.traffic_reference import Cells, TrafficReference

ROWS = 5000  # that stand for the reference


def drift_page(reference: TrafficReference, offered: Offered) -> str:
    """Requests beside the reference's, column by column, as HTML."""
    from evidently import DataDefinition, Dataset, Report  # 3 s to import
    from evidently.presets import DataDriftPreset

    frames = _of_reference(reference), _of_requests(reference, offered)
    shared = [name for name in frames[0] if name in frames[1]]
    definition = DataDefinition(categorical_columns=shared)
    stored, seen = (Dataset.from_pandas(frame[shared], data_definition=definition) for frame in frames)
    snapshot = Report([DataDriftPreset(method="psi")]).run(seen, stored)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drift.html"
        snapshot.save_html(str(file))
        return file.read_text()


def _of_reference(reference: TrafficReference) -> pd.DataFrame:
    """``ROWS`` rows with the reference's shares; the columns are not joined, only each is right."""
    columns = {
        "node pair": (_pair_names(reference), reference.pairs.counts),
        "bit rate": (_cell_names(reference.bit_rate_cells, "Gb/s"), reference.bit_rates.counts),
        "latency bound": (_cell_names(reference.bound_cells, "ms"), reference.bounds.counts),
        "service class": ((*reference.class_names, "other"), reference.classes.counts),
    }
    ranks = (np.arange(ROWS) + 0.5) / ROWS
    drawn = {}
    for name, (labels, counts) in columns.items():
        upto = np.cumsum(counts) / np.sum(counts)
        drawn[name] = np.array(labels)[np.minimum(np.searchsorted(upto, ranks), len(labels) - 1)]
    return pd.DataFrame(drawn)


def _of_requests(reference: TrafficReference, offered: Offered) -> pd.DataFrame:
    pair = offered.source * len(reference.node_names) + offered.destination
    rate_names = np.array(_cell_names(reference.bit_rate_cells, "Gb/s"))
    bound_names = np.array(_cell_names(reference.bound_cells, "ms"))
    columns = {
        "node pair": np.array(_pair_names(reference))[pair],
        "bit rate": rate_names[reference.bit_rate_cells.index(offered.bit_rate_gbps)],
        "latency bound": bound_names[reference.bound_cells.index(offered.max_latency_ms)],
    }
    if offered.service_class is not None:
        names = [name if name in reference.class_names else "other" for name in offered.class_names]
        names.append("none named")  # of index -1
        columns["service class"] = np.array(names)[offered.service_class]
    return pd.DataFrame(columns)


def _pair_names(reference: TrafficReference) -> tuple[str, ...]:
    nodes = reference.node_names
    return tuple(f"{source} to {destination}" for source in nodes for destination in nodes)


def _cell_names(cells: Cells, unit: str) -> tuple[str, ...]:
    if cells.is_exact:
        return (*(f"{value:g} {unit}" for value in cells.edges), "another", "none")
    bins = (f"{low:g} to {high:g} {unit}" for low, high in zip(cells.edges, cells.edges[1:], strict=False))
    return ("less", *bins, "more", "none")
