from __future__ import annotations

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs import templates
from fcnm_bids.inputs.atlas import (
    CORTEX,
    SEGMENTATIONS,
    SUBCORTEX,
    AtlasFiles,
    check_atlas,
    find_atlas,
    network_atlas,
    read_atlas,
)
from fcnm_bids.inputs.region_names import YEO
from fcnm_bids.network import region_name

SPACE = "MNI152NLin6Asym"
AFFINE = np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
GRID = Grid((91, 109, 91), AFFINE, SPACE)
SMALL = Grid((4, 4, 4), np.diag([2.0, 2, 2, 1]), SPACE)
SCHAEFER = "atlas-Schaefer2018_desc-400Parcels7Networks_dseg"

KNOWN = {
    "Visual": [(-8, -92, 0), (12, -86, 4), (30, -88, 2)],
    "Somatomotor": [(-40, -24, 56), (42, -22, 54), (-52, -18, 6)],
    "Dorsal attention": [(-26, -62, 56), (28, -58, 56), (-48, -64, 2)],
    "Salience and ventral attention": [(-36, 18, 2), (40, 16, 2), (58, -38, 28)],
    "Limbic": [(-24, 12, -34), (28, 10, -36), (-12, 28, -22)],
    "Control": [(-46, 30, 24), (46, 32, 24), (44, -56, 48)],
    "Default mode": [(-6, 52, 8), (6, -54, 28), (-48, -66, 32)],
}
"""Well-known places of Yeo's networks, in mm."""


def write_atlas(
    folder: Path, name: str = f"atlas-Mine_space-{SPACE}_dseg", table: str | None = None
) -> Path:
    labels = np.zeros(SMALL.shape, np.int16)
    labels[:2], labels[2:] = 1, 2
    image = folder / f"{name}.nii.gz"
    nib.save(nib.Nifti1Image(labels, SMALL.affine), image)
    (folder / f"{name}.tsv").write_text(table or "index\tname\n1\tone\n2\ttwo\n")
    return image


@pytest.fixture
def templateflow(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = shutil.copytree(shared_data / "templateflow", tmp_path / "templateflow")
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(home))
    return home


def at(position: tuple[float, float, float]) -> int:
    index = np.rint(np.linalg.inv(AFFINE)[:3, :3] @ position + np.linalg.inv(AFFINE)[:3, 3])
    return int(np.ravel_multi_index(tuple(index.astype(int)), GRID.shape, order="F"))


def test_the_default_is_yeos_seven_and_a_word_on_what_is_missing(templateflow: Path) -> None:
    files = find_atlas((), SPACE)
    atlas = read_atlas(files, GRID)
    assert atlas is not None
    assert list(atlas.networks) == list(YEO.values())
    assert sum(len(members) for members in atlas.networks.values()) == 400
    assert ["nuclei and cerebellum" in line for line in files.missing] == [True]


@pytest.mark.parametrize("network", KNOWN)
def test_known_places_lie_in_their_network(templateflow: Path, network: str) -> None:
    atlas = read_atlas(find_atlas((), SPACE), GRID)
    assert atlas is not None
    for position in KNOWN[network]:
        number = atlas.labels[at(position)]
        found = [name for name, members in atlas.networks.items() if number in members]
        assert found == [network], (position, region_name(atlas, at(position)))


def test_the_other_space_has_its_own_atlas(templateflow: Path) -> None:
    files = find_atlas((), "MNI152NLin2009cAsym")
    assert all("tpl-MNI152NLin2009cAsym" in path.name for path in files.paths)
    assert files.paths


def test_with_a_segmentation_of_nuclei_there_is_an_eighth_row(templateflow: Path) -> None:
    values = np.zeros(GRID.shape, np.int16)
    values[51, 68, 41] = 11
    folder = templateflow / f"tpl-{SPACE}"
    nib.save(nib.Nifti1Image(values, AFFINE), folder / f"tpl-{SPACE}_res-02_atlas-HCP_dseg.nii.gz")
    files = find_atlas((), SPACE)
    assert files.missing == ()
    atlas = read_atlas(files, GRID)
    assert atlas is not None
    assert list(atlas.networks) == [*YEO.values(), SUBCORTEX]
    assert region_name(atlas, at((12, 10, 10))) == "left caudate"
    assert atlas.labels[at((12, 10, 10))] in atlas.networks[SUBCORTEX]
    assert atlas.labels[at((-12, 10, 10))] not in atlas.networks[SUBCORTEX]


NUCLEI = {
    "HIP": (17, 53),
    "AMY": (18, 54),
    "pTHA": (10, 49),
    "aTHA": (10, 49),
    "NAc": (26, 58),
    "GP": (13, 52),
    "PUT": (12, 51),
    "CAU": (11, 50),
}
"""FreeSurfer's numbers, left and right, of the nuclei of Tian et al. (2020), scale I."""

