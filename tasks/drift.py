"""Whether the requests of today still come as those the champion learned from: the look, and its report.

Compared is what comes from outside, never what an agent chose, so a promotion or a network that fills is no
drift. Not here: the test itself (``drift_test.py``), what is done about drift (``flows/drift_monitor.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.decorate import as_task
from tasks.drift_page import drift_page
from tasks.drift_source import Twin, failed_links, offered_requests
from tasks.drift_state import DriftState, read_state, write_regret, write_state
from tasks.drift_test import BLOCKING, SHARE_MOVED, ColumnEvidence, Evidence, evidence
from tasks.events import announce
from tasks.limits import DriftLimits
from tasks.offered import Offered
from tasks.operation.store import Record
from tasks.regret import Regret
from tasks.traffic_reference import TrafficReference, read_reference

DRIFT_EVENT = "lightloop.drift.detected"


@dataclass(frozen=True)
class DriftReport:
    """What a look says.

    Attributes:
        has_drifted: an alarm.
        num_requests: of the window so far.
        from_s, to_s: when the first and the last of them came in, since 1970-01-01 UTC; NaN without any.
        since_s: likewise, the first of those that show the change most plainly.
        log_e: natural logarithm of the evidence; 0 where nothing was judged.
        threshold_log_e: at which it is an alarm.
        columns: each column's evidence, the greatest first.
        drifted_columns: whose own evidence is past the threshold.
        summary: for people.
        html: Evidently's page; empty without an alarm.
        regret: where it was worked out.
    """

    has_drifted: bool
    num_requests: int
    from_s: float
    to_s: float
    since_s: float
    log_e: float
    threshold_log_e: float
    columns: tuple[ColumnEvidence, ...]
    drifted_columns: tuple[str, ...]
    summary: str
    html: str = ""
    regret: Regret | None = None

    def to_json(self) -> dict[str, Any]:
        """The stored form, and what ``lightloop drift check --json`` prints."""
        return {
            "drifted": self.has_drifted,
            "requests": self.num_requests,
            "window": None if math.isnan(self.from_s) else {"from": _utc(self.from_s), "to": _utc(self.to_s)},
            "log_e": self.log_e,
            "threshold_log_e": self.threshold_log_e,
            "columns": {
                column.name: {
                    "drifted": column.name in self.drifted_columns,
                    "log_e": column.log_e,
                    "measure": column.measure,
                    "seen": column.seen,
                    "ordinary": column.ordinary,
                }
                for column in self.columns
            },
            "summary": self.summary,
            "regret": None if self.regret is None else self.regret.row(),
        }


@dataclass(frozen=True)
class DriftLook:
    """A report, and what to remember once it has been acted upon."""

    report: DriftReport
    state: DriftState | None  # None: nothing has been seen yet


def detect_drift(
    record: Record, reference_file: Path, state_file: Path, limits: DriftLimits, twin: Twin | None = None
) -> DriftLook:
    """A look at the requests since the last alarm, or since the present window began.

    Args:
        record: the operation record, brought up to date.
        reference_file: the traffic that the champion learned from.
        state_file: what earlier looks remembered. Nothing is written: see ``remember``.
        limits: what counts as drift.
        twin: with the champion; None: blocking is not compared.

    Raises:
        ReferenceError: no traffic reference, or one of another network.
    """
    reference, state = read_reference(reference_file), read_state(state_file)
    if state is not None and state.reference_id != reference.id:
        # Another champion has another reference: nothing that the old one was judged by counts for it.
        state = replace(state, reference_id=reference.id, begins_after_s=state.looked_until_s, pass_over=0)
    after_s, told = (None, ()) if state is None else (state.begins_after_s, state.told_links)
    offered = offered_requests(record, reference, after_s, limits.window_requests, twin, told)
    look = look_at(reference, offered, state, limits)
    if look.state is None:
        return look
    down = failed_links(record)
    if BLOCKING not in look.report.drifted_columns:  # a link is told of once, and again when it fails again
        down = tuple(link for link in down if link in told)
    return replace(look, state=replace(look.state, told_links=down))


def look_at(
    reference: TrafficReference, offered: Offered | None, state: DriftState | None, limits: DriftLimits
) -> DriftLook:
    """A look at requests; window after window, until one raises an alarm or they are used up.

    Args:
        reference: the traffic that the champion learned from.
        offered: requests since the state's window began; None: there were none.
        state: of the look before; None at the first.
        limits: what counts as drift.
    """
    rest = None if offered is None else offered.rows(state.pass_over if state else 0)
    if rest is None or not rest.num_requests:
        return DriftLook(_too_few(None, limits), state)
    if state is None:
        before_s = math.nextafter(float(rest.arrival_s[0]), -math.inf)
        state = DriftState(reference.id, before_s, 0, before_s)
    while True:
        window = rest.rows(0, limits.window_requests)
        until_s = float(window.arrival_s[-1])
        if window.num_requests < limits.min_requests:
            return DriftLook(_too_few(window, limits), replace(state, looked_until_s=until_s))
        told = window.at_speed(limits.clock_speed)
        found = evidence(reference, told, limits.window_requests, limits.tolerance, limits.columns)
        report = _report(found, window, limits)
        if report.has_drifted:
            page = drift_page(reference, window.rows(found.since_request))
            after = replace(
                state,
                begins_after_s=until_s,
                pass_over=limits.cool_down_requests,
                looked_until_s=until_s,
            )
            return DriftLook(replace(report, html=page), after)
        if window.num_requests < limits.window_requests:
            return DriftLook(report, replace(state, looked_until_s=until_s))
        state = replace(state, begins_after_s=until_s, pass_over=0, looked_until_s=until_s)
        rest = rest.rows(limits.window_requests)
        if not rest.num_requests:
            return DriftLook(report, state)


def remember(state_file: Path, look: DriftLook) -> None:
    """Store what a look has used up, once it has been acted upon, and the regret where it was worked out."""
    if look.report.regret is not None:
        write_regret(state_file, look.report.regret)
    if look.state is not None:
        write_state(state_file, look.state)


def announce_drift(
    report: DriftReport, scenario: str, model_version: str, run_id: str, window_id: str, trace_id: str
) -> str:
    """The id of the emitted event ``lightloop.drift.detected``; it starts the training flow on the window."""
    document = report.to_json()
    payload = {
        "reason": report.summary,
        "columns": list(report.drifted_columns),
        "num_requests": report.num_requests,
        "window": document["window"],
        "window_id": window_id,
        "trace_id": trace_id,
        "evidence": {"log_e": report.log_e, "threshold_log_e": report.threshold_log_e},
        "regret": document["regret"],
        "model_version": model_version,
        "report_run_id": run_id,
    }
    return announce(DRIFT_EVENT, scenario, payload)


def _report(found: Evidence, window: Offered, limits: DriftLimits) -> DriftReport:
    threshold, drifted = -math.log(limits.false_alarm_rate), found.drifted(limits.false_alarm_rate)
    ranked = tuple(sorted(found.columns, key=lambda column: -column.log_e))
    has_drifted = found.is_alarm(limits.false_alarm_rate)
    said = f"over {found.num_requests:,} requests"
    if has_drifted:
        what = ", ".join(_in_words(column) for column in ranked if column.name in drifted)
        summary = f"{what or 'several columns together'}; {said}, most plainly in the last "
        summary += f"{found.num_requests - found.since_request:,}"
    else:
        summary = f"traffic as the champion learned from, {said}; the likeliest change: {ranked[0].name}"
    return DriftReport(
        has_drifted=has_drifted,
        num_requests=found.num_requests,
        from_s=float(window.arrival_s[0]),
        to_s=float(window.arrival_s[-1]),
        since_s=float(window.arrival_s[min(found.since_request, window.num_requests - 1)]),
        log_e=found.log_e,
        threshold_log_e=threshold,
        columns=ranked,
        drifted_columns=drifted,
        summary=summary,
    )


def _in_words(column: ColumnEvidence) -> str:
    if column.measure == SHARE_MOVED:
        return f"{column.name}: {column.seen:.1%} of the requests moved, {column.ordinary:.1%} is ordinary"
    return f"{column.name}: {column.seen:.2f} {column.measure}"


def _too_few(window: Offered | None, limits: DriftLimits) -> DriftReport:
    count = 0 if window is None else window.num_requests
    summary = f"{count} requests since the last window; {limits.min_requests} are needed to judge"
    from_s, to_s = (math.nan, math.nan)
    if window is not None:
        from_s, to_s = float(window.arrival_s[0]), float(window.arrival_s[-1])
    threshold = -math.log(limits.false_alarm_rate)
    return DriftReport(False, count, from_s, to_s, from_s, 0.0, threshold, (), (), summary)


def _utc(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")


remember_task = as_task(remember, "remember")
announce_drift_task = as_task(announce_drift, "announce drift", retries=2, timeout_s=60)
