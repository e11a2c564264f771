"""A controller and a decision log that tell what a test wants, and the record made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from tasks.operation.sources import Operation
from tasks.operation.store import Record, bring_up_to_date
from tests.tasks.operation.logs import DAY, TOPOLOGY


class Network:
    """A controller that tells changes, a decision log of open and closed parts, and a clock."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.decisions = folder / "decisions"
        self.decisions.mkdir(exist_ok=True)
        self.record = folder / "operation"
        self.operation = Operation(
            ("http://controller",),
            "token",
            self.decisions,
            self.record,
            folder / "windows",
            folder / "traces",
        )
        self.changes: list[dict[str, Any]] = []
        self.store = "store-1"
        self.now_s = DAY + 200.0
        self.page_rows, self.forgotten = 1000, 0
        self.asked: list[int] = []
        patched.setattr(
            "tasks.operation.sources.OneOf", lambda urls, verify: httpx.MockTransport(self._answer)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        params = {name: int(value) for name, value in request.url.params.items()}
        return self._get(request.url.path, params, request.headers)

    def _get(self, url: str, params: dict[str, int], headers: httpx.Headers) -> httpx.Response:
        assert headers["Authorization"].startswith("Bearer ")
        if url.endswith("/snapshot"):
            return self._snapshot(url, params)
        assert url.endswith("/changes")
        self.asked.append(params["since"])
        since = params["since"]
        if not self.forgotten <= since <= len(self.changes):
            return httpx.Response(410, json={}, request=httpx.Request("GET", url))
        told = self.changes[since : since + self.page_rows]
        document = {
            "version": since + len(told),
            "last": len(self.changes),
            "store": self.store,
            "changes": told,
        }
        return httpx.Response(200, json=document, request=httpx.Request("GET", url))

    def _snapshot(self, url: str, params: dict[str, int]) -> httpx.Response:
        """What stands, as the controller tells it: links that are down have neither version nor time."""
        up: dict[str, dict[str, Any]] = {}
        down: dict[tuple[str, ...], dict[str, Any]] = {}
        for change in self.changes:
            match change["kind"]:
                case "lightpath-added":
                    up[change["service_uuid"]] = change
                case "lightpath-removed":
                    up.pop(change["service_uuid"], None)
                case "link-failed":
                    plain = {name: change[name] for name in ("kind", "cause", "nodes")}
                    down[tuple(change["nodes"])] = {"version": 0} | plain
                case "link-repaired":
                    down.pop(tuple(change["nodes"]), None)
        standing = [*up.values(), *down.values()]
        after = params.get("after", 0)
        end = after + self.page_rows
        document = {
            "version": len(self.changes),
            "store": self.store,
            "next": end if end < len(standing) else None,
            "changes": standing[after:end],
        }
        return httpx.Response(200, json=document, request=httpx.Request("GET", url))

    def part(self, number: int, rows: list[dict[str, Any]], closed: bool = True) -> None:
        file = self.decisions / f"part-{number:08d}-20251129T000000Z"
        if closed:
            pd.DataFrame(rows).to_parquet(file.with_suffix(".parquet"))
            file.with_suffix(".jsonl").unlink(missing_ok=True)
        else:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            file.with_suffix(".jsonl").write_text(lines + '{"decision_id": "half')

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def update(self, until_s: float = 0.0) -> Record:
        return bring_up_to_date(
            self.operation, TOPOLOGY.content_hash, until_s, lambda: self.now_s, self._sleep
        )

    def files(self) -> dict[str, bytes]:
        found = sorted(self.record.rglob("*"))
        return {
            str(file.relative_to(self.record)): file.read_bytes()
            for file in found
            if file.is_file() and file.name != ".lock"
        }
