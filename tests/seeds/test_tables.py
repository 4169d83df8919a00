"""Coordinate tables: what is read, what is refused, and what is written."""

from __future__ import annotations

import io
import json
import math
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds import Focus, read_foci, to_mni, write_foci

HEADER = "study\tcontrast\teffect\tx\ty\tz\tspace\tn\n"
ROW = "A\ta\tup\t-12\t4.5\t0\tMNI152\t18\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "foci.tsv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def problems(path: Path, effect: str | None = None) -> tuple[str, ...]:
    with pytest.raises(SeedError) as caught:
        read_foci(path, effect=effect)
    return caught.value.problems


def test_a_row_becomes_a_focus(write: Write) -> None:
    (focus,) = read_foci(write(HEADER + ROW), effect=None)
    assert focus == Focus(-12.0, 4.5, 0.0, "MNI152", "A", "a", "up", 18, "")
    assert focus.origin == "foci.tsv, row 2"


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ROW).encode("utf-8-sig"),
        (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).replace("\n", "\r").encode(),
        (HEADER + ROW).rstrip("\n").encode(),
        (HEADER + ROW).replace("\t", ",").encode(),
        (HEADER + ROW).replace("\t", ";").encode(),
        (HEADER + ROW).replace("\t", " \t ").encode(),
        (HEADER.upper() + ROW).encode(),
        (HEADER + ROW).replace("\tn\n", "\tSample_Size\n").encode(),
        (HEADER + ROW).replace("-12", "\N{MINUS SIGN}12").encode(),
        (HEADER + "\n\t\t\t\n" + ROW + "\n\n").encode(),
    ],
    ids=[
        "byte order mark", "CRLF", "CR", "no last newline", "commas", "semicolons", "blanks",
        "upper case", "sample_size", "typographic minus", "blank lines",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["foci.tsv", "foci.csv", "foci.txt", "foci"])
def test_tables_as_participants_save_them(write: Write, content: bytes, name: str) -> None:
    (focus,) = read_foci(write(content, name), effect=None)
    assert (focus.x, focus.y, focus.z, focus.space, focus.n) == (-12.0, 4.5, 0.0, "MNI152", 18)
    assert (focus.study, focus.contrast, focus.effect) == ("A", "a", "up")


def test_rows_are_counted_as_an_editor_counts_lines(write: Write) -> None:
    content = HEADER + ROW + "\n" + ROW.replace("A", '"A\nB"') + ROW
    origins = [focus.origin for focus in read_foci(write(content), effect=None)]
    assert origins == [f"foci.tsv, row {line}" for line in (2, 4, 6)]


def test_a_table_without_contrasts_has_one_for_each_study_and_effect(write: Write) -> None:
    (focus,) = read_foci(write("study,effect,x,y,z,space\nA,up,1,2,3,TAL\n"), effect=None)
    assert (focus.contrast, focus.n, focus.space) == ("A up", None, "TAL")


def test_the_effect_of_the_file_counts_where_there_is_no_column(write: Write) -> None:
    path = write("study,x,y,z,space\nA,1,2,3,MNI\n")
    assert read_foci(path, effect=" down ")[0].effect == "down"
    assert problems(path) == (
        "foci.tsv: no column effect: add it, or name the effect of the whole file (--effect)",
    )


def test_the_column_counts_where_there_is_one(write: Write) -> None:
    assert read_foci(write(HEADER + ROW), effect="down")[0].effect == "up"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("-12", "dog", "x is 'dog', not a number"),
        ("-12", "", "x is missing"),
        ("-12", "n/a", "x is missing"),
        ("-12", "nan", "x is 'nan', not a number"),
        ("-12", "inf", "x is 'inf', not a number"),
        ("-12", "1e999", "x is '1e999', not a finite number"),
        ("-12", "1_2", "x is '1_2', not a number"),
        ("-12", "12,5", "x is '12,5', with a decimal comma: write 12.5"),
        ("-12", "-111", "x is '-111', farther than 110 mm from the origin"),
        ("MNI152", "", "space is missing"),
        ("MNI152", "MNI305", "space is 'MNI305', not one of MNI152"),
        ("18", "0", "n is '0', not a positive whole number"),
        ("18", "-3", "n is '-3', not a positive whole number"),
        ("18", "17.5", "n is '17.5', not a positive whole number"),
        ("18", "many", "n is 'many', not a positive whole number"),
        ("18", "1e300", "n is '1e300', more than 10 million"),
        ("A\t", "\t", "study is missing"),
        ("\ta\t", "\t\t", "contrast is missing"),
        ("up", "", "effect is missing"),
        ("18", "18\t\tstray", "10 cells under 8 column names"),
    ],
)
def test_a_bad_cell_is_named_with_its_row(write: Write, old: str, new: str, problem: str) -> None:
    (line,) = problems(write(HEADER + ROW + ROW.replace(old, new, 1)))
    assert line.startswith(f"foci.tsv, row 3: {problem}")


