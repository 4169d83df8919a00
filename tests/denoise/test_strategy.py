"""Which confounds a strategy chooses, and how a strategy is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids.denoise import Strategy, load_strategy, strategy_names
from fcnm_bids.errors import RequestError, RunError

MOTION = [
    f"{kind}_{axis}{suffix}"
    for kind in ("trans", "rot")
    for axis in "xyz"
    for suffix in ("", "_derivative1", "_power2", "_derivative1_power2")
]
TISSUE = ["white_matter", "csf", "global_signal"]


def strategy(*patterns: str, **compcor: int) -> Strategy:
    return Strategy("mine", patterns, "", compcor)


def strategy_file(folder: Path, content: object) -> str:
    path = folder / "mine.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_the_strategies_of_the_package() -> None:
    assert strategy_names() == (
        "24P",
        "26P",
        "27P",
        "36P",
        "3P",
        "acompcor",
        "acompcor_gsr",
        "none",
    )
    for name in strategy_names():
        loaded = load_strategy(name)
        assert loaded.name == name
        assert loaded.description


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", []),
        ("24P", MOTION),
        ("27P", MOTION + TISSUE),
        (
            "36P",
            MOTION
            + [
                tissue + suffix
                for tissue in TISSUE
                for suffix in ("", "_derivative1", "_power2", "_derivative1_power2")
            ],
        ),
        ("acompcor", MOTION),
        ("acompcor_gsr", [*MOTION, "global_signal"]),
    ],
)
def test_what_each_strategy_removes(name: str, expected: list[str]) -> None:
    loaded = load_strategy(name)
    assert set(loaded.patterns) == set(expected)
    assert len(loaded.patterns) == len(expected)
    assert loaded.compcor == ({"WM": 5, "CSF": 5} if name.startswith("acompcor") else {})


def test_columns_come_in_the_strategys_order_each_once() -> None:
    available = ["csf", "cosine01", "cosine00", "csf_power2", "global_signal"]
    chosen = strategy("global_signal", "cosine*", "c*").columns(available, {})
    assert chosen == ["global_signal", "cosine01", "cosine00", "csf", "csf_power2"]


def test_a_name_matches_only_itself() -> None:
    assert strategy("csf").columns(["csf_derivative1", "csf", "CSF"], {}) == ["csf"]


def test_a_range_of_components() -> None:
    available = [f"a_comp_cor_{i:02}" for i in range(12)]
    chosen = strategy("a_comp_cor_0[0-4]").columns(available, {})
    assert chosen == available[:5]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(RunError) as caught:
        strategy("csf", "wm", "cosine*").columns(["csf"], {})
    assert str(caught.value) == (
        "strategy mine needs confounds that the table does not have: wm, cosine*; name the "
        "available columns in a JSON file (--nuisance-regressors FILE)"
    )


def test_many_missing_names_are_counted() -> None:
    with pytest.raises(RunError, match="c7 and 3 more; name the"):
        strategy(*(f"c{i}" for i in range(11))).columns([], {})


@pytest.mark.parametrize(("available", "said"), [([], True), (["rot_z"], False)])
def test_a_table_without_any_motion_is_said(available: list[str], said: bool) -> None:
    with pytest.raises(RunError) as caught:
        strategy("trans_x").columns(available, {})
    assert ("the table has no motion columns" in str(caught.value)) is said


def test_components_named_after_their_mask() -> None:
    available = [f"{m}_comp_cor_{i:02}" for m in "cw" for i in (2, 0, 1)]
    chosen = strategy(WM=2, CSF=1).columns(available, {})
    assert chosen == ["w_comp_cor_00", "w_comp_cor_01", "c_comp_cor_00"]


def test_components_whose_mask_stands_in_the_sidecar() -> None:
    masks = ["combined", "CSF", "CSF", "WM", "WM"]
    metadata = {f"a_comp_cor_{i:02}": {"Mask": mask} for i, mask in enumerate(masks)}
    chosen = strategy(WM=2, CSF=1, combined=1).columns(list(metadata), metadata)
    assert chosen == ["a_comp_cor_03", "a_comp_cor_04", "a_comp_cor_01", "a_comp_cor_00"]


def test_component_hundred_comes_after_component_ninety_nine() -> None:
    names = [f"a_comp_cor_{i:02}" for i in range(97, 104)]
    metadata = {name: {"Mask": "WM"} for name in names}
    assert strategy(WM=5).columns(sorted(names), metadata) == names[:5]


def test_components_that_the_table_does_not_have_are_not_chosen() -> None:
    metadata = {f"a_comp_cor_{i:02}": {"Mask": "WM"} for i in range(5)}
    with pytest.raises(RunError, match=r"5 aCompCor components of WM \(only 4 present\)"):
        strategy(WM=5).columns(list(metadata)[:4], metadata)


@pytest.mark.parametrize("metadata", [{}, {"a_comp_cor_00": "no object"}])
def test_components_of_an_unknown_mask(metadata: dict[str, object]) -> None:
    with pytest.raises(RunError, match=r"1 aCompCor components of CSF \(only 0 present\)"):
        strategy(CSF=1).columns(["a_comp_cor_00"], metadata)


def test_a_strategy_from_a_file(tmp_path: Path) -> None:
    content = {"confounds": ["csf", "cosine*"], "compcor": {"WM": 3}, "description": "mine alone"}
    loaded = load_strategy(strategy_file(tmp_path, content))
    assert loaded == Strategy("mine", ("csf", "cosine*"), "mine alone", {"WM": 3})


@pytest.mark.parametrize(
    ("confounds", "description"), [(["csf", "wm"], "the confounds csf, wm"), ([], "none")]
)
def test_a_description_is_made_where_there_is_none(
    tmp_path: Path, confounds: list[str], description: str
) -> None:
    loaded = load_strategy(strategy_file(tmp_path, {"confounds": confounds}))
    assert description in loaded.description


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        (["csf"], "a strategy has to be an object"),
        ({"confounds": "csf"}, '"confounds" has to be a list'),
        ({"confounds": ["csf", ""]}, '"confounds" has to be a list'),
        ({"confounds": [1]}, '"confounds" has to be a list'),
        ({}, '"confounds" has to be a list'),
        ({"confounds": [], "compcor": ["WM"]}, "number of components per mask"),
        ({"confounds": [], "compcor": {"WM": 0}}, "number of components per mask"),
        ({"confounds": [], "compcor": {"WM": True}}, "number of components per mask"),
        ({"confounds": [], "confound": []}, "unknown keys confound"),
    ],
)
def test_a_file_that_holds_no_strategy(tmp_path: Path, content: object, problem: str) -> None:
    with pytest.raises(RequestError, match=problem) as caught:
        load_strategy(strategy_file(tmp_path, content))
    assert "mine" in str(caught.value)


def test_all_problems_of_a_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        load_strategy(strategy_file(tmp_path, {"confound": 1, "compcor": 5}))
    assert len(caught.value.problems) == 3


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RequestError, match="the text is not UTF-16"):
        load_strategy(str(path))


def test_a_name_that_is_neither_strategy_nor_file() -> None:
    with pytest.raises(RequestError, match=r"25P: neither a strategy \(24P, .*\) nor a file"):
        load_strategy("25P")
