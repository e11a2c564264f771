"""The controller's side of the contract, from a list of changes; the snapshot is what stands after them."""

from __future__ import annotations

from typing import Any

from controlplane.pce.controller_feed import ChangePage, NotKeptError, SnapshotPage


class ToldChanges:
    """Tells the changes of a list that a test appends to.

    Attributes:
        log: all changes, numbered from 1.
        store: name of the database.
        forgotten: the first so many are not told any more.
        page_rows: changes in a page.
        pulls: versions after which changes were asked for.
    """

    def __init__(self, log: list[dict[str, Any]] | None = None, page_rows: int = 1000) -> None:
        self.log = [] if log is None else log
        self.store = "store"
        self.forgotten = 0
        self.page_rows = page_rows
        self.pulls: list[int] = []
        self.snapshots = 0
        self._kept: list[dict[str, Any]] = []

    def add(self, change: dict[str, Any]) -> int:
        """Append a change; its version."""
        self.log.append(change | {"version": len(self.log) + 1})
        return len(self.log)

    def change_page(self, since: int, store: str) -> dict[str, Any] | None:
        """What ``GET /changes`` answers; None: gone."""
        self.pulls.append(since)
        if store != self.store or not self.forgotten <= since <= len(self.log):
            return None
        told = self.log[since : since + self.page_rows]
        return {
            "version": since + len(told),
            "last": len(self.log),
            "store": self.store,
            "changes": told,
        }

    def snapshot_page(self, version: int | None, after: int) -> dict[str, Any]:
        """What ``GET /snapshot`` answers."""
        self.snapshots += 1
        if version is None:
            version, self._kept = len(self.log), self._standing()
        end = after + self.page_rows
        return {
            "version": version,
            "store": self.store,
            "next": end if end < len(self._kept) else None,
            "changes": self._kept[after:end],
        }

    def _standing(self) -> list[dict[str, Any]]:
        standing: dict[Any, dict[str, Any]] = {}
        for change in self.log:
            key = (change.get("service_uuid"), frozenset(change["nodes"]), change.get("first_slot"))
            if change["kind"] in ("lightpath-removed", "link-repaired", "undrained"):
                standing.pop(key, None)
            elif change["kind"] not in ("service-removed", "locked", "unlocked"):
                standing[key] = change
        return list(standing.values())

    async def changes(self, since: int, store: str) -> ChangePage:
        """As ``ControllerFeed.changes``."""
        page = self.change_page(since, store)
        if page is None:
            raise NotKeptError(f"not after {since}")
        return ChangePage.model_validate(page)

    async def snapshot(self, version: int | None, after: int) -> SnapshotPage:
        """As ``ControllerFeed.snapshot``."""
        return SnapshotPage.model_validate(self.snapshot_page(version, after))
