"""Figures of README and docs, written from the results that are stored in ``docs/measured``.

A page keeps its tables, so that they can be read anywhere. A comment before a table names the file, the rows
in it (a list, or an object where rows have names), and how a row is written::

    <!-- figures controlplane networks[0][rows]
    | {slots} | {clients} | {p50_ms:.0f} / {p99_ms:.0f} | -->

Within a sentence or a cell two comments stand around the figure::

    <!--= controlplane figures[setups_per_s]:.0f-->102<!--/-->

Both are format strings of Python over the stored values. ``{blocking*100:.2f}`` and ``{rate/1e6:.2f}`` bring
a value to the unit of the page; what is null is written as nothing. ``make figures`` writes the pages anew.
Not here: measuring.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
MEASURED = PROJECT / "docs" / "measured"
# A comment, the head of the table behind it, and its rows.
TABLE = re.compile(
    r"(?P<begin><!-- figures (?P<file>\S+) (?P<place>\S+)\n(?P<row>\|[^\n]*\|) ?-->\n+"
    r"\|[^\n]*\n\|[-:| ]+\|\n)(?:\|[^\n]*\n)*"
)
FIGURE = re.compile(r"(?P<begin><!--= (?P<file>[\w-]+) (?P<field>[^>]+?)-->)[^<]*(?P<end><!--/-->)")
SCALED = re.compile(r"(?P<name>.*?)(?P<sign>[*/])(?P<factor>[0-9.e]+)")


class Written(string.Formatter):
    """Python's format strings, with a factor behind a name and nothing for null."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A value by its name, times or over the factor that stands behind it."""
        scaled = SCALED.fullmatch(field_name)
        if not scaled:
            return super().get_field(field_name, args, kwargs)
        value, first = super().get_field(scaled["name"], args, kwargs)
        factor = float(scaled["factor"])
        if value is None:
            return None, first
        return (value * factor if scaled["sign"] == "*" else value / factor), first

    def format_field(self, value: Any, format_spec: str) -> Any:
        """A value as its specification says; null is empty."""
        return "" if value is None else super().format_field(value, format_spec)


def pages() -> list[Path]:
    """Every page that may state a figure."""
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def rewritten(text: str, folder: Path = MEASURED) -> str:
    """A page with all of its marked figures taken from the files of a folder.

    Raises:
        ValueError: a comment names a file or a field that is not there.
    """

    def table(found: re.Match[str]) -> str:
        rows = _value(folder, found["file"], found["place"], found[0])
        rows = rows.values() if isinstance(rows, dict) else rows
        lines = (re.sub(" +", " ", _written(found["row"], row, found[0])) for row in rows)
        return found["begin"] + "".join(f"{line}\n" for line in lines)

    def figure(found: re.Match[str]) -> str:
        stored = _stored(folder / f"{found['file']}.json", found[0])
        return found["begin"] + _written("{" + found["field"] + "}", stored, found[0]) + found["end"]

    return FIGURE.sub(figure, TABLE.sub(table, text))


def main() -> None:
    """Write every page anew, and say which ones changed."""
    for page in pages():
        before = page.read_text()
        after = rewritten(before)
        if after != before:
            page.write_text(after)
            print(page.relative_to(PROJECT))


def _value(folder: Path, file: str, place: str, where: str) -> Any:
    try:
        return Written().get_field(place, (), _stored(folder / f"{file}.json", where))[0]
    except (LookupError, AttributeError) as error:
        raise ValueError(f"{file}.json has no {place}: {_begin(where)}") from error


def _written(template: str, values: Mapping[str, Any], where: str) -> str:
    try:
        return Written().vformat(template, (), values)
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError(f"{error!r} is not in the file: {_begin(where)}") from error


def _stored(file: Path, where: str) -> Any:
    if not file.is_file():
        raise ValueError(f"{file} does not exist: {_begin(where)}")
    return _read(file)


@cache
def _read(file: Path) -> Any:
    return json.loads(file.read_text())


def _begin(where: str) -> str:
    return where.partition("-->")[0] + "-->"


if __name__ == "__main__":
    main()
