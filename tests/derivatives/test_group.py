"""The participants table takes over columns of the data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.derivatives.group import EXCLUDED_COLUMNS, describe_participants


def test_levels_and_units_of_the_columns_are_copied(tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    assert describe_participants(table, ["age"]) == {}
    table.with_suffix(".json").write_text('{"age": {"Units": "years"}, "sex": {}, "odd": 3}')
    assert describe_participants(table, ["age", "odd", "new"]) == {"age": {"Units": "years"}}


def test_a_sidecar_that_cannot_be_read_is_named_and_left(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "participants.json").write_text("[")
    assert describe_participants(tmp_path / "participants.tsv", ["age"]) == {}
    assert "participants.json" in said.text
    assert "what it says of columns is not copied" in said.text
    assert set(EXCLUDED_COLUMNS) == {"participant_id", "run", "reason"}
