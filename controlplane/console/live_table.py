"""A table whose rows keep their elements when others change. Not here: which rows, how they look."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from controlplane.console.patches import row_patch

Row = dict[str, Any]


class LiveTable(ui.table, component="live_table.js"):
    """A table of which is sent what has changed.

    Args:
        columns: as those of ``ui.table``.
        row_key: field that tells rows apart.
        row: Vue's template of a row, which has ``props`` of Quasar's body slot; ``$emit('act', name, value)``
            is an event of the table by that name.
    """

    def __init__(self, columns: list[Row], row_key: str, row: str) -> None:
        super().__init__(columns=columns, rows=[], row_key=row_key)
        self.props["row"] = row

    def bring(self, rows: list[Row], may_patch: bool) -> None:
        """Bring it to other rows in every browser that shows it.

        Args:
            rows: that it is to show.
            may_patch: the browser has drawn it before; else all is sent.
        """
        before = self.rows
        if rows == before:
            return
        # What a browser that comes later gets; past NiceGUI, which would watch each of hundreds of rows.
        dict.__setitem__(self.props, "rows", rows)
        found = row_patch(before, rows, self.row_key) if may_patch else None
        if found is None:
            self.update()
        else:
            self.run_method("patch", found["gone"], found["put"])
