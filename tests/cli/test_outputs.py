"""What both levels leave behind: found, valid, described and complete."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from bids.layout import BIDSLayout, Query

from fcnm_bids.bids.names import PYBIDS_CONFIG, parse_entities
from fcnm_bids.simulate import Truth
from tests.cli.desk import Finished, read_table

PARTICIPANTS = ("01", "02", "03", "04")


@pytest.fixture(scope="module")
def root(finished: Finished) -> Path:
    return finished.output


@pytest.fixture(scope="module")
def seed(root: Path) -> str:
    """The label of the contrast whose name has no Latin letter."""
    [other] = {str(parse_entities(p)["seed"]) for p in root.glob("seeds/*.json")} - {"x"}
    return other


@pytest.fixture(scope="module")
def layout(root: Path) -> Iterator[BIDSLayout]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield BIDSLayout(root, validate=False, config=["bids", "derivatives", PYBIDS_CONFIG])


def images(root: Path) -> list[Path]:
    return sorted(root.rglob("*.nii.gz"))


def sidecar(path: Path) -> dict[str, Any]:
    name = path.name.removesuffix(".nii.gz").removesuffix(".tsv")
    content: dict[str, Any] = json.loads(path.with_name(f"{name}.json").read_text("utf-8"))
    return content


def out_files(root: Path) -> list[Path]:
    tables = [*root.glob("sub-*/manifest.tsv"), root / "group" / "manifest.tsv"]
    return [root / name for table in tables for name in read_table(table)["path"]]


@pytest.mark.parametrize("folder", [*(f"sub-{label}" for label in PARTICIPANTS), "group"])
def test_a_manifest_lists_everything_and_all_is_there(root: Path, folder: str) -> None:
    table = read_table(root / folder / "manifest.tsv")
    assert set(table["status"]) == {"present"}
    listed = {root / name for name in table["path"]}
    assert all(path.is_file() for path in listed)
    there = {path for path in (root / folder).rglob("*") if path.is_file()}
    unlisted = {path.name for path in there - listed}
    assert unlisted == {"manifest.tsv", "manifest.json"}


def test_what_the_documentation_promises_is_there(root: Path, seed: str) -> None:
    place = "space-MNI152NLin6Asym_res-8"
    expected = ["dataset_description.json", ".bidsignore", "participants.tsv", "foci.tsv"]
    expected += ["group/network-increase_desc-clusters_clusters.tsv", "group.html"]
    expected += [f"group/network-increase_{place}_{kind}.nii.gz" for kind in ("probseg", "mask")]
    for label in ("x", seed):
        expected.append(f"seeds/seed-{label}_{place}_mask.nii.gz")
        expected.append(f"group/seed-{label}_{place}_desc-significant_mask.nii.gz")
        for stat in ("t", "z", "effect", "variance", "n"):
            expected.append(f"group/seed-{label}_{place}_stat-{stat}_statmap.nii.gz")
    for participant in PARTICIPANTS:
        stem = f"sub-{participant}/func/sub-{participant}_task-rest_{place}"
        expected += [f"{stem}_seed-{s}_stat-fisherz_statmap.nii.gz" for s in ("x", seed)]
        expected += [f"{stem}_desc-qc_metrics.tsv", f"sub-{participant}.html"]
        for run in ("",) if participant in ("01", "03") else ("_run-1", "_run-2"):
            stored = f"sub-{participant}_task-rest{run}_{place}_desc-projected_timeseries.h5"
            expected.append(f"connectome/sub-{participant}/func/{stored}")
    assert [name for name in expected if not (root / name).is_file()] == []
    of_participants = {path.name for path in root.glob("sub-*/func/*run-*.nii.gz")}
    assert of_participants == set(), "maps are of all runs of a participant"


def test_every_promised_image_and_table_is_found_by_its_entities(
    root: Path, layout: BIDSLayout
) -> None:
    looked_for = [
        p for p in out_files(root) if p.name.endswith((".nii.gz", ".tsv", ".h5", ".json"))
    ]
    assert len(looked_for) > 80
    top = {"foci.tsv", "participants.tsv", "participants.json"}
    for path in looked_for:
        if path.name in top:
            continue
        absent = dict.fromkeys(("desc", "stat"), Query.NONE)
        found = layout.get(**{**absent, **parse_entities(path)})
        assert [Path(file.path) for file in found] == [path], path.name


@pytest.mark.parametrize(
    ("entities", "n"),
    [
        ({"seed": "x", "stat": "fisherz", "suffix": "statmap", "extension": ".nii.gz"}, 4),
        ({"subject": "02", "stat": "fisherz", "extension": ".nii.gz"}, 2),
        ({"seed": "x", "stat": "t", "extension": ".nii.gz"}, 1),
        ({"stat": ["t", "z", "variance", "n"], "desc": None, "extension": ".nii.gz"}, 8),
        ({"desc": "significant", "suffix": "mask", "extension": ".nii.gz"}, 2),
        ({"network": "increase", "suffix": "probseg", "desc": None, "extension": ".nii.gz"}, 1),
        ({"network": "increase", "suffix": "mask", "desc": None, "extension": ".nii.gz"}, 1),
        ({"network": "increase", "desc": "clusters", "extension": ".tsv"}, 1),
        ({"desc": "projected", "suffix": "timeseries", "extension": ".h5"}, 6),
        ({"subject": "04", "run": 2, "desc": "projected"}, 1),
        ({"desc": "qc", "suffix": "metrics", "extension": ".tsv"}, 4),
        ({"space": "MNI152NLin6Asym", "res": "8", "seed": "x", "suffix": "mask"}, 4),
    ],
)
def test_a_query_finds_as_many_as_there_are(
    layout: BIDSLayout, entities: dict[str, Any], n: int
) -> None:
    query = {k: Query.NONE if v is None else v for k, v in entities.items()}
    assert len(layout.get(**query)) == n


def validate(folder: Path) -> list[dict[str, Any]]:
    program = Path(sys.executable).with_name("bids-validator-deno")
    if not program.is_file():
        pytest.skip("bids-validator-deno is not installed beside this Python")
    ended = subprocess.run(
        [str(program), str(folder), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    issues: list[dict[str, Any]] = json.loads(ended.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"]


@pytest.mark.parametrize("folder", [".", "connectome"])
def test_the_validator_finds_no_error(root: Path, folder: str) -> None:
    assert validate(root / folder) == []


def test_every_ignored_pattern_is_needed(root: Path) -> None:
    lines = (root / ".bidsignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    there = [f"/{path.relative_to(root).as_posix()}" for path in root.rglob("*")]
    for pattern in patterns:
        anchored = pattern if pattern.startswith("/") else f"/{pattern.removeprefix('**/')}"
        anywhere = f"*{anchored}" if pattern.startswith("**/") else anchored
        assert any(fnmatch(path, anywhere) for path in there), pattern


def test_every_image_and_table_has_a_sidecar(root: Path) -> None:
    undescribed = {"foci.tsv"}
    for path in (*images(root), *root.rglob("*.tsv")):
        if path.name not in undescribed:
            assert sidecar(path), path.name


def test_every_json_file_is_valid(root: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    paths = list(root.rglob("*.json"))
    assert len(paths) > 50
    for path in paths:
        content = json.loads(path.read_text("utf-8"), parse_constant=refuse)
        assert isinstance(content, dict), path


def test_sidecars_of_images_say_what_and_how(root: Path) -> None:
    for path in images(root):
        content = sidecar(path)
        assert content["Description"], path.name
        assert content["Resolution"], path.name  # BIDS asks for it where there is res-
        if "seed" in parse_entities(path):
            assert content["Contrast"] in ("../../x", "ύπνος")
            assert content["Effect"] == "increase"
            assert content["SphereRadius"] == 4
            assert len(content["Foci"]) >= 3


def test_group_maps_state_their_test(root: Path, seed: str) -> None:
    [mask] = root.glob(f"group/seed-{seed}_*_desc-significant_mask.nii.gz")
    content = sidecar(mask)
    assert content["NumberOfParticipants"] == 4
    assert content["HeightControl"] == "fwe"
    assert (content["Alpha"], content["Tail"]) == (0.05, "positive")
    assert content["Threshold"] > 0
    assert content["VoxelsSignificant"] == np.count_nonzero(nib.load(mask).dataobj)


def test_maps_of_participants_state_their_runs(root: Path) -> None:
    [path] = root.glob("sub-02/func/*_seed-x_stat-fisherz_statmap.nii.gz")
    content = sidecar(path)
    assert len(content["Sources"]) == 2
    assert all(uri.startswith("bids:preprocessed:sub-02/func/") for uri in content["Sources"])
    assert content["RunWeights"] == [m - 2 for m in content["DegreesOfFreedom"]]
    assert content["Denoising"]["smoothing"] == 6


def test_every_image_lies_on_the_grid_of_the_data(root: Path, simulated: Truth) -> None:
    for path in images(root):
        image = nib.load(path)
        assert image.shape == simulated.grid.shape, path.name
        np.testing.assert_allclose(image.affine, simulated.grid.affine, atol=1e-4)


def test_tables_have_columns_that_are_described_and_no_empty_cells(root: Path) -> None:
    for path in (*root.glob("sub-*/**/*.tsv"), *root.glob("group/*.tsv")):
        table = read_table(path)
        described = sidecar(path)
        assert set(table.columns) <= set(described), path.name
        assert not (table == "").any(axis=None), path.name


def test_names_are_kept_where_labels_cannot_hold_them(root: Path, seed: str) -> None:
    foci = read_table(root / "foci.tsv")
    assert set(foci["contrast"]) == {"../../x", "ύπνος"}
    [table] = root.glob("sub-01/func/*desc-coverage_metrics.tsv")
    named = read_table(table).set_index("contrast")["seed"]
    assert dict(named) == {"../../x": "x", "ύπνος": seed}


def test_participants_keep_what_the_data_set_says_about_them(
    root: Path, finished: Finished
) -> None:
    table = read_table(root / "participants.tsv").set_index("participant_id")
    before = read_table(finished.fmriprep / "participants.tsv").set_index("participant_id")
    assert list(table["n_runs"]) == ["1", "2", "1", "2"]
    for column in before.columns:
        assert list(table[column]) == list(before[column])


def test_no_file_is_half_written(root: Path) -> None:
    assert [path for path in root.rglob(".*") if path.name not in (".bidsignore", ".lock")] == []
    assert list(root.rglob("*.tmp")) == []
