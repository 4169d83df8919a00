"""Data frames as tables of a page."""

from __future__ import annotations

import pandas as pd

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
    assert [row[1] for row in table.rows] == ["1235", "–"]


def test_headings_choose_columns_and_their_order() -> None:
    headings = {"share": "Share", "gone": "Gone", "name": "Name"}
    table = frame_table("Caption", FRAME, headings)
    assert table.columns == ("Share", "Name")
    assert table.rows[0][0] == "12.5 %"


def test_a_table_without_rows_has_headings() -> None:
    table = frame_table("Caption", FRAME.iloc[:0])
    assert (table.rows, table.numeric, len(table.columns)) == ((), frozenset(), 5)
