"""Sheets of a workbook or a CSV file as rows of values; a table found by its headings.

Not here: what the tables mean (``topologybench.py``, ``gnpy_workbook.py``).
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topologies.errors import TopologyError

Rows = Sequence[Sequence[Any]]
MOST_ROWS_ABOVE_HEADINGS = 15


def sheets_of(data: bytes, path: Path) -> dict[str, Rows]:
    """The sheets of an .xlsx or .xls workbook; of a CSV file its one table, named ``""``.

    Raises:
        TopologyError: not a workbook, or not UTF-8 text.
    """
    if path.suffix.lower() == ".csv":
        try:
            return {"": list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))}
        except UnicodeDecodeError as error:
            raise TopologyError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
        except csv.Error as error:
            raise TopologyError(f"{path}: not CSV: {error}") from None
    # Slow to import, and few files need them.
    import openpyxl
    import xlrd

    try:
        if path.suffix.lower() == ".xls":
            book = xlrd.open_workbook(file_contents=data, logfile=io.StringIO())
            return {
                sheet.name: [sheet.row_values(row) for row in range(sheet.nrows)] for sheet in book.sheets()
            }
        found = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        return {
            sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)]
            for sheet in found.worksheets
        }
    except (xlrd.XLRDError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise TopologyError(f"{path}: not a readable workbook: {error}") from None


def table(rows: Rows, needed: Sequence[str]) -> list[tuple[int, dict[str, list[str]]]] | None:
    """The rows below the headings, as (row number, values by heading in lower case); None without headings.

    A heading may stand several times: its values come in order. Rows with nothing under the first needed
    heading are left out.
    """
    for index, row in enumerate(rows[:MOST_ROWS_ABOVE_HEADINGS]):
        headings = [_text(cell).lower() for cell in row]
        if not all(heading in headings for heading in needed):
            continue
        found = []
        for row_number, values in enumerate(rows[index + 1 :], start=index + 2):
            by_heading: dict[str, list[str]] = {}
            for heading, value in zip(headings, values, strict=False):
                by_heading.setdefault(heading, []).append(_text(value))
            if by_heading.get(needed[0], [""])[0]:
                found.append((row_number, by_heading))
        return found
    return None


def _text(cell: Any) -> str:
    """The value of a cell as text; whole numbers, which workbooks keep as floats, without a fraction."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
