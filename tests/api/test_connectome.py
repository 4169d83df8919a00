"""Mapping from Python gives the command line's values."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids import Connectome, load_results
from fcnm_bids.errors import RequestError
from fcnm_bids.simulate import Truth
from tests.api.conftest import Analysed

NETWORK_IMAGES = ("probability_img", "mask_img", "mean_z_img")
SEED_IMAGES = ("t_img", "z_img", "mean_z_img", "mask_img")


def values(image: nib.Nifti1Image) -> np.ndarray:
    return np.asarray(image.dataobj)


def test_networks_equal_the_command_line_to_the_bit(analysed: Analysed) -> None:
    stored = load_results(analysed.results)
    found = analysed.connectome.networks(analysed.coordinates, height_control="t=3")
    assert list(found) == list(stored)
    for effect, network in found.items():
        for name in NETWORK_IMAGES:
            own, other = (values(getattr(n, name)) for n in (network, stored[effect]))
            assert own.dtype == other.dtype
            np.testing.assert_array_equal(own, other)
        for seed, other in zip(network.contrasts, stored[effect].contrasts, strict=True):
            assert (seed.name, seed.foci, seed.studies) == (other.name, other.foci, other.studies)
            assert seed.threshold == other.threshold
            assert seed.n_participants == other.n_participants
            for name in SEED_IMAGES:
                np.testing.assert_array_equal(
                    values(getattr(seed, name)), values(getattr(other, name))
                )
        assert values(network.mask_img).any()


def test_a_table_in_memory_is_the_table_on_disk(analysed: Analysed) -> None:
    table = pd.read_csv(analysed.coordinates, sep="\t")
    one = analysed.connectome.networks(table, height_control="t=3")
    other = analysed.connectome.networks(analysed.coordinates, height_control="t=3")
    for effect, network in one.items():
        np.testing.assert_array_equal(
            values(network.probability_img), values(other[effect].probability_img)
        )


def test_a_mask_and_its_image_are_one_seed(analysed: Analysed, tmp_path) -> None:
    grid = analysed.connectome.grid
    box = np.zeros(grid.shape, np.uint8)
    i, j, k = (size // 2 for size in grid.shape)
    box[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2] = 1
    image = nib.Nifti1Image(box, grid.affine)
    nib.save(image, tmp_path / "box.nii.gz")
    one = analysed.connectome.map(image)
    other = analysed.connectome.map(tmp_path / "box.nii.gz")
    np.testing.assert_array_equal(values(one.t_img), values(other.t_img))
    assert np.isfinite(values(one.t_img)).sum() > 1000


def test_of_several_effects_the_first_is_mapped_with_a_warning(analysed: Analysed) -> None:
    with pytest.warns(UserWarning, match="'increase', 'decrease': this is the network of 'incr"):
        network = analysed.connectome.network(analysed.coordinates)
    assert network.effect == "increase"
    network = analysed.connectome.network(analysed.coordinates, effect="decrease", threshold=0.5)
    assert network.effect == "decrease"
    assert network.threshold == 0.5
    with pytest.raises(RequestError, match="effect= takes one of 'increase', 'decrease'"):
        analysed.connectome.network(analysed.coordinates, effect="increases")


def test_masks_have_a_network(analysed: Analysed) -> None:
    folder = analysed.results / "seeds"
    masks = sorted(folder.glob("*_mask.nii.gz"))[:3]
    network = analysed.connectome.network(masks, height_control="t=3")
    assert len(network.contrasts) == 3
    assert "participants" in analysed.connectome._repr_html_()


def test_tables_in_memory_keep_apart(analysed: Analysed) -> None:
    table = pd.read_csv(analysed.coordinates, sep="\t")
    options = {"height_control": "t=3"}
    one = analysed.connectome.network(table[table["effect"] == "increase"], **options)
    analysed.connectome.network(table[table["effect"] == "decrease"], **options)
    assert "increase" in Path(one.request.seeds.coordinates).read_text()


def test_options_are_checked(analysed: Analysed) -> None:
    with pytest.raises(TypeError, match="did you mean 'height_control'"):
        analysed.connectome.map([(0, 0, 0)], height_controll="fdr")
    with pytest.raises(RequestError, match="--alpha"):
        analysed.connectome.map([(0, 0, 0)], alpha=2)
    with pytest.raises(RequestError, match="positions"):
        analysed.connectome.map([(0, 0)])


def test_a_folder_that_is_no_store_is_explained(tmp_path) -> None:
    with pytest.raises(RequestError):
        Connectome(tmp_path)


def test_the_participants_can_be_chosen(analysed: Analysed) -> None:
    first = analysed.connectome.participants[:3]
    some = Connectome(analysed.results.parent / "store" / "connectome", participant_label=first)
    assert some.participants == first
    assert some.map([(0, 0, 20)]).n_participants == 3
    assert "3 participants" in repr(some)


def test_options_of_the_making_apply_to_the_maps(
    simulated: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"confounds": ["white_matter", "csf"]}
    Path("tissue.json").write_text(json.dumps(content), encoding="utf-8")
    options = {"nuisance_regressors": "tissue.json", "fd_threshold": 0, "nprocs": 1}
    options |= {"reports": "none"}
    made = Connectome.from_derivatives(simulated.fmriprep, "out", height_control="t=2.5", **options)
    monkeypatch.chdir("/")
    seed = made.map([(0, -52, 26)])
    assert seed.threshold == 2.5
    reopened = Connectome(tmp_path / "out" / "connectome", derivatives=simulated.fmriprep)
    again = reopened.map([(0, -52, 26)], height_control="t=2.5")
    np.testing.assert_array_equal(values(again.t_img), values(seed.t_img))
    monkeypatch.chdir(tmp_path)
    some = made.participants[1:]
    fewer = Connectome.from_derivatives(
        simulated.fmriprep, "out", participant_label=list(some), **options
    )
    assert fewer.participants == some
    one = Connectome.from_derivatives(
        simulated.fmriprep, "out", participant_label=some[:1], **options
    )
    assert "cannot be mapped" in repr(one)
    assert "a group needs at least two" in repr(one)
    network = made.network(simulated.coordinates, effect="increase")
    choices = {"nuisance_regressors": ["tissue.json", "27P"]}
    table = network.multiverse(choices, reports="none", fd_threshold=0.5)
    assert table["nuisance_regressors"].tolist() == ["tissue", "27P"]
