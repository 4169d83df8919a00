"""Foci become contrasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds import SPACES, Focus, group_foci, parse_space, read_foci


def focus(study: str = "A", contrast: str = "a", **other: Any) -> Focus:
    values: dict[str, Any] = {
        "x": 1.0, "y": 2.0, "z": 3.0, "space": "MNI152", "study": study, "contrast": contrast,
        "effect": "increase", "n": None, "origin": "table.tsv, row 2",
    }  # fmt: skip
    return Focus(**{**values, **other})


@pytest.mark.parametrize(
    ("spelling", "space"),
    [
        ("MNI", "MNI152"),
        ("mni152", "MNI152"),
        (" MNI-152 ", "MNI152"),
        ("MNI152NLIN2009CASYM", "MNI152NLin2009cAsym"),
        ("mni152nlin6asym", "MNI152NLin6Asym"),
        ("Talairach", "TAL"),
        ("tal", "TAL"),
        ("MNI305", None),
        ("T88", None),
        ("native", None),
        ("MNI or TAL", None),
        ("", None),
    ],
)
def test_spaces_are_recognised_and_never_guessed(spelling: str, space: str | None) -> None:
    assert parse_space(spelling) == space


def test_every_space_is_its_own_spelling() -> None:
    assert [parse_space(space) for space in SPACES] == list(SPACES)


def test_where_a_focus_was_read_does_not_make_it_another() -> None:
    assert focus(origin="a.tsv, row 2") == focus(origin="b.tsv, row 9")


def test_contrasts_come_in_order_of_first_appearance_with_all_their_foci() -> None:
    foci = [focus("B", "late"), focus("A", "early"), focus("B", "late", x=9.0)]
    contrasts = group_foci(foci, "contrast")
    assert [contrast.name for contrast in contrasts] == ["late", "early"]
    assert contrasts[0].foci == (foci[0], foci[2])
    assert contrasts[0].studies == ("B",)


def test_a_contrast_name_that_two_studies_use_is_told_apart_by_study() -> None:
    contrasts = group_foci([focus("A", "c"), focus("B", "c"), focus("B", "d")], "contrast")
    assert [contrast.name for contrast in contrasts] == ["A c", "B c", "d"]


def test_a_name_made_longer_does_not_collide_with_a_name_that_was_so_long() -> None:
    contrasts = group_foci([focus("A", "c"), focus("B", "c"), focus("C", "A c")], "contrast")
    assert [contrast.name for contrast in contrasts] == ["A c", "B c", "C A c"]


def test_names_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(SeedError, match="both be called 'A b c'"):
        group_foci(
            [focus("A", "b c"), focus("A b", "c"), focus("C", "b c"), focus("C", "c")], "contrast"
        )


@pytest.mark.parametrize("unit", ["contrast", "study", "focus"])
def test_a_contrast_with_two_effects_is_refused_and_both_rows_are_named(unit: str) -> None:
    foci = [focus(origin="t, row 2"), focus(effect="decrease", origin="t, row 7")]
    with pytest.raises(SeedError, match=r"increase \(t, row 2\) and decrease \(t, row 7\)"):
        group_foci(foci, unit)


def test_a_contrast_with_two_sample_sizes_is_refused() -> None:
    foci = [focus(n=20, origin="t, row 2"), focus(n=21, origin="t, row 3")]
    with pytest.raises(SeedError, match=r"sample sizes: 20 \(t, row 2\) and 21 \(t, row 3\)"):
        group_foci(foci, "contrast")


def test_a_sample_size_stated_once_holds_for_the_contrast() -> None:
    assert group_foci([focus(n=20), focus(x=5.0)], "contrast")[0].n == 20


def test_unit_study_joins_the_contrasts_of_a_study_and_effect() -> None:
    foci = [focus("A", "a", n=10), focus("A", "b", n=12), focus("A", "c", effect="decrease")]
    contrasts = group_foci(foci, "study")
    assert [(c.name, c.effect, c.n) for c in contrasts] == [
        ("A increase", "increase", 12),
        ("A decrease", "decrease", None),
    ]
    assert contrasts[0].foci == tuple(foci[:2])


def test_unit_focus_gives_each_distinct_focus_a_contrast() -> None:
    foci = [focus(x=1.0), focus(x=2.0), focus(x=1.0), focus("B", "b")]
    contrasts = group_foci(foci, "focus")
    assert [contrast.name for contrast in contrasts] == ["a focus 1", "a focus 2", "b focus 1"]
    assert [contrast.foci[0].x for contrast in contrasts] == [1.0, 2.0, 1.0]


def test_no_foci_is_an_error() -> None:
    with pytest.raises(SeedError, match="no foci"):
        group_foci([], "contrast")


def test_an_unknown_unit_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of contrast, study, focus"):
        group_foci([focus()], "paper")


def test_the_ketamine_table_has_six_increases_and_five_decreases(shared_data: Path) -> None:
    foci = read_foci(shared_data / "coordinates" / "ketamine.tsv", effect=None)
    effects = [contrast.effect for contrast in group_foci(foci, "contrast")]
    assert len(foci) == 57
    assert (effects.count("increase"), effects.count("decrease")) == (6, 5)
    assert len(group_foci(foci, "focus")) == len({(f.contrast, f.x, f.y, f.z) for f in foci})


@pytest.mark.parametrize("unit", ["contrast", "study", "focus"])
@pytest.mark.parametrize(
    "other",
    [
        "müller 2019",
        "Müller2019",
        "Müller\u200b 2019",
        "M\N{FULLWIDTH LATIN SMALL LETTER U}\u0308ller 2019",
        "Müller 2О19".replace("О", "0").replace("M", "М"),
    ],
)
def test_studies_that_differ_in_spelling_only_are_refused_with_both_rows(
    unit: str, other: str
) -> None:
    foci = [
        focus("Müller 2019", "a", origin="t, row 2"),
        focus("Jones", "b", origin="t, row 3"),
        focus(other, "c", origin="t, row 9"),
    ]
    with pytest.raises(
        SeedError, match=r"^study .*\(t, row 2\) and study .*\(t, row 9\)"
    ) as caught:
        group_foci(foci, unit)
    assert len(caught.value.problems) == 1


def test_effects_and_the_contrasts_of_a_study_are_compared_too() -> None:
    foci = [focus("A", "a > b", origin="1"), focus("A", "A > B", effect="Increase", origin="2")]
    with pytest.raises(SeedError) as caught:
        group_foci(foci, "contrast")
    assert [line.split()[0] for line in caught.value.problems] == ["effect", "contrast"]
    assert group_foci([focus("A", "rest"), focus("B", "Rest")], "contrast")
