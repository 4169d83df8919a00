"""Sleuth text files."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds import group_foci, read_foci, read_sleuth

GOOD = """\
// Reference = Talairach
// Smith, 2008: Pain > Rest
// Subjects = 20
-9\t-72\t57
-15.5 9 -3

// Jones, 2010: Heat
1 2 3
"""


def read(tmp_path: Path, text: str) -> list[tuple[object, ...]]:
    path = tmp_path / "foci.txt"
    path.write_text(text, newline="")
    return [
        (f.study, f.contrast, f.n, f.space, (f.x, f.y, f.z), f.origin)
        for f in read_sleuth(path, effect="up")
    ]


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SeedError) as caught:
        read(tmp_path, text)
    return caught.value.problems


def test_experiments_are_read_with_their_lines(tmp_path: Path) -> None:
    smith = ("Smith, 2008", "Smith, 2008: Pain > Rest", 20, "TAL")
    assert read(tmp_path, GOOD) == [
        (*smith, (-9.0, -72.0, 57.0), "foci.txt, line 4"),
        (*smith, (-15.5, 9.0, -3.0), "foci.txt, line 5"),
        ("Jones, 2010", "Jones, 2010: Heat", None, "TAL", (1.0, 2.0, 3.0), "foci.txt, line 8"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("// ", "//").replace(" = ", "="),
        GOOD.replace("Reference", "REFERENCE").replace("Talairach", "tal"),
        GOOD.rstrip("\n"),
    ],
)
def test_spellings_of_the_format(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == read(tmp_path, GOOD)


def test_a_new_title_begins_an_experiment_even_without_a_blank_line(tmp_path: Path) -> None:
    joined = read(tmp_path, GOOD.replace("\n\n", "\n"))
    assert [row[1] for row in joined] == [row[1] for row in read(tmp_path, GOOD)]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("57", "dog", "foci.txt, line 4: z is 'dog', not a number"),
        ("57", "", "foci.txt, line 4: 2 numbers instead of x, y and z"),
        ("57", "57 1", "foci.txt, line 4: 4 numbers instead of x, y and z"),
        ("57", "570", "foci.txt, line 4: z is '570', farther than 110 mm"),
        ("57", "5,7", "foci.txt, line 4: z is '5,7', with a decimal comma: write 5.7"),
        ("Talairach", "Dog", "foci.txt, line 1: Reference is 'Dog', neither MNI nor Talairach"),
        ("// Reference = Talairach\n", "", "foci.txt: the space of the coordinates is not stated"),
        ("// Jones", "// Reference = MNI\n// Jones", "foci.txt, line 7: a second Reference"),
        ("= 20", "= many", "foci.txt, line 3: Subjects is 'many', not a positive whole number"),
        (
            "// Jones, 2010: Heat\n",
            "",
            "foci.txt, line 7: coordinates without the title of an experiment",
        ),
        ("1 2 3\n", "", "foci.txt, line 7: experiment 'Jones, 2010: Heat' has no coordinates"),
        ("57\n", "57\n// Subjects = 3\n", "foci.txt, line 5: Subjects without the title"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    (line,) = problems(tmp_path, GOOD.replace(old, new, 1))
    assert line.startswith(problem)


def test_a_file_without_coordinates_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "// Reference = MNI\n") == (
        "foci.txt: there are no coordinates in it",
    )


def test_the_effect_has_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "foci.txt").write_text(GOOD)
    with pytest.raises(SeedError, match="name the effect of the whole file"):
        read_foci(tmp_path / "foci.txt", effect=None)


def test_real_files(shared_data: Path) -> None:
    folder = shared_data / "coordinates"
    contrasts = group_foci(read_foci(folder / "test_sleuth_file.txt", effect="up"), "contrast")
    assert [(len(c.foci), c.n) for c in contrasts] == [(4, 50), (2, 46), (1, 20)]
    assert contrasts[2].studies == ("StudyName3",)
    assert contrasts[2].name.count("StudyName3: ") == 3
    second = read_foci(folder / "test_sleuth_file2.txt", effect="up")
    assert [(f.space, f.n) for f in second] == [("TAL", 25)] + [("TAL", 20)] * 3


@pytest.mark.parametrize(
    ("number", "problem"), [(3, "line 5: z is 'dog'"), (4, "line 5: 2 numbers"), (5, "line 1: Ref")]
)
def test_real_files_with_an_error(shared_data: Path, number: int, problem: str) -> None:
    path = shared_data / "coordinates" / f"test_sleuth_file{number}.txt"
    with pytest.raises(SeedError) as caught:
        read_foci(path, effect="up")
    (line,) = caught.value.problems
    assert line.startswith(f"{path.name}, {problem}")


def test_experiments_of_one_title_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "foci.txt"
    path.write_text("// Reference = MNI\n// A: b\n1 2 3\n\n// A: b\n4 5 6\n// A: b\n7 8 9\n")
    contrasts = group_foci(read_sleuth(path, effect="up"), "contrast")
    assert [(c.name, c.studies) for c in contrasts] == [
        ("A: b", ("A",)),
        ("A: b (2)", ("A",)),
        ("A: b (3)", ("A",)),
    ]
