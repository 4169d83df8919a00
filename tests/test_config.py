"""Settings: their defaults, what is refused, and the way to TOML and back."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, FrozenInstanceError, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.config import INHERITED, SECTIONS, Config, read_sections
from fcnm_bids.errors import RequestError
from fcnm_bids.setting import flag

FIELDS = [(section, option.name) for section, kind in SECTIONS.items() for option in fields(kind)]


def config(**sections: dict[str, Any]) -> Config:
    return Config("bids", "out", "participant").update(sections)


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(0, 10_000),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(exclude_categories=("Cs",))),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values that an option of this type may have."""
    if hint in PLAIN:
        return PLAIN[hint]
    choices = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(values_of(choices[0]), max_size=3).map(tuple)
    if get_origin(hint) is Literal:
        return st.sampled_from(choices)
    return st.one_of([values_of(one) for one in choices])


configs = st.builds(
    Config,
    command_line=st.sampled_from(["", "fcnm-bids '/a b' --x \"1\""]),
    bids_dir=st.sampled_from(["/data/bids", "/Δεδομένα/受试者 1"]),
    output_dir=st.just("/out"),
    analysis_level=st.sampled_from(["participant", "group"]),
    **{
        section: st.builds(
            kind, **{name: values_of(hint) for name, hint in get_type_hints(kind).items()}
        )
        for section, kind in SECTIONS.items()
    },
)


@given(configs)
def test_toml_round_trip(tmp_path_factory: pytest.TempPathFactory, saved: Config) -> None:
    path = tmp_path_factory.mktemp("toml") / "config.toml"
    path.write_text(saved.to_toml(), encoding="utf-8")
    assert Config.read(path) == saved


def test_the_defaults_are_those_of_the_method() -> None:
    c = config()
    assert (c.seeds.radius, c.seeds.sphere, c.seeds.unit, c.seeds.min_coverage) == (
        4,
        "mm",
        "contrast",
        0.5,
    )
    assert (c.denoising.nuisance_regressors, c.denoising.high_pass, c.denoising.low_pass) == (
        "27P",
        0.01,
        0.1,
    )
    assert (c.denoising.fd_threshold, c.denoising.min_time, c.denoising.min_dof) == (0.5, 240, 30)
    assert c.denoising.smoothing == 6
    assert (c.group.height_control, c.group.alpha, c.group.tail) == ("fwe", 0.05, "positive")
    assert (c.group.network_threshold, c.group.min_cluster_volume) == (0.6, 810)
    assert c.group.min_subjects == 0.9


def test_the_defaults_have_no_problems() -> None:
    assert config().problems() == []


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_has_a_default_and_none_can_be_changed_in_place(section: str) -> None:
    kind = SECTIONS[section]
    for option in fields(kind):
        assert option.default is not MISSING or option.default_factory is not MISSING
    settings = getattr(config(), section)
    with pytest.raises(FrozenInstanceError):
        setattr(settings, fields(kind)[0].name, None)


def test_the_sections_are_those_of_the_configuration() -> None:
    hints = get_type_hints(Config)
    assert {name: hint for name, hint in hints.items() if is_dataclass(hint)} == SECTIONS


