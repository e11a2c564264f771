"""Where the requests of a running network come from when drift is looked for: one function, no more.

The PCE's decision log. A request counts once, when it was first asked; a restoration is no request. The log
does not know when services end. Not here: the log's files (``decisions.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.decisions import read_decision_log, read_decisions_after
from tasks.offered import Offered
from tasks.traffic_reference import ReferenceError, TrafficReference

CREATE = "create"  # the cause of a decision on a new service
ANY_CLASS = "any"  # of a service whose client names no class


def offered_requests(
    decisions_folder: Path, reference: TrafficReference, after_s: float | None, at_most: int
) -> Offered | None:
    """Requests that came in after a time, in order of arrival; None where there was none.

    Args:
        decisions_folder: the decision log.
        reference: whose nodes they are told by.
        after_s: since 1970-01-01 UTC; None: the last ``at_most`` requests of the log.
        at_most: see ``after_s``.

    Raises:
        ReferenceError: a request from or to a node that the reference does not know.
    """
    if after_s is None:
        rows = read_decision_log(decisions_folder, at_most)
    else:
        rows = read_decisions_after(decisions_folder, after_s)
    rows = _first_asked(rows)
    if not len(rows):
        return None
    index = {name: number for number, name in enumerate(reference.node_names)}
    unknown = sorted({*rows["source"], *rows["destination"]} - index.keys())
    if unknown:
        raise ReferenceError(
            f"{decisions_folder}: a request names node {unknown[0]!r}; the champion's traffic knows "
            f"{', '.join(reference.node_names)}. Drift is told for the champion's own network only"
        )
    return Offered(
        arrival_s=rows["time_s"].to_numpy(np.float64),
        source=rows["source"].map(index).to_numpy(np.int64),
        destination=rows["destination"].map(index).to_numpy(np.int64),
        bit_rate_gbps=rows["bit_rate_gbps"].to_numpy(np.float64),
        max_latency_ms=rows["max_latency_ms"].astype("float64").fillna(np.inf).to_numpy(),
        node_names=reference.node_names,
        **_classes(rows),
    )


def _first_asked(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each request; rows of earlier versions of the log name neither service nor cause."""
    if "cause" in rows:
        rows = rows[rows["cause"].isna() | (rows["cause"] == CREATE)]
    if "service_uuid" in rows:
        rows = rows[rows["service_uuid"].isna() | ~rows["service_uuid"].duplicated()]
    return rows


def _classes(rows: pd.DataFrame) -> dict[str, Any]:
    """The columns of ``Offered`` that tell service classes; none where a request names none."""
    if "service_class" not in rows or rows["service_class"].isin([None, "", ANY_CLASS]).any():
        return {}
    codes, names = pd.factorize(rows["service_class"])
    return {"class_names": tuple(map(str, names)), "service_class": codes.astype(np.int64)}