def test_all_problems_are_listed_up_to_twenty(write: Write) -> None:
    lines = problems(write(HEADER + ROW.replace("-12", "dog").replace("MNI152", "") * 15))
    assert len(lines) == 21
    assert lines[1] == "foci.tsv, row 2: space is missing"
    assert lines[-1] == "and 10 more"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the table is empty"),
        (b"\n \n", "the table is empty"),
        (HEADER.encode(), "no rows under the header"),
        (b"study\tx\ty\nA\t1\t2\n", "no column z, space"),
        (b"hello\n", "no column names in its first line 'hello'"),
        ((HEADER.replace("\n", "\tX \n") + ROW).encode(), "2 columns are called x"),
        ((HEADER.replace("\n", "\tsample_size\n") + ROW).encode(), "both n and sample_size"),
        ((HEADER + ROW + '"' + ROW).encode(), "row 3: unexpected end of data"),
        ((HEADER + ROW).encode() + b"M\xfcller\t", "line 3: the text is not UTF-8"),
    ],
)
def test_a_table_that_cannot_be_one_is_explained(
    write: Write, content: bytes, problem: str
) -> None:
    assert problem in problems(write(content), effect="up")[0]


def test_columns_that_nobody_reads_may_repeat(write: Write) -> None:
    content = HEADER.replace("\n", "\tnote\tnote\n") + ROW.replace("\n", "\t1\t2\n")
    assert len(read_foci(write(content), effect=None)) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("none.tsv", "none.xlsx", "none.json"):
        assert "there is no such file" in problems(tmp_path / name, "up")[0]
    assert "is a folder" in problems(tmp_path, "up")[0]


def test_an_effect_without_letters_is_refused(write: Write) -> None:
    assert problems(write(HEADER + ROW), effect=" ") == ("the effect is missing",)


def test_a_workbook_is_read_with_the_rows_that_excel_shows(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [None] * 7,
        ["Study", "effect", "x", "y", "z", "space", "n"],
        [2015, "up", -12, 4.5, 0, "MNI", 18],
        [None] * 7,
        ["NA", "up", 1, 2, 3, "TAL", None],
    ]
    path = tmp_path / "foci.xlsx"
    pd.DataFrame(rows).to_excel(path, header=False, index=False)
    first, second = read_foci(path, effect=None)
    assert first == Focus(-12.0, 4.5, 0.0, "MNI152", "2015", "2015 up", "up", 18, "")
    assert (first.origin, second.origin) == ("foci.xlsx, row 3", "foci.xlsx, row 5")
    assert (second.study, second.n) == ("NA", None)


def test_a_workbook_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "foci.xlsx"
    pd.DataFrame([["study", "x", "y", "z", "space"], ["A", 1, 2, 3, "MNI"]]).to_excel(
        path, header=False, index=False
    )
    assert len(read_foci(path.rename(tmp_path / "foci.tsv"), effect="up")) == 1


def test_a_broken_workbook_and_an_old_one_are_explained(write: Write) -> None:
    assert "not a readable Excel workbook" in problems(write(b"PK\x03\x04 no", "a.xlsx"))[0]
    assert "save the table as .xlsx" in problems(write(b"\xd0\xcf", "a.xls"))[0]


