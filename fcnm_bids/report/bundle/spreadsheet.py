"""Tables as workbook and CSV, in which text stays text."""

from __future__ import annotations

import csv
import datetime
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.report.bundle.tables import PublishedTable

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
"""Characters that XML cannot hold, and others that nobody sees."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters at which programs take a cell of a CSV file for a formula."""

_WIDEST = 48
_EPOCH = datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
"""A workbook says no time: made again from the same, it is the same."""


def write_workbook(path: Path, tables: Sequence[PublishedTable]) -> None:
    """Write tables as sheets of an XLSX file; no text is a formula.

    Parameters
    ----------
    path
        The file.
    tables
        One sheet for each, its title above its headings.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    book.properties.creator = "fcnm_bids"
    book.properties.created = book.properties.modified = _EPOCH
    assert book.active is not None
    book.remove(book.active)
    for table in tables:
        sheet = book.create_sheet(table.name[:31])
        rows = [[table.title], list(table.frame.columns), *table.frame.itertuples(index=False)]
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                cell = sheet.cell(number, column)
                value = plain_value(value)
                cell.value = value
                if isinstance(value, str):
                    cell.data_type = "s"  # a text that begins with = is none of a formula
                if number < 3:
                    cell.font = Font(bold=True)
                    cell.alignment = Alignment(wrap_text=number == 2, vertical="top")
        sheet.freeze_panes = "A3"
        for cells in sheet.iter_cols(min_row=2):
            longest = max(len(str(cell.value or "")) for cell in cells)
            sheet.column_dimensions[cells[0].column_letter].width = min(longest + 2, _WIDEST)
    with atomic_path(path) as temporary:
        book.save(temporary)


def write_csv(path: Path, table: PublishedTable) -> None:
    """Write a table as CSV in UTF-8; text that a program could take for a formula is quoted."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(_inert, table.frame.columns))
        for row in table.frame.itertuples(index=False):
            writer.writerow([_inert(plain_value(value)) for value in row])


def plain_value(value: Any) -> str | int | float | None:
    """Return a cell as text without control characters, as a finite number, or as nothing."""
    if value is None or isinstance(value, str):
        return value if value is None else _CONTROL.sub("", value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