PLACES = {
    (-12, 12, 8): "left caudate",
    (12, 12, 8): "right caudate",
    (-12, -20, 8): "left thalamus",
    (26, 2, 2): "right putamen",
    (-24, -4, -18): "left amygdala",
    (28, -18, -16): "right hippocampus",
    (-2, -52, 26): "left posterior cingulate cortex and precuneus (default mode network)",
    (-42, 36, 24): "left dorsolateral prefrontal cortex (control network)",
    (42, 36, 28): "right dorsolateral prefrontal cortex (control network)",
    (-4, 50, 0): "left medial prefrontal cortex (default mode network)",
    (36, 20, 2): "right insula (salience and ventral attention network)",
    (-48, -66, 32): "left inferior parietal cortex (default mode network)",
    (-40, -24, 56): "left somatomotor cortex (somatomotor network)",
    (10, -88, 2): "right visual cortex (visual network)",
    (0, 90, 70): None,
}
"""Places in mm, MNI152NLin6Asym, and what anatomists call them."""


@pytest.fixture
def whole(templateflow: Path, shared_data: Path) -> Path:
    """TemplateFlow's folder with nuclei in both spaces: Tian's under FreeSurfer's numbers."""
    names = pd.read_csv(shared_data / "atlases/atlas-TianS1_dseg.tsv", sep="\t")
    for space, kind in (("MNI152NLin6Asym", "atlas-HCP"), ("MNI152NLin2009cAsym", "seg-aseg")):
        image = nib.load(shared_data / f"atlases/atlas-TianS1_space-{space}_res-2_dseg.nii.gz")
        tian = np.asarray(image.dataobj).astype(int)
        values = np.full(tian.shape, 3, np.int16)  # cortex, which is none of the nuclei
        for number, name in zip(names["index"], names["name"], strict=True):
            nucleus, side = name.split("-")
            values[tian == number] = NUCLEI[nucleus][side == "rh"]
        path = templateflow / f"tpl-{space}" / f"tpl-{space}_res-02_{kind}_dseg.nii.gz"
        nib.save(nib.Nifti1Image(values, image.affine), path)
    return templateflow


def test_places_have_the_names_that_anatomists_use(whole: Path) -> None:
    _, atlas, missing = network_atlas((), GRID)
    assert atlas is not None
    assert not missing
    assert {place: region_name(atlas, at(place)) for place in PLACES} == PLACES


@pytest.mark.parametrize("space", ["MNI152NLin6Asym", "MNI152NLin2009cAsym"])
def test_labels_are_those_of_the_images_of_the_space(whole: Path, space: str) -> None:
    folder, stem = whole / f"tpl-{space}", f"tpl-{space}_"
    cortex = nib.load(folder / f"{stem}res-02_{SCHAEFER}.nii.gz")
    names = pd.read_csv(folder / f"{stem}{SCHAEFER}.tsv", sep="\t").set_index("index")["name"]
    grid = Grid(cortex.shape, cortex.affine, space)
    atlas = read_atlas(find_atlas((), space), grid)
    assert atlas is not None
    values = np.asarray(cortex.dataobj)
    rng = np.random.default_rng(0)
    for voxel in rng.permutation(np.argwhere(values > 0))[:200]:
        index = int(np.ravel_multi_index(tuple(voxel), grid.shape, order="F"))
        label = names[int(values[tuple(voxel)])]
        assert atlas.labels_at(index)["label_Schaefer2018_400Parcels7Networks"] == label
        side = "left" if "_LH_" in label else "right"
        assert str(region_name(atlas, index)).startswith(side)