def test_other_formats_are_recognised_by_content(write: Write) -> None:
    sleuth = "// Reference = MNI\n// A: a\n1 2 3\n"
    nimads = {"studies": [{"analyses": [{"points": [{"coordinates": [1, 2, 3], "space": "MNI"}]}]}]}
    for content, name in ((sleuth, "a.txt"), (json.dumps(nimads), "a.txt")):
        (focus,) = read_foci(write(content, name), effect="up")
        assert (focus.x, focus.y, focus.z, focus.effect) == (1.0, 2.0, 3.0, "up")


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)
labels = names.map(lambda text: " ".join(unicodedata.normalize("NFC", text).split())).filter(
    lambda text: text.lower() not in ("", "n/a")
)
millimetres = st.floats(-110, 110)
positions = st.tuples(millimetres, millimetres, millimetres)
foci_of_any_kind = st.builds(
    lambda at, space, words, n, reported: Focus(
        x=at[0],
        y=at[1],
        z=at[2],
        space=space,
        study=words[0],
        contrast=words[1],
        effect=words[2],
        n=n,
        origin="",
        reported=reported,
        reported_space=reported and "TAL",
    ),
    positions,
    st.sampled_from(["MNI152", "MNI152NLin6Asym", "MNI152NLin2009cAsym", "TAL"]),
    st.tuples(labels, labels, labels),
    st.none() | st.integers(1, 10**7),
    st.none() | positions,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    foci=st.lists(foci_of_any_kind, min_size=1, max_size=5), name=st.sampled_from(["tsv", "csv"])
)
def test_what_is_written_reads_back_the_same(tmp_path: Path, foci: list[Focus], name: str) -> None:
    path = tmp_path / f"foci.{name}"
    write_foci(foci, path)
    again = read_foci(path, effect=None)
    assert list(again) == foci
    assert [math.copysign(1, focus.x) for focus in again] == [
        math.copysign(1, focus.x) for focus in foci
    ]


def test_moved_foci_read_back_with_their_published_position(
    shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "coordinates" / "antidepressant_control.tsv"
    foci = read_foci(source, effect=None)
    assert sum(focus.space == "TAL" for focus in foci) == 140
    moved = to_mni(foci, "icbm_spm2tal")
    write_foci(moved, tmp_path / "moved.tsv")
    assert read_foci(tmp_path / "moved.tsv", effect=None) == moved


def attempt(path: Path, effect: str | None) -> tuple[tuple[Focus, ...], tuple[str, ...]]:
    """What was read, or else the problems."""
    try:
        return read_foci(path, effect=effect), ()
    except SeedError as error:
        return (), error.problems


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
soup = st.lists(
    st.sampled_from(
        ["study", "x", "y", "z", "space", "effect", "n", "MNI", "TAL", "12", "-3.5", "1,5", "nan",
         "//", "// Reference = MNI", "// Subjects = 3", "// A: b", "\t", ",", ";", "\n", "\r\n",
         '"', " ", "\0", "\N{MINUS SIGN}", "\ufeff"]
    )
).map("".join)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(
    content=st.binary()
    | st.binary().map(lambda content: b"PK\x03\x04" + content)
    | soup.map(str.encode)
    | soup.map(lambda text: f"study,x,y,z,space\n{text}".encode())
    | json_values.map(lambda value: json.dumps(value).encode()),
    extension=st.sampled_from(["tsv", "csv", "txt", "json", "xlsx", "xls", ""]),
    effect=st.none() | st.just("up"),
)
def test_any_file_gives_foci_or_a_seed_error(
    tmp_path: Path, content: bytes, extension: str, effect: str | None
) -> None:
    path = tmp_path / f"foci.{extension}"
    path.write_bytes(content)
    foci, listed = attempt(path, effect)
    assert bool(foci) != bool(listed)
    assert len(listed) <= 21
    assert all("\n" not in problem for problem in listed)
    assert all(abs(c) <= 130 for focus in foci for c in (focus.x, focus.y, focus.z))


def test_a_misspelt_column_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "peaks.tsv"
    path.write_text("study\tcontrst\teffect\tx\ty\tz\tspace\nA\tc\tup\t1\t2\t3\tMNI152\n")
    with pytest.raises(SeedError, match=r"no column 'contrst'; if 'contrast' is meant, rename it"):
        read_foci(path, effect=None)


def table(tmp_path: Path, *rows: str, header: str = "study\teffect\tx\ty\tz\tspace") -> Path:
    path = tmp_path / "peaks.tsv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_unicode_forms_are_one_study(tmp_path: Path) -> None:
    path = table(tmp_path, "Müller\tup\t1\t2\t3\tMNI", "Mu\u0308ller\tup\t4\t5\t6\tMNI")
    assert {focus.study for focus in read_foci(path, effect=None)} == {"Müller"}


@pytest.mark.parametrize("letter", ["\u202e", "\u0007", "\u2066"])
def test_characters_that_turn_or_ring_are_refused(tmp_path: Path, letter: str) -> None:
    path = table(tmp_path, f"Mül{letter}ler\tup\t1\t2\t3\tMNI")
    with pytest.raises(SeedError, match=f"row 2: study is .*character U.{ord(letter):04X}: remove"):
        read_foci(path, effect=None)


@pytest.mark.parametrize("column", ["hemisphere", "Hemi", "side", "laterality"])
@pytest.mark.parametrize(("side", "x", "wrong"), [("R", -32, True), ("left", 32, True),
    ("L", -32, False), ("RH", 2, False), ("L", 1.5, False), ("bilateral", 9, False)])  # fmt: skip
def test_a_hemisphere_that_contradicts_x_is_refused(
    tmp_path: Path, column: str, side: str, x: float, wrong: bool
) -> None:
    path = table(
        tmp_path,
        f"A\tup\t{x}\t2\t3\tMNI\t{side}",
        header=f"study\teffect\tx\ty\tz\tspace\t{column}",
    )
    if wrong:
        with pytest.raises(SeedError, match=f"row 2: {column} is {side!r}, x is {x:g}: correct"):
            read_foci(path, effect=None)
    else:
        assert len(read_foci(path, effect=None)) == 1


def packed(sheet: bytes, **others: bytes) -> bytes:
    """A workbook whose sheet has this content."""
    content = io.BytesIO()
    pd.DataFrame({"study": ["A"]}).to_excel(content, index=False)
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(content) as old,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else old.read(name))
        for name, other in others.items():
            new.writestr(name, other)
    return changed.getvalue()