@pytest.mark.parametrize(
    ("section", "option", "value", "told"),
    [
        ("seeds", "radius", 0.0, "--radius 0"),
        ("seeds", "radius", -4.0, "--radius -4"),
        ("seeds", "min_coverage", 1.2, "--min-coverage"),
        ("denoising", "high_pass", -0.01, "--high-pass"),
        ("denoising", "high_pass", 0.1, "--high-pass 0.1 is not below --low-pass 0.1"),
        ("denoising", "dummy_scans", "-3", "--dummy-scans -3"),
        ("denoising", "dummy_scans", "some", "--dummy-scans some"),
        ("denoising", "fd_threshold", -1.0, "--fd-threshold"),
        ("denoising", "min_time", -1.0, "--min-time"),
        ("denoising", "min_dof", 2, "--min-dof"),
        ("denoising", "smoothing", -6.0, "--smoothing"),
        ("group", "alpha", 0.0, "--alpha"),
        ("group", "alpha", 1.0, "--alpha"),
        ("group", "network_threshold", 0.0, "--network-threshold"),
        ("group", "network_threshold", 1.01, "--network-threshold"),
        ("group", "min_cluster_volume", -1.0, "--min-cluster-volume"),
        ("group", "min_subjects", 0.0, "--min-subjects"),
        ("group", "min_mean_z", -0.1, "--min-mean-z"),
        ("group", "contrast_min_cluster", -1, "--contrast-min-cluster"),
        ("resources", "nprocs", 0, "--nprocs"),
        ("resources", "omp_nthreads", 0, "--omp-nthreads"),
        ("resources", "mem_gb", 0.0, "--mem-gb"),
        ("resources", "mem_gb", -1.0, "--mem-gb"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_problem_with_its_flag(
    section: str, option: str, value: Any, told: str
) -> None:
    [problem] = config(**{section: {option: value}}).problems()
    assert told in problem


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("seeds", "min_coverage", 0.0),
        ("denoising", "low_pass", 0.0),
        ("denoising", "high_pass", 0.0),
        ("denoising", "dummy_scans", "0"),
        ("denoising", "fd_threshold", 0.0),
        ("denoising", "smoothing", 0.0),
        ("group", "network_threshold", 1.0),
        ("group", "min_subjects", 1.0),
    ],
)
def test_a_value_at_the_edge_is_allowed(section: str, option: str, value: Any) -> None:
    assert config(**{section: {option: value}}).problems() == []


@pytest.mark.parametrize(
    ("section", "option"),
    [(s, o) for s, o in FIELDS if get_type_hints(SECTIONS[s])[o] in (float, float | None)],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_may_be_endless(section: str, option: str, value: float) -> None:
    problems = config(**{section: {option: value}}).problems()
    assert problems[0] == f"{flag(option)} {value}: a finite number was expected"


def test_all_problems_are_told_at_once() -> None:
    wrong = config(seeds={"radius": -1.0}, group={"alpha": 2.0}, resources={"nprocs": 0})
    assert len(wrong.problems()) == 3
    # a band below 0 is also upside down
    assert len(config(denoising={"low_pass": -0.1}).problems()) == 2


def test_the_store_lies_in_the_output_folder_unless_it_is_named() -> None:
    assert config().connectome_path == Path("out/connectome")
    named = config(connectome={"connectome_dir": "/lab/store"})
    assert named.connectome_path == Path("/lab/store")


@pytest.mark.parametrize(
    ("settings", "makes"),
    [
        ({}, True),
        ({"subject_maps": "none"}, False),
        ({"connectome_only": True}, False),
    ],
)
def test_whether_maps_of_participants_are_made(settings: dict[str, Any], makes: bool) -> None:
    assert config(connectome=settings).makes_subject_maps is makes


def test_settings_without_a_value_are_not_in_the_file() -> None:
    content = tomllib.loads(config().to_toml())
    assert "coordinates" not in content["seeds"]
    assert content["fcnm_bids_version"]


def test_what_is_inherited_exists_and_leaves_resources_out() -> None:
    for section, options in INHERITED.items():
        assert set(options) <= set(asdict(getattr(config(), section)))
    assert set(INHERITED) & {"resources", "running", "group"} == set()
    assert "participant_label" not in INHERITED["selection"]


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_what_a_file_says_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, '[seeds]\nradius = 6\nmasks = ["a.nii"]\n[running]\nverbose = 2\n')
    assert read_sections(path) == {
        "seeds": {"radius": 6.0, "masks": ("a.nii",)},
        "running": {"verbose": 2},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[seeds]\nradios = 4.0", "[seeds] has no option radios"),
        ("[seed]\nradius = 4.0", "no section [seed]"),
        ("radius = 4.0", "no section [radius]"),
        ('[seeds]\nradius = "4"', "[seeds] radius = '4'"),
        ("[seeds]\nradius = true", "radius"),
        ('[seeds]\nsphere = "cube"', "mm, voxel-rounded"),
        ('[seeds]\nmasks = "a.nii"', "a list in brackets was expected"),
        ("[seeds]\nmasks = [1]", "masks"),
        ("[denoising]\nmin_dof = 30.5", "min_dof"),
        ("[denoising]\ndummy_scans = 3", "dummy_scans"),
        ('[running]\noverwrite = "yes"', "overwrite"),
        ("[seeds\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_sections(write(tmp_path, text))
    [problem] = refused.value.problems
    assert told in problem


def test_all_problems_of_a_file_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, '[seeds]\nradius = "4"\nx = 1\n[nonsense]\ny = 2\n')
    with pytest.raises(RequestError) as refused:
        read_sections(path)
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("content", [None, b"\xff\xfe[seeds]"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "absent.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=r"absent\.toml"):
        read_sections(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "not a regular file"), ("a = " + "[" * 5000, "nested too deeply")],
)
def test_a_settings_file_that_never_ends_is_refused(
    tmp_path: Path, content: str | None, told: str
) -> None:
    path = Path("/dev/zero")
    if content is not None:
        path = tmp_path / "config.toml"
        path.write_text(content)
    with pytest.raises(RequestError, match=told):
        read_sections(path)