def test_atlases_are_fetched_beforehand_where_there_is_a_network(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from templateflow import api

    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("TEMPLATEFLOW_AUTOUPDATE", raising=False)
    asked = []

    def get(space: str, **entities: str) -> None:
        asked.append(entities)
        if "segmentation" in entities:
            raise ConnectionError
        folder = tmp_path / f"tpl-{space}"
        folder.mkdir(exist_ok=True)
        resolution = "res-02_" if "resolution" in entities else ""
        name = f"tpl-{space}_{resolution}{SCHAEFER}{entities['extension']}"
        shutil.copy(shared_data / "templateflow" / folder.name / name, folder)

    monkeypatch.setattr(templates, "_no_answer", lambda: "")
    monkeypatch.setattr(templates, "_read_list", lambda: None)
    monkeypatch.setattr(api, "get", get)
    grid = Grid(GRID.shape, AFFINE, "MNI152NLin2009cAsym")
    files = check_atlas((), grid)
    assert [len(pair) for pair in files.parcellations] == [2]
    assert [line.startswith("no names of nuclei") for line in files.missing] == [True]
    assert [own.get("extension") for own in asked] == [".nii.gz", ".tsv", ".nii.gz"]
    check_atlas((), grid)
    assert len(asked) == 4


def test_without_a_network_the_first_failure_is_the_last_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from templateflow import api

    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("TEMPLATEFLOW_AUTOUPDATE", raising=False)
    asked = []

    def get(*args: object, **entities: object) -> None:
        asked.append(entities)
        raise ConnectionError

    monkeypatch.setattr(templates, "_no_answer", lambda: "")
    monkeypatch.setattr(templates, "_read_list", lambda: None)
    monkeypatch.setattr(api, "get", get)
    check_atlas((), GRID, fetch=False)
    assert asked == []
    files = check_atlas((), GRID)
    assert len(asked) == 1
    assert network_atlas((), GRID)[1] is None
    assert [line.split(":")[0] for line in files.missing] == [
        "no names of cortical regions and no overlap with canonical networks",
        "no names of nuclei and cerebellum",
    ]


def test_a_damaged_file_of_templateflow_costs_names_and_not_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = write_atlas(tmp_path)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    found = AtlasFiles(((damaged, damaged.with_name(f"{damaged.name[:-7]}.tsv")),), ())
    monkeypatch.setattr("fcnm_bids.inputs.atlas.find_atlas", lambda *_: found)
    files, atlas, (missing,) = network_atlas((), SMALL)
    assert (files, atlas) == (found, None)
    assert missing.startswith(f"no names of regions: {damaged.name} cannot be read")
    assert missing.endswith(
        "; if you remove the file from TemplateFlow's folder, it is fetched again"
    )
    with pytest.raises(RequestError, match=damaged.name):
        network_atlas((str(damaged),), SMALL)


def test_a_space_without_nuclei_states_the_spaces_that_have_them(templateflow: Path) -> None:
    files = find_atlas((), "MNI152NLin2009cSym")
    assert "has them for MNI152NLin6Asym and MNI152NLin2009cAsym, not for" in files.missing[1]


def test_without_any_file_there_is_no_atlas_but_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "not there"))
    files = find_atlas((), SPACE)
    assert read_atlas(files, GRID) is None
    assert "--network-atlas" in files.missing[0]


def test_files_that_templateflow_has_not_fetched_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    folder = tmp_path / f"tpl-{SPACE}"
    folder.mkdir()
    (folder / f"tpl-{SPACE}_res-02_{SCHAEFER}.nii.gz").touch()
    (folder / f"tpl-{SPACE}_{SCHAEFER}.tsv").write_text("index\tname\n1\t7Networks_LH_Vis_1\n")
    assert find_atlas((), SPACE).parcellations == ()


def test_an_atlas_of_ones_own_has_a_network_for_each_region(tmp_path: Path) -> None:
    atlas = read_atlas(find_atlas([str(write_atlas(tmp_path))], SPACE), SMALL)
    assert atlas is not None
    assert dict(atlas.networks) == {"one": (1,), "two": (2,)}
    assert SMALL.unflatten(atlas.labels)[0, 0, 0] == 1


def test_a_column_of_networks_merges_regions(tmp_path: Path) -> None:
    table = "index\tname\tnetwork\n1\tone\tboth\n2\ttwo\tboth\n"
    atlas = read_atlas(find_atlas([str(write_atlas(tmp_path, table=table))], SPACE), SMALL)
    assert atlas is not None
    assert dict(atlas.networks) == {"both": (1, 2)}


def test_a_table_may_have_fewer_entities_than_its_image(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    image.with_name(image.name.replace(".nii.gz", ".tsv")).rename(tmp_path / "atlas-Mine_dseg.tsv")
    assert find_atlas([str(image)], SPACE).paths == [image, tmp_path / "atlas-Mine_dseg.tsv"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("atlas-Mine_space-MNI152NLin2009cAsym_dseg", "that of the data is MNI152NLin6Asym"),
        ("atlas-Mine_dseg", "states no space"),
    ],
)
def test_another_space_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        find_atlas([str(write_atlas(tmp_path, name))], SPACE)


