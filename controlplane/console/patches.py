"""What has changed between two states of a chart or a table: only that is sent. Pure, with scripts as text.

A chart's series keep their items by a key: the name, and where it lies on the vertical axis. Of a series in
which no two items have the same key the changed ones are sent, of another one all. A table keeps its rows by
one of their fields. Not here: charts, tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Options = Mapping[str, Any]
Row = Mapping[str, Any]
# The same key in the browser: see ``key``.
_APPLY = """
const chart = getElement(%d)?.chart;
if (chart) {
  const key = item => item.name + '/' + (Array.isArray(item.value) ? item.value[1] : '');
  const shown = new Map(chart.getModel().option.series.map(series => [series.id, series.data]));
  chart.setOption({series: %s.map(patch => {
    if (patch.data) return {id: patch.id, data: patch.data};
    const items = new Map(shown.get(patch.id).map(item => [key(item), item]));
    patch.gone.forEach(each => items.delete(each));
    patch.put.forEach(item => items.set(key(item), item));
    return {id: patch.id, data: [...items.values()]};
  })});
}
"""


def key(item: Mapping[str, Any]) -> str:
    """What an item of a series is told apart by.

    >>> key({"name": "service", "value": [12, 3, 4]}), key({"name": "A – B", "value": 0.5})
    ('service/3', 'A – B/')
    """
    value = item.get("value")
    return f"{item['name']}/{value[1] if isinstance(value, list) else ''}"


def patches(before: Options, after: Options) -> list[dict[str, Any]] | None:
    """What brings the series of one state to those of the next; None: more has changed than their items."""
    if _without_items(before) != _without_items(after):
        return None
    found = []
    for old, new in zip(before["series"], after["series"], strict=True):
        if old["data"] != new["data"]:
            found.append({"id": new["id"], **_changed(old["data"], new["data"])})
    return found


def script(element_id: int, found: list[dict[str, Any]]) -> str:
    """JavaScript that applies patches to a chart."""
    return _APPLY % (element_id, json.dumps(found))


def row_patch(before: Sequence[Row], after: Sequence[Row], name: str) -> dict[str, Any] | None:
    """What brings a table's rows to others: those that go, then those that come, each with its place.

    None: the rows that stay have changed places, or two have the same key.

    >>> row_patch([{"k": "a"}, {"k": "b"}], [{"k": "c"}, {"k": "a"}], "k")
    {'gone': ['b'], 'put': [[0, {'k': 'c'}]]}
    """
    old, new = {row[name]: row for row in before}, {row[name]: row for row in after}
    if len(old) != len(before) or len(new) != len(after):
        return None
    stays = {each for each, row in new.items() if old.get(each) == row}
    if [each for each in old if each in stays] != [each for each in new if each in stays]:
        return None
    return {
        "gone": [each for each in old if each not in stays],
        "put": [[place, row] for place, row in enumerate(after) if row[name] not in stays],
    }


def changed_items(before: Mapping[str, T], after: Mapping[str, T]) -> tuple[list[str], dict[str, T]]:
    """Of items by key, the keys of those that go, and those that come or are other than they were.

    >>> changed_items({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5})
    (['a'], {'c': 4, 'd': 5})
    """
    gone = [name for name in before if name not in after]
    return gone, {name: item for name, item in after.items() if before.get(name) != item}


def _without_items(options: Options) -> dict[str, Any]:
    series = [{name: value for name, value in each.items() if name != "data"} for each in options["series"]]
    return {**options, "series": series}


def _changed(old: list[Any], new: list[Any]) -> dict[str, Any]:
    if not all(isinstance(item, Mapping) and "name" in item for item in (*old, *new)):
        return {"data": new}
    by_key, then = {key(item): item for item in old}, {key(item): item for item in new}
    if len(then) != len(new) or len(by_key) != len(old):
        return {"data": new}
    gone, put = changed_items(by_key, then)
    return {"gone": gone, "put": list(put.values())}
