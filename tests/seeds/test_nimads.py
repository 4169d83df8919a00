"""NIMADS study sets."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds import Focus, group_foci, read_foci, read_nimads

POINT = {"coordinates": [1, -2.5, 3], "space": "MNI"}
STUDYSET: dict[str, Any] = {
    "id": "set",
    "studies": [
        {
            "id": "s1",
            "name": "Smith",
            "metadata": {"sample_size": 40},
            "analyses": [
                {"id": "a1", "name": "pain", "points": [POINT, {**POINT, "space": "TAL"}]},
                {
                    "id": "a2",
                    "name": "heat",
                    "metadata": {"sample_sizes": [9, 11]},
                    "points": [POINT],
                },
                {"id": "a3", "name": "nothing", "points": []},
            ],
        },
        {"id": "s2", "name": "", "analyses": [{"id": "a4", "name": "pain", "points": [POINT]}]},
    ],
}


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "set.json"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(SeedError) as caught:
        read_nimads(path, effect="up")
    return caught.value.problems


def test_analyses_with_points_become_contrasts(tmp_path: Path) -> None:
    foci = read_nimads(write(tmp_path, STUDYSET), effect="up")
    assert [(f.study, f.contrast, f.n, f.space) for f in foci] == [
        ("Smith", "pain", 40, "MNI152"),
        ("Smith", "pain", 40, "TAL"),
        ("Smith", "heat", 20, "MNI152"),
        ("s2", "pain", None, "MNI152"),
    ]
    assert (foci[0].x, foci[0].y, foci[0].z) == (1.0, -2.5, 3.0)
    assert foci[1].origin == "set.json, study 'Smith', analysis 'pain', point 2"
    names = [contrast.name for contrast in group_foci(foci, "contrast")]
    assert names == ["Smith pain", "heat", "s2 pain"]


def test_studies_and_analyses_of_one_name_are_told_apart(tmp_path: Path) -> None:
    twice = copy.deepcopy(STUDYSET)
    twice["studies"][1]["name"] = "Smith"
    twice["studies"][0]["analyses"][1]["name"] = "pain"
    foci = read_nimads(write(tmp_path, twice), effect="up")
    assert [(f.study, f.contrast) for f in foci] == [
        ("Smith (s1)", "pain (a1)"),
        ("Smith (s1)", "pain (a1)"),
        ("Smith (s1)", "pain (a2)"),
        ("Smith (s2)", "pain"),
    ]


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        (
            {"coordinates": [1, 2], "space": "MNI"},
            "coordinates is [1, 2], not a list of x, y and z",
        ),
        ({"space": "MNI"}, "coordinates is None, not a list of x, y and z"),
        ({"coordinates": [1, "dog", 3], "space": "MNI"}, "y is 'dog', not a number"),
        ({"coordinates": [1, True, 3], "space": "MNI"}, "y is True, not a number"),
        ({"coordinates": [1, None, 3], "space": "MNI"}, "y is missing"),
        ({"coordinates": [1, float("nan"), 3], "space": "MNI"}, "y is nan, not a fin"),
        ({"coordinates": [1, 10**400, 3], "space": "MNI"}, "y is 1000"),
        ({"coordinates": [1, 2, 111], "space": "MNI"}, "z is 111, farther than 110 mm"),
        ({"coordinates": [1, 2, 3]}, "space is missing"),
        ({"coordinates": [1, 2, 3], "space": "UNKNOWN"}, "space is 'UNKNOWN', neither MNI nor"),
        ({"coordinates": [1, 2, 3], "space": 7}, "space is 7, neither MNI nor Talairach"),
    ],
)
def test_a_bad_point_is_named(tmp_path: Path, point: object, problem: str) -> None:
    bad = copy.deepcopy(STUDYSET)
    bad["studies"][1]["analyses"][0]["points"].append(point)
    (line,) = problems(write(tmp_path, bad))
    assert line.startswith(f"set.json, study 's2', analysis 'pain', point 2: {problem}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "not valid JSON"),
        ([1], "no list of studies"),
        ({"studies": {}}, "no list of studies"),
        ({"studies": []}, "no analysis of the study set has points"),
        ({"studies": [{"analyses": [{"points": []}, {}]}]}, "no analysis of the study set"),
        ({"studies": [7]}, "study 1 is 7, not an object"),
        ({"studies": [{"name": "S", "analyses": 7}]}, "study 'S': analyses is 7, not a list"),
        ({"studies": [{"name": "S", "analyses": [7]}]}, "study 'S': analysis 1 is 7, not an"),
        (
            {"studies": [{"name": "S", "analyses": [{"name": "a", "points": {}}]}]},
            "study 'S', analysis 'a': points is {}, not a list",
        ),
        (
            {"studies": [{"name": "S", "analyses": [{"name": "a", "points": [7]}]}]},
            "study 'S', analysis 'a', point 1 is 7, not an object",
        ),
        (
            {"studies": [{"metadata": {"sample_size": 0}, "analyses": [{"points": [POINT]}]}]},
            "sample_size is 0, not a positive whole number",
        ),
    ],
)
def test_what_is_not_a_study_set_is_explained(
    tmp_path: Path, content: object, problem: str
) -> None:
    (line,) = problems(write(tmp_path, content))
    assert problem in line


def test_the_effect_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="name the effect of the whole file"):
        read_foci(write(tmp_path, STUDYSET), effect=None)


def test_the_pain_studies(shared_data: Path) -> None:
    foci = read_foci(shared_data / "coordinates" / "nidm_pain_studyset.json", effect="pain")
    contrasts = group_foci(foci, "contrast")
    assert (len(foci), len(contrasts)) == (267, 21)
    assert contrasts[0].name == "pain_01.nidm 1"
    assert [contrast.n for contrast in contrasts[:5]] == [25, 25, 20, 20, 9]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["MNI", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


def attempt(path: Path) -> tuple[tuple[Focus, ...], tuple[str, ...]]:
    """What was read, or else the problems."""
    try:
        return read_nimads(path, effect="up"), ()
    except SeedError as error:
        return (), error.problems


def spoiled(value: Any, place: list[int], junk: object) -> Any:
    """The value with junk put somewhere inside of it; `place` chooses the way down."""
    if not place or not isinstance(value, (dict, list)) or not value:
        return junk
    changed = copy.copy(value)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[place[0] % len(keys)]
    changed[key] = spoiled(value[key], place[1:], junk)
    return changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.lists(st.integers(0, 9), max_size=8), junk=anything)
def test_a_spoiled_study_set_gives_foci_or_a_seed_error(
    tmp_path: Path, place: list[int], junk: object
) -> None:
    path = write(tmp_path, spoiled(STUDYSET, place, junk))
    foci, listed = attempt(path)
    assert bool(foci) != bool(listed)
    assert all(problem.startswith("set.json") for problem in listed if " more" not in problem)


def signed(*points: dict[str, Any]) -> dict[str, Any]:
    analysis = {"id": "a1", "name": "patients vs controls", "points": [*points]}
    return {"studies": [{"id": "s1", "name": "Alpha 2019", "analyses": [analysis]}]}


@pytest.mark.parametrize(
    "marks",
    [
        {"deactivation": True},
        {"deactivation": None, "values": [{"kind": "Z", "value": -3.2}]},
        {"deactivation": True, "values": [{"kind": "Z", "value": 3.2}]},
    ],
)
def test_points_of_the_other_sign_are_an_effect_of_their_own(
    tmp_path: Path, marks: dict[str, Any]
) -> None:
    path = write(tmp_path, signed({**POINT, "deactivation": False}, {**POINT, **marks}, POINT))
    contrasts = group_foci(read_nimads(path, effect="increase"), "contrast")
    assert [(c.name, c.effect, len(c.foci)) for c in contrasts] == [
        ("patients vs controls", "increase", 2),
        ("patients vs controls deactivation", "increase deactivation", 1),
    ]


def test_a_sign_that_contradicts_itself_or_is_none_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        signed(
            {**POINT, "deactivation": False, "values": [{"kind": "T", "value": -4}]},
            {**POINT, "deactivation": "no"},
        ),
    )
    first, second = problems(path)
    assert "point 1: its statistic is -4, but deactivation is false" in first
    assert "point 2: deactivation is 'no', neither true nor false" in second


def test_subjects_are_a_sample_size(tmp_path: Path) -> None:
    content = signed(POINT)
    content["studies"][0]["analyses"][0]["metadata"] = {"subjects": 84}
    assert read_nimads(write(tmp_path, content), effect="up")[0].n == 84