def test_an_atlas_without_a_table_is_refused(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    image.with_name(image.name.replace(".nii.gz", ".tsv")).unlink()
    with pytest.raises(RequestError, match="no table"):
        find_atlas([str(image)], SPACE)


def test_an_atlas_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file"):
        find_atlas([str(tmp_path / f"space-{SPACE}_dseg.nii.gz")], SPACE)


def test_numbers_without_a_name_are_refused(tmp_path: Path) -> None:
    files = find_atlas([str(write_atlas(tmp_path, table="index\tname\n1\tone\n"))], SPACE)
    with pytest.raises(RequestError, match="no name for 2"):
        read_atlas(files, SMALL)


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    image.write_bytes(image.read_bytes()[:60])
    with pytest.raises(RequestError, match="cannot be read"):
        read_atlas(find_atlas([str(image)], SPACE), SMALL)


def test_probabilities_are_no_labels(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    nib.save(nib.Nifti1Image(np.full(SMALL.shape, 0.5, np.float32), SMALL.affine), image)
    with pytest.raises(RequestError, match="not a label image"):
        read_atlas(find_atlas([str(image)], SPACE), SMALL)


def test_two_atlases_with_networks_of_one_name_are_refused(tmp_path: Path) -> None:
    other = write_atlas(tmp_path, f"atlas-Other_space-{SPACE}_dseg")
    files = find_atlas([str(write_atlas(tmp_path)), str(other)], SPACE)
    with pytest.raises(RequestError, match="same name"):
        read_atlas(files, SMALL)


def test_names_may_be_called_labels_and_be_na(tmp_path: Path) -> None:
    image = write_atlas(tmp_path, table="index\tlabel\tnetwork\n1\tNA\tn/a\n2\tnan\tVisual\n")
    atlas = read_atlas(check_atlas([str(image)], SMALL), SMALL)
    assert atlas is not None
    assert atlas.regions == {1: "NA", 2: "nan"}
    assert atlas.networks == {"Visual": (2,)}


@pytest.mark.parametrize(("label", "moved"), [(0, 0.0), (1, 500.0)])
def test_an_atlas_without_a_region_in_view_is_refused(
    tmp_path: Path, label: int, moved: float
) -> None:
    image = write_atlas(tmp_path)
    affine = SMALL.affine.copy()
    affine[0, 3] += moved
    nib.save(nib.Nifti1Image(np.full(SMALL.shape, label, np.int16), affine), image)
    with pytest.raises(RequestError, match="none of its regions lies in the field of view"):
        check_atlas([str(image)], SMALL)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("index\tregion\n1\ta\n2\tb\n", "columns index and name"),
        ("index,name\n1,a\n2,b\n", "separated by tabs; its first line is 'index,name'"),
        ("index\tname\n1\ta\n1\tb\n", "whole numbers without repetition"),
        ("index\tname\n1.5\ta\n2\tb\n", "whole numbers without repetition"),
        ("index\tname\n99999999999999999999\ta\n", "whole numbers without repetition"),
        ("index\tname\n1\ta\n2\t\n", "column name has an empty cell"),
        ("index\tname\n1\ta\n", "no name for 2"),
    ],
)
def test_an_atlas_of_no_use_is_found_before_computing(
    tmp_path: Path, table: str, reason: str
) -> None:
    image = write_atlas(tmp_path, table=table)
    with pytest.raises(RequestError, match=reason):
        check_atlas([str(image)], SMALL)


def test_a_flipped_bit_in_an_atlas_changes_nothing_or_is_refused(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    raw = image.read_bytes()
    files = find_atlas([str(image)], SPACE)
    expected = read_atlas(files, SMALL)
    assert expected is not None
    refused = 0
    for place in np.random.default_rng(13).choice(8 * len(raw), 300, replace=False):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        image.write_bytes(damaged)
        try:
            found = read_atlas(files, SMALL)
            assert found is not None
            np.testing.assert_array_equal(found.labels, expected.labels)
        except RequestError:
            refused += 1
    assert refused > 200


def test_labels_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    image = write_atlas(tmp_path)
    labels = np.full(SMALL.shape, 3e9)
    nib.save(nib.Nifti1Image(labels, SMALL.affine), image)
    with pytest.raises(RequestError, match=r"labels up to 3000000000; number them below 2\^31"):
        check_atlas([str(image)], SMALL)


def test_the_licence_of_every_atlas_that_is_fetched_is_quoted() -> None:
    page = (Path(__file__).parents[2] / "docs" / "regions.md").read_text(encoding="utf-8")
    licences = page.partition("## Licences")[2].splitlines()
    for name in ("Schaefer 2018", *SEGMENTATIONS.values()):
        (row,) = [line for line in licences if line.startswith("|") and name in line.split("|")[1]]
        assert row.split("|")[2].count('"') >= 2
        assert row.split("|")[3].strip() == "downloaded; in the image"
    assert all(f"`{name}`" in page for name in (CORTEX, *SEGMENTATIONS.values()))
    image = (Path(__file__).parents[2] / "docker" / "fetch_templates.py").read_text()
    assert {"400Parcels7Networks", '"aseg"', '"HCP"'} <= set(
        re.findall(r'400Parcels7Networks|"aseg"|"HCP"', image)
    )
    assert "HOSPA" not in image
