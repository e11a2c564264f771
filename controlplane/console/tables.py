"""The table of services and the list of decisions. Not here: what is in their rows (``viewmodel.py``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from controlplane.console import viewmodel
from controlplane.console.live_table import LiveTable
from controlplane.console.palette import SERVICES
from controlplane.console.panels import box, text
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot

_SERVICE_ROW = """
<q-tr :props="props" :class="{chosen: props.row.selected}" data-testid="service-row"
      :data-service="props.row.uuid" tabindex="0" @click="$emit('act', 'pick', props.row.uuid)"
      @keyup.enter.self="$emit('act', 'pick', props.row.uuid)">
  <q-td key="pair" :props="props" class="rest"><span class="swatch"
    :style="{background: props.row.swatch}"></span><span class="name">{{ props.row.pair }}</span>
    <q-tooltip anchor="top start" self="bottom start" :delay="400">{{
    props.row.about }}</q-tooltip></q-td>
  <q-td key="rate" :props="props">{{ props.row.rate_text }}</q-td>
  <q-td key="first_slot" :props="props" class="quiet">{{ props.row.slots }}</q-td>
  <q-td key="modulation" :props="props"><span class="tag">{{ props.row.short_modulation }}</span></q-td>
  <q-td key="gsnr" :props="props">{{ props.row.gsnr_text }}</q-td>
  <q-td key="power" :props="props">{{ props.row.power_text }}</q-td>
  <q-td key="latency" :props="props">{{ props.row.latency_text }}</q-td>
  <q-td key="decided_by" :props="props" class="quiet"><span
    :class="['mark', props.row.decided_by]"></span><span
    v-if="props.row.gsnr === null && props.row.power === null">{{ props.row.decided_by }}</span><q-tooltip
    :delay="400">{{ props.row.decided_by }}</q-tooltip></q-td>
  <q-td key="remove" auto-width><q-btn flat dense round size="sm" icon="close" class="remove"
    data-testid="delete" :aria-label="'Delete ' + props.row.pair"
    @click.stop="$emit('act', 'remove', props.row.owner)"></q-btn></q-td>
</q-tr>
"""

_DECISION_ROW = """
<q-tr :props="props" data-testid="decision-row" tabindex="0"
      @click="$emit('act', 'why', props.row.decision_id)"
      @keyup.enter="$emit('act', 'why', props.row.decision_id)">
  <q-td key="time" :props="props" class="faint" :title="props.row.utc">{{ props.row.time }}</q-td>
  <q-td key="pair" :props="props" class="name">{{ props.row.pair }}</q-td>
  <q-td key="rate" :props="props">{{ props.row.rate_text }}</q-td>
  <q-td key="detail" :props="props" :class="['rest', props.row.accepted ? 'quiet' : 'refused']"><span
    :class="['mark', props.row.decided_by]"></span>{{ props.row.detail }}<q-tooltip :delay="400">{{
    props.row.decided_by }}: {{ props.row.detail }}</q-tooltip></q-td>
  <q-td key="total" :props="props" class="quiet">{{ props.row.total_text }}</q-td>
</q-tr>
"""


MOST_ROWS = 300  # more are not read, and a page that opens is sent them all
_QUANTITIES = ("gsnr", "power")  # columns of which the first that a service tells is there: room is for one


def _column(name: str, label: str, align: str = "left", sortable: bool = True) -> dict[str, object]:
    return {"name": name, "label": label, "field": name, "align": align, "sortable": sortable}


class Services:
    """What is set up; a click selects, the cross deletes."""

    def __init__(
        self, on_pick: Callable[[str], Awaitable[None]], on_remove: Callable[[str], Awaitable[None]]
    ) -> None:
        with box("panel grow-2"):
            with box("panel-head"):
                text("Services", "panel-title")
                self._note = text("", "panel-note")
            self._columns = [
                _column("pair", "From → to"),
                _column("rate", "Gb/s", "right"),
                _column("first_slot", "Slots"),
                _column("modulation", "Format"),
                _column("gsnr", "GSNR", "right"),
                _column("power", "W", "right"),
                _column("latency", "ms", "right"),
                _column("decided_by", "By"),
                _column("remove", "", sortable=False),
            ]
            self._table = LiveTable(self._columns, "uuid", _SERVICE_ROW)
            self._table.classes("rows services")
            self._table.props("dense flat virtual-scroll binary-state-sort hide-bottom data-testid=services")
            self._table.on("pick", lambda event: on_pick(str(event.args)))
            self._table.on("remove", lambda event: on_remove(str(event.args)))
            self._empty = text(
                "No service is set up. Request one here, by the command line or over TAPI.", "empty"
            )

    def show(self, snapshot: Snapshot, selected: str | None, may_patch: bool) -> None:
        """Bring the table in step with a snapshot; ``may_patch``: the browser has drawn it before."""
        every = viewmodel.service_rows(snapshot.network, selected)
        rows = every[:MOST_ROWS] + [row for row in every[MOST_ROWS:] if row["selected"]]
        for row in rows:
            row["swatch"] = "var(--accent)" if row["selected"] else SERVICES[row["colour"] % len(SERVICES)]
        known = [name for name in _QUANTITIES if any(row[name] is not None for row in rows)][:1]
        columns = [each for each in self._columns if each["name"] in known or each["name"] not in _QUANTITIES]
        if columns != self._table.columns:
            self._table.columns = columns
        self._table.bring(rows, may_patch)
        self._table.set_visibility(bool(rows))
        self._empty.set_visibility(not rows)
        listed = f", the newest {MOST_ROWS} are listed" if len(every) > MOST_ROWS else ""
        self._note.set_text(f"{len(every):,} up{listed}" if every else "")


class Decisions:
    """What the PCE decided last; a click asks why."""

    def __init__(self, on_why: Callable[[str], Awaitable[None]]) -> None:
        columns = [
            _column("time", "Time", sortable=False),
            _column("pair", "From → to", sortable=False),
            _column("rate", "Gb/s", "right", sortable=False),
            _column("detail", "Route, or why not", sortable=False),
            _column("total", "ms", "right", sortable=False),
        ]
        self._table = LiveTable(columns, "key", _DECISION_ROW)
        self._table.classes("rows decisions")
        self._table.props("dense flat virtual-scroll hide-bottom data-testid=decisions")
        self._table.on("why", lambda event: on_why(str(event.args)))
        self._empty = text("No decision yet.", "empty")

    def show(self, snapshot: Snapshot, clock: Clock, may_patch: bool) -> None:
        """Bring the list in step with a snapshot; ``may_patch``: the browser has drawn it before."""
        rows = viewmodel.decision_rows(snapshot.decisions, clock)
        self._table.bring(rows, may_patch)
        self._table.set_visibility(bool(rows))
        self._empty.set_visibility(not rows)