ROWS = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


@pytest.mark.parametrize(
    ("sheet", "others", "reason"),
    [
        pytest.param(b" " * (40 << 20), {}, "expands to 4. MiB", id="spaces"),
        pytest.param(b"", {"bomb": b"\0" * (300 << 20)}, "expands to 3.. MiB", id="zeros"),
        pytest.param(None, {}, "declares entities", id="entities"),
        pytest.param(
            b'<row r="1"><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>',
            {},
            "up to 30,000 rows, 1,000 columns",
            id="column",
        ),
        pytest.param(
            b"<row><c><v>1</v></c></row>" * 30_001 + b"</sheetData></worksheet>",
            {},
            "row 30001: .*up to 30,000 rows",
            id="rows",
        ),
        pytest.param(
            b'<row r="1048576"><c><v>1</v></c></row></sheetData></worksheet>',
            {},
            "up to 30,000 rows",
            id="row",
        ),
    ],
)
def test_workbooks_that_expand_are_refused_soon(
    tmp_path: Path, sheet: bytes | None, others: dict[str, bytes], reason: str
) -> None:
    path = tmp_path / "peaks.xlsx"
    head = b'<!DOCTYPE a [<!ENTITY b "c">]>' if sheet is None else b""
    path.write_bytes(packed(head + ROWS + (sheet or b""), **others))
    with pytest.raises(SeedError, match=reason):
        read_foci(path, effect="up")


def test_tables_of_20_000_columns_are_refused_soon(tmp_path: Path) -> None:
    path = table(tmp_path, header="\t".join(["study", *(f"column{i}" for i in range(20_000))]))
    with pytest.raises(SeedError, match=r"peaks\.tsv, row 1: .*1,000 columns"):
        read_foci(path, effect="up")


def test_a_flipped_bit_in_a_workbook_changes_nothing_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "peaks.xlsx"
    rows = {"study": ["A", "B"], "effect": "up", "x": [1.5, -4], "y": 2, "z": 3, "space": "MNI"}
    pd.DataFrame(rows).to_excel(path, index=False)
    raw, expected = path.read_bytes(), read_foci(path, effect=None)
    refused = 0
    for place in np.random.default_rng(13).choice(8 * len(raw), 300, replace=False):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        foci, listed = attempt(path, None)
        assert listed or foci == expected
        refused += bool(listed)
    assert refused > 200
