"""Data frames as tables of a page."""

from __future__ import annotations

import pandas as pd
import pytest

from fcnm_bids.report.pages.tables import frame_table

FRAME = pd.DataFrame(
    {
        "name": ["01", "1e3"],
        "volume": ["1234.5678", "n/a"],
        "share": ["12.5 %", "3 %"],
        "mixed": ["1", "one"],
        "empty": ["", "n/a"],
    }
)


def test_numbers_are_rounded_and_to_the_right_names_are_not() -> None:
    table = frame_table("Caption", FRAME, digits=3, as_is=("name",))
    assert table.columns == tuple(FRAME)
    assert table.numeric == {1, 2}
    assert [row[0] for row in table.rows] == ["01", "1e3"]
    assert [row[2] for row in table.rows] == ["12.5 %", "3 %"]
    assert [row[1] for row in table.rows] == ["1,235", "–"]


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (["83584", "8768", "n/a", "-4"], ["83,584", "8,768", "–", "-4"]),
        (["13.81", "12", "-0.04"], ["13.8", "12", "-0.04"]),
        (["13.81", "12", "-0.4"], ["13.8", "12.0", "-0.4"]),
        (["0.98712", "-0.0274", "1"], ["0.987", "-0.027", "1.000"]),
        (["0.5", "1", "-0.25"], ["0.50", "1.00", "-0.25"]),
        (["120.4", "0.0004"], ["120", "0.0004"]),
        (["12.5 %", "3 %"], ["12.5 %", "3 %"]),
    ],
)
def test_numbers_of_a_column_have_the_same_decimals(column: list[str], shown: list[str]) -> None:
    table = frame_table("Caption", pd.DataFrame({"a": column}))
    assert [row[0] for row in table.rows] == shown


def test_small_p_are_not_rounded_to_the_decimals_of_large_ones() -> None:
    table = frame_table("Caption", pd.DataFrame({"min_pfwe": ["0.9", "0.00042"]}))
    assert [row[0] for row in table.rows] == ["0.9", "0.00042"]


def test_headings_choose_columns_and_their_order() -> None:
    headings = {"share": "Share", "gone": "Gone", "name": "Name"}
    table = frame_table("Caption", FRAME, headings)
    assert table.columns == ("Share", "Name")
    assert table.rows[0][0] == "12.5 %"


def test_a_table_without_rows_has_headings() -> None:
    table = frame_table("Caption", FRAME.iloc[:0])
    assert (table.rows, table.numeric, len(table.columns)) == ((), frozenset(), 5)
