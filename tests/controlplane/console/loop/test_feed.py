"""The feed follows a program that tells documents, and survives what such a program may do."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from controlplane.console.loop import feed as module
from controlplane.console.loop.feed import LineageUnknown, LoopFeed, LoopSnapshot

# Stands in for lightloop: tells what a file holds at each line of "loop", and a chain or a refusal.
PROGRAM = """
import json, sys, time
words, document = sys.argv[2:], open(sys.argv[1]).read()
if words[0] == "lineage":
    if words[-1] == "unknown":
        print("lightloop: no decision or service 'unknown'", file=sys.stderr)
        sys.exit(1)
    print(json.dumps({"what": "decision", "name": words[-1], "facts": {}, "comes_from": []}))
    sys.exit(1)  # as for a chain that is not whole
for line in (document, "", "{}"):
    print(line, flush=True)
    time.sleep(0.05)
print("lightloop: out of breath", file=sys.stderr)
"""


@pytest.fixture
def command(tmp_path: Path, recorded: dict[str, Any]) -> tuple[str, ...]:
    file = tmp_path / "document.json"
    file.write_text(json.dumps(recorded))
    return (sys.executable, "-c", PROGRAM, str(file))


def test_a_page_is_told_and_keeps_the_last_document_when_the_program_fails(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, recorded: dict[str, Any]
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 60.0)
    told: list[LoopSnapshot] = []

    async def follow() -> None:
        feed = LoopFeed(command)
        is_over = asyncio.Event()

        def listen(snapshot: LoopSnapshot) -> None:
            told.append(snapshot)
            if "breath" in snapshot.fault:
                is_over.set()

        stop = feed.subscribe(listen)
        await asyncio.wait_for(is_over.wait(), 60)
        stop()
        await feed.close()
        feed.subscribe(listen)()
        assert feed.snapshot.is_late  # what was told last is shown, and said to be that
        await feed.close()

    asyncio.run(follow())
    assert [item.fault for item in told] == [
        "",
        "the command and this page are of two versions",
        "out of breath",
    ]
    assert all(item.document and item.document.model_name == recorded["model_name"] for item in told)


def test_a_chain_is_told_also_where_it_is_not_whole_and_a_refusal_in_words(command: tuple[str, ...]) -> None:
    feed = LoopFeed(command)
    assert asyncio.run(feed.lineage("--json"))["name"] == "--json"  # a name is never an option
    with pytest.raises(LineageUnknown, match=r"^no decision or service 'unknown'$"):
        asyncio.run(feed.lineage("unknown"))
