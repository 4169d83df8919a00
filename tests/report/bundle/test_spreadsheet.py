"""Text stays text in workbooks and CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from fcnm_bids.report.bundle.spreadsheet import plain_value, write_csv, write_workbook
from fcnm_bids.report.bundle.tables import PublishedTable

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "a\x00b\x0bc", "plain", "<b>&"]


def table() -> PublishedTable:
    frame = pd.DataFrame({"=name": HOSTILE, "x": [-1.5, 2, 0, 3, None, -7, 1e-9, 8]})
    return PublishedTable("hostile", "=HYPERLINK(1)", frame)


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    write_workbook(tmp_path / "a.xlsx", [table()])
    sheet = load_workbook(tmp_path / "a.xlsx")["hostile"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert [sheet.cell(n, 1).value for n in range(3, 11)] == [
        *HOSTILE[:5], "abc", *HOSTILE[6:]
    ]  # fmt: skip
    assert [sheet.cell(n, 2).value for n in range(3, 11)] == [-1.5, 2, 0, 3, None, -7, 1e-9, 8]
    assert sheet["A1"].value == "=HYPERLINK(1)"


def test_the_same_tables_give_the_same_workbook(tmp_path: Path) -> None:
    from zipfile import ZipFile

    for name in ("a", "b"):
        write_workbook(tmp_path / f"{name}.xlsx", [table()])
    first, second = (ZipFile(tmp_path / f"{name}.xlsx") for name in "ab")
    assert first.namelist() == second.namelist()
    assert all(
        first.read(name) == second.read(name)
        for name in first.namelist()
        if name != "docProps/core.xml"
    )
    assert b"fcnm_bids" in first.read("docProps/core.xml")


def test_no_cell_of_a_csv_file_begins_as_a_formula(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", table())
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["'=name", "x"]
    assert [row[0] for row in rows[1:]] == [
        *(f"'{text}" for text in HOSTILE[:5]), "abc", *HOSTILE[6:]
    ]  # fmt: skip
    assert [row[1] for row in rows[1:4]] == ["-1.5", "2", "0"]


@pytest.mark.parametrize(
    ("value", "plain"),
    [(float("nan"), None), (float("inf"), None), (3.0, 3), ("\ud800x\x9f", "x"), (None, None)],
)
def test_cells_are_text_numbers_or_nothing(value: object, plain: object) -> None:
    assert plain_value(value) == plain
