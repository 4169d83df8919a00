"""Names become labels, labels become paths, and paths give their entities back."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from bids.layout import Config, parse_file_entities
from bids.layout.utils import PaddedInt
from bids.layout.writing import build_path
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.bids.names import (
    LONGEST_LABEL,
    PYBIDS_CONFIG,
    build_name,
    check_names,
    entity_names,
    parse_entities,
    to_label,
    to_labels,
)

BOLD = "sub-01_ses-pre_task-rest_acq-x_dir-AP_run-02_space-MNI152NLin6Asym_res-2_desc-preproc_bold"


@given(st.text())
def test_a_label_is_made_of_letters_and_digits(name: str) -> None:
    assert re.fullmatch(rf"[A-Za-z0-9]{{1,{LONGEST_LABEL}}}", to_label(name))
    assert to_label(name) == to_label(name)


@given(st.from_regex(rf"[A-Za-z0-9]{{1,{LONGEST_LABEL}}}", fullmatch=True))
def test_a_label_is_its_own_label(label: str) -> None:
    assert to_label(label) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Smith 2020: pain > rest", "Smith2020paingtrest"),
        ("MDD < HC", "MDDltHC"),
        ("-1", "minus1"),
        ("A \u2212 B", "AminusB"),
        ("A - B", "AminusB"),
        ("HC-", "HCminus"),
        ("COVID-19, 2010\u20132012", "COVID1920102012"),
        ("Müller & Gómez", "MullerGomez"),
        ("../../x", "x"),
        ("/etc/passwd", "etcpasswd"),
        ("C:\\windows", "Cwindows"),
        ("ﬁne", "fine"),
        ("a" * 300, "a" * 60),
    ],
)
def test_the_label_of_a_name(name: str, label: str) -> None:
    assert to_label(name) == label


@pytest.mark.parametrize("name", ["ύπνος", "睡眠", "..", "", "🧠"])
def test_a_name_without_latin_letters_has_a_label_of_its_own(name: str) -> None:
    assert re.fullmatch(r"x[0-9a-f]{8}", to_label(name))


def test_greek_and_chinese_names_do_not_collide() -> None:
    names = ["ύπνος", "πόνος", "睡眠", "疼痛", "Schlaf"]
    labels = to_labels(names)
    assert list(labels) == names
    assert len(set(labels.values())) == len(names)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("pain 1", "pain-1"), ("pain1", "pain1n2")),
        (("Pain", "pain", "PAIN"), ("Pain", "painn2", "PAINn3")),
        (("A", "a", "An2"), ("A", "an3", "An2")),
        (("Müller", "Muller"), ("Muller", "Mullern2")),
        (("a" * 60 + "b", "a" * 60 + "c"), ("a" * 60, "a" * 58 + "n2")),
        (("1", "-1"), ("1", "minus1")),
        (("MDD > HC", "MDD < HC"), ("MDDgtHC", "MDDltHC")),
        (("up", "up", "down"), ("up", "down")),
    ],
)
def test_labels_that_are_alike_are_numbered(
    names: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    assert tuple(to_labels(names).values()) == labels


@given(st.lists(st.text("aAäÄ-> \u0308\u03b1 n2", max_size=6) | st.text(max_size=90), max_size=30))
def test_every_name_has_a_label_of_its_own_whatever_the_file_system(names: list[str]) -> None:
    labels = to_labels(names)
    assert list(labels) == list(dict.fromkeys(names))
    folded = {unicodedata.normalize("NFC", label).casefold() for label in labels.values()}
    assert len(folded) == len(labels)
    assert all(re.fullmatch(rf"[A-Za-z0-9]{{1,{LONGEST_LABEL}}}", x) for x in labels.values())


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("pain\n1", "U+000A (a control character)"),
        ("pain\u202e", "U+202E (right-to-left override)"),
        ("pa\u200bin", "U+200B (zero width space)"),
        ("\x7f", "U+007F (a control character)"),
    ],
)
def test_characters_that_nobody_sees_are_named(name: str, named: str) -> None:
    (problem,) = check_names(["fine", name, name], "contrast")
    assert problem == f"the contrast {name!a} holds {named}, which is invisible; remove it"
    assert problem.isprintable()


def test_entities_of_an_image() -> None:
    entities = parse_entities(Path(f"{BOLD}.nii.gz"))
    run = entities.pop("run")
    assert run == 2
    assert str(run) == "02"
    assert entities == {
        "subject": "01",
        "session": "pre",
        "task": "rest",
        "acquisition": "x",
        "direction": "AP",
        "space": "MNI152NLin6Asym",
        "res": "2",
        "desc": "preproc",
        "suffix": "bold",
        "extension": ".nii.gz",
    }


@pytest.mark.parametrize("folder", ["/data/sub-99/func", "/ses-x/task-y", "räume und/空 格"])
def test_only_the_name_of_a_file_says_what_it_is(folder: str) -> None:
    name = Path(f"{BOLD}.json")
    assert parse_entities(folder / name) == parse_entities(name)


CONFIGS = [Config.load(name) for name in ("bids", "derivatives", str(PYBIDS_CONFIG))]
LABEL = st.text("abXY01+", min_size=1, max_size=4)
PART = st.tuples(st.sampled_from(["ses", "task", "run", "desc", "from", "res", "x"]), LABEL)
ENDING = st.sampled_from(["bold.nii.gz", "scans.tsv", "xfm.h5", "desc-x", "1.nii", "epi.nii"])


@given(subject=LABEL, parts=st.lists(PART, max_size=4), ending=ENDING, head=st.sampled_from("s_"))
def test_entities_do_not_depend_on_what_was_parsed_before(
    subject: str, parts: list[tuple[str, str]], ending: str, head: str
) -> None:
    named = [f"{head}ub-{subject}", *(f"{name}-{value}" for name, value in parts), ending]
    path = Path("_".join(named))
    expected = parse_file_entities(f"/{path}", config=CONFIGS)
    assert parse_entities(path) == expected
    assert list(parse_entities(path)) == list(expected)


OUTPUTS = {
    "sub-a+1/func/sub-a+1_task-rest_space-S_res-2_seed-x_stat-fisherz_statmap.nii.gz": {
        "subject": "a+1",
        "task": "rest",
        "space": "S",
        "res": "2",
        "seed": "x",
        "stat": "fisherz",
        "suffix": "statmap",
        "extension": ".nii.gz",
    },
    "sub-01/func/sub-01_task-rest_space-S_cohort-3_desc-qc_metrics.tsv": {
        "subject": "01",
        "task": "rest",
        "space": "S",
        "cohort": "3",
        "desc": "qc",
        "suffix": "metrics",
        "extension": ".tsv",
    },
    "seeds/seed-x_space-S_mask.nii.gz": {
        "seed": "x",
        "space": "S",
        "suffix": "mask",
        "extension": ".nii.gz",
    },
    "group/seed-x_space-S_stat-t_statmap.nii.gz": {
        "seed": "x",
        "space": "S",
        "stat": "t",
        "suffix": "statmap",
        "extension": ".nii.gz",
    },
    "group/seed-x_space-S_desc-significant_mask.nii.gz": {
        "seed": "x",
        "space": "S",
        "desc": "significant",
        "suffix": "mask",
        "extension": ".nii.gz",
    },
    "group/network-up_space-S_probseg.nii.gz": {
        "network": "up",
        "space": "S",
        "suffix": "probseg",
        "extension": ".nii.gz",
    },
    "group/network-up_desc-clusters_clusters.tsv": {
        "network": "up",
        "desc": "clusters",
        "suffix": "clusters",
        "extension": ".tsv",
    },
}


@pytest.mark.parametrize(("path", "entities"), OUTPUTS.items())
def test_the_path_of_an_output_and_its_way_back(path: str, entities: dict[str, str]) -> None:
    assert build_name(entities) == Path(path)
    assert parse_entities(Path(path)) == entities


@pytest.mark.parametrize(
    "entities",
    [
        {"seed": "x", "suffix": "statmap", "extension": ".nii.gz"},
        {"network": "up", "space": "S", "suffix": "statmap", "extension": ".nii.gz"},
        {"seed": "x", "space": "S", "suffix": "mask", "extension": ".nii.gz", "colour": "red"},
    ],
)
def test_entities_that_name_no_output_are_a_mistake_of_ours(entities: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no output"):
        build_name(entities)


def test_our_entities_are_known_beside_those_of_pybids() -> None:
    assert entity_names() >= {"seed", "network", "stat", "cohort", "acquisition", "res", "run"}


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_ses-a_task-rest_acq-x_dir-AP_run-01_echo-2_part-mag_space-MNI152NLin6Asym_res-2_"
        "desc-preproc_bold.nii.gz",
        "sub-01_task-rest_desc-confounds_timeseries.tsv",
        "sub-01_space-MNI152NLin6Asym_cohort-1_label-GM_probseg.nii.gz",
        "seed-x_space-MNI152NLin6Asym_stat-t_statmap.json",
        "sub-+_task-é_bold.nii",
        "participants.tsv",
        "",
    ],
)
def test_entities_are_those_of_pybids(name: str) -> None:
    from bids.layout import parse_file_entities

    from fcnm_bids.bids.names import PYBIDS_CONFIG

    configs = ["bids", "derivatives", str(PYBIDS_CONFIG)]
    expected = parse_file_entities(f"/{name}", config=configs)
    found = parse_entities(Path(name))
    assert found == expected
    assert {k: str(v) for k, v in found.items()} == {k: str(v) for k, v in expected.items()}


@pytest.mark.parametrize("run", [1, "01", "1", PaddedInt("01"), None])
def test_outputs_of_many_participants_have_the_names_that_pybids_builds(run: object) -> None:
    patterns = Config.load(str(PYBIDS_CONFIG)).default_path_patterns
    for subject in ("01", "label", "subject"):
        entities = {"subject": subject, "task": "rest", "run": run, "space": "MNI152NLin6Asym"}
        entities |= {"desc": "projected", "suffix": "timeseries", "extension": ".h5"}
        assert str(build_name(entities)) == build_path(dict(entities), patterns, strict=True)
