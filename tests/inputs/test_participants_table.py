"""Tables of participants as spreadsheets and other programs write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.participants_table import (
    find_participants,
    participants_places,
    read_participants,
)

TABLE = "participant_id\tsite\tage\nsub-01\tbochum\t31\nsub-02\tessen\tn/a\n"


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace("\t", ","),
        TABLE.replace("\t", ";"),
        TABLE.replace("\n", "\t\t\n"),
        TABLE.replace("\n", "\r\n"),
        "participant_id\tsite\tage\nsub-01\tbochum\t31\t\t\nsub-02\tessen\tn/a\n\t\t\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_dialects_read_the_same(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "participants.tsv"
    path.write_text(text, encoding=encoding, newline="")
    table = read_participants(path).table
    assert list(table.columns) == ["participant_id", "site", "age"]
    assert table.loc["01"].tolist() == ["sub-01", "bochum", "31"]
    assert table.loc["02", "age"] == "n/a"


def test_a_name_of_a_column_may_hold_commas(tmp_path: Path) -> None:
    path = tmp_path / "participants.tsv"
    path.write_text("participant_id\tage (y, m, d)\nsub-1\t31\n")
    assert read_participants(path).table.loc["1", "age (y, m, d)"] == "31"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("name\tage\na\t1\n", "no column participant_id"),
        (
            "participant_id\tage\nsub-\u041001\t1\n",
            "u041001' has characters that no label can have",
        ),
        ("participant_id\tage\tage\nsub-1\t1\t2\n", "several columns are called 'age'"),
        ("participant_id\tage\nsub-1\t1\t2\n", "sub-1 has 3 cells under 2 column names"),
        ('participant_id\tage\nsub-1\t"1\nsub-2\t2\n', "is a quotation mark left open?"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "participants.tsv"
    path.write_text(text)
    with pytest.raises(RequestError, match=reason):
        read_participants(path)


def named(path: str) -> Path | None:
    config = Config("data", "out", "participant")
    config = replace(config, selection=replace(config.selection, participants_file=path))
    (place,) = participants_places(config, Path("data"))
    return find_participants(place)


def test_a_named_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"--participants-file .*: there is no such file"):
        named(str(tmp_path / "participants.tsv"))


def test_a_named_table_that_is_no_file_is_refused() -> None:
    path = named("/dev/zero")
    assert path is not None
    with pytest.raises(RequestError, match="not a regular file"):
        read_participants(path)
