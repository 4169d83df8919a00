"""What the explorer's script reads, unpacked and held against the files."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.report.explorer import content as module
from fcnm_bids.report.explorer.content import STEPS, explorer_content
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the template, which takes seconds to pack and is always the same."""
    monkeypatch.setattr(module, "_anatomy", dict)
    monkeypatch.setattr(module, "template_surface", dict)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_results(tmp_path / "first", voxel=16.0, contrasts=3)


def bits(text: str, shape: tuple[int, ...]) -> np.ndarray:
    raw = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    rows = raw.reshape(*shape[:-1], -1)
    return np.unpackbits(rows, axis=-1, count=shape[-1], bitorder="little").astype(bool)


def test_a_folder_without_a_network_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing: no network in it; run the group level first"):
        explorer_content([root, tmp_path / "nothing"])


def test_known_voxels_lie_where_the_files_have_values(root: Path) -> None:
    (folder,) = explorer_content([root])["folders"]
    image = nib.load(GroupOutputs(root).networks[0].probability)
    known = np.isfinite(image.get_fdata())
    inside = bits(folder["inside"], (int(np.prod(folder["shape"])),))
    inside = inside.reshape(folder["shape"], order="F")
    assert inside.sum() == known.sum()
    affine = np.vstack([folder["affine"], [0, 0, 0, 1]])
    places = np.argwhere(inside) @ affine[:3, :3].T + affine[:3, 3]
    expected = np.argwhere(known) @ image.affine[:3, :3].T + image.affine[:3, 3]
    np.testing.assert_allclose(places, expected)
    assert folder["voxel"] == pytest.approx(16.0**3)
    assert all(inside.any(axis=axes)[end] for axes in ((1, 2), (0, 2), (0, 1)) for end in (0, -1))


def test_networks_name_their_contrasts_and_masks(root: Path) -> None:
    (folder,) = explorer_content([root])["folders"]
    (network,) = folder["networks"]
    assert (network["effect"], network["threshold"]) == ("increase", 0.5)
    assert [folder["contrasts"][n]["name"] for n in network["contrasts"]] == [
        f"Study {n}: drug > placebo" for n in (1, 2, 3)
    ]
    assert network["fewest"] == 1  # 810 mm³ are less than a voxel
    share, *others = network["maps"]
    assert (share["of"], share["values"]["step"]) == (3, 1 / 3)
    titles = [entry["title"] for entry in others]
    assert titles == ["p, against foci scattered in grey matter", "convergence", "mean Fisher z"]
    results = GroupOutputs(root)
    n_known = int(np.isfinite(nib.load(results.networks[0].probability).get_fdata()).sum())
    masks = bits(folder["masks"], (3, n_known))
    for own, contrast in zip(masks, results.contrasts, strict=True):
        assert own.sum() == np.count_nonzero(np.asarray(nib.load(contrast.mask).dataobj))
        entry = folder["contrasts"][results.contrasts.index(contrast)]
        assert entry["t"]["step"] >= STEPS["t"]
        assert entry["foci"] == contrast.foci
        assert entry["studies"] == [contrast.name.split(":")[0]]


def test_a_network_without_a_contrast_in_its_count_is_shown(root: Path) -> None:
    """Nobody differs from the others, so that no contrast can be tested."""
    network = GroupOutputs(root).networks[0]
    image = nib.load(network.probability)
    empty = nib.Nifti1Image(np.full(image.shape, np.nan, np.float32), image.affine)
    nib.save(empty, network.probability)
    sidecar = network.mask.with_name(network.mask.name.removesuffix(".nii.gz") + ".json")
    said = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**said, "NumberOfContrasts": 0}))
    (folder,) = explorer_content([root])["folders"]
    (shown,) = folder["networks"]
    assert shown["maps"][0]["of"] == 0


def test_maps_on_other_grids_are_left_out(root: Path) -> None:
    path = next((root / "group").glob("*_desc-random_stat-p_statmap.nii.gz"))
    image = nib.load(path)
    nib.save(nib.Nifti1Image(image.get_fdata()[::2], image.affine), path)
    (folder,) = explorer_content([root])["folders"]
    titles = [entry["title"] for entry in folder["networks"][0]["maps"]]
    assert titles == ["share of contrasts", "convergence", "mean Fisher z"]


def test_titles_of_maps_are_words(root: Path) -> None:
    path = next((root / "group").glob("*_desc-random_stat-p_statmap.nii.gz"))
    for name in ("desc-randomconvergence_stat-z", "desc-versusincrease_stat-difference"):
        copy = path.with_name(path.name.replace("desc-random_stat-p", name))
        copy.write_bytes(path.read_bytes())
    (folder,) = explorer_content([root])["folders"]
    titles = [entry["title"] for entry in folder["networks"][0]["maps"]]
    assert "z, convergence against foci scattered in grey matter" in titles
    assert "difference of shares, compared with increase" in titles


def test_maps_of_a_null_without_conclusion_are_not_shown(root: Path) -> None:
    path = next((root / "group").glob("*_desc-random_stat-p_statmap.nii.gz"))
    label = path.name.partition("_")[0]
    table = path.with_name(f"{label}_desc-specificity_metrics.tsv")
    shown = []
    for withheld in (False, True):
        table.write_text(f"test\twithheld\nrandom\t{withheld}\n")
        (folder,) = explorer_content([root])["folders"]
        own = next(n for n in folder["networks"] if f"network-{n['label']}" == label)
        shown.append([entry["stat"] for entry in own["maps"]])
    assert "p" in shown[0]
    assert "p" not in shown[1]


def test_folders_of_one_name_are_numbered_and_no_path_is_told(root: Path, tmp_path: Path) -> None:
    other = make_results(tmp_path / "deep" / "first", voxel=18.0, contrasts=2)
    content = explorer_content([root, other])
    assert [folder["name"] for folder in content["folders"]] == ["first (1)", "first (2)"]
    assert str(tmp_path) not in json.dumps(content)
