"""Every specification is the group level of its options, to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.cli.run import DONE, main
from fcnm_bids.config import Config
from fcnm_bids.inputs.store import run_paths
from fcnm_bids.interfaces.multiverse import MappedSpecifications, map_specifications
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.input_settings import settings_of_store
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.robustness import BoxNetwork
from fcnm_bids.simulate import Truth

CHOICES = """
[combinations]
nuisance_regressors = ["27P", "26P"]
network_threshold = [0.6, 0.5]
height_control = ["t=3", "fdr"]

[named.censored]
nuisance_regressors = "none"
fd_threshold = 0.15
height_control = "fdr"
network_threshold = 0.5

[named.studies]
unit = "study"
weights = "sqrt-n"
radius = 12.0
height_control = "fwe"

[named.flipped]
height_control = "permutation"
sphere = "voxel-rounded"

[named."as requested"]
nuisance_regressors = "27P"
"""

OPTIONS = {
    "primary": [],
    "censored": [
        "-p",
        "none",
        "-f",
        "0.15",
        "--height-control",
        "fdr",
        "--network-threshold",
        "0.5",
    ],
    "studies": [
        *("--unit", "study", "--weights", "sqrt-n"),
        *("--radius", "12", "--height-control", "fwe"),
    ],
    "flipped": ["--height-control", "permutation", "--sphere", "voxel-rounded"],
}
"""The same specifications as they would be typed."""

COMMON = ["--height-control", "t=3", "--alpha", "0.5", "--tail", "two-sided", "--reports", "none"]


@pytest.fixture(scope="module")
def typed(
    projected: Path, simulated: Truth, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Run the group level of the command line, once for the same options; later ones win."""

    @cache
    def run(*options: str) -> Path:
        folder = tmp_path_factory.mktemp("typed")
        words = [str(projected), str(folder / "out"), "group", "--work-dir", str(folder / "work")]
        words += ["--coordinates", str(simulated.coordinates), "--nprocs", "2", *COMMON, *options]
        assert main(words) == DONE
        return folder / "out" / "group"

    return run


def planned(plan: GroupPlan) -> dict[str, Any]:
    """The inputs of the node."""
    own = plan.multiverse
    return {
        "specifications": [
            (s.name, s.settings, *numbers)
            for s, *numbers in zip(own.specifications, own.own, own.common, strict=True)
        ],
        "samples": [
            {
                "participants": run_paths(sample.participants),
                "covariates": sample.design.columns.tolist(),
                "mask_files": [],
            }
            for sample in own.samples
        ],
    }


@pytest.fixture(scope="module")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("choices") / "choices.toml"
    path.write_text(CHOICES)
    return path


@pytest.fixture
def request_with(projected: Path, request_for: Callable[..., Config], choices: Path) -> Config:
    group = {"height_control": "t=3", "alpha": 0.5, "tail": "two-sided"}
    given = {"group": {**group, "multiverse": str(choices)}}
    return settings_of_store(request_for(projected, "group", **given), given)


def mapped(config: Config, folder: Path, at_once: int = 99) -> MappedSpecifications:
    plan = plan_group_level(config)
    return map_specifications(config, plan.grid, **planned(plan), at_once=at_once, folder=folder)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_specification_equals_the_command_line_with_its_options(
    name: str, request_with: Config, typed: Callable[..., Path], tmp_path: Path
) -> None:
    found = mapped(request_with, tmp_path)
    [case] = [case for case in found.cases if case.name == name]
    folder = typed(*OPTIONS[name])
    held = 0
    for label, network in {
        "increasepositive": "increase (positive)",
        "decreasenegative": "decrease (negative)",
    }.items():
        [probability] = folder.glob(f"network-{label}_space-*_res-8_probseg.nii.gz")
        [mask] = folder.glob(f"network-{label}_space-*_res-8_mask.nii.gz")
        own = found.network(network, case, case.own)
        image = nib.load(probability).get_fdata(dtype=np.float32).ravel(order="F")
        np.testing.assert_array_equal(image, own.probability.astype(np.float32))
        inside = np.asarray(nib.load(mask).dataobj).ravel(order="F") > 0
        np.testing.assert_array_equal(inside, own.network)
        held += np.count_nonzero(own.probability > 0)
    assert held > 0


def test_passes_over_the_store_change_nothing(request_with: Config, tmp_path: Path) -> None:
    whole, parts = mapped(request_with, tmp_path), mapped(request_with, tmp_path, at_once=3)
    assert whole.packed.keys() == parts.packed.keys()
    for key, bits in whole.packed.items():
        np.testing.assert_array_equal(bits, parts.packed[key], err_msg=str(key))


def test_the_table_has_every_specification(
    request_with: Config, typed: Callable[..., Path], choices: Path
) -> None:
    plan = plan_group_level(request_with).multiverse
    assert [own.name for own in plan.specifications][-3:] == ["censored", "studies", "flipped"]
    assert len(plan.specifications) == 8 + 3  # the one as requested is the primary one
    alone, folder = typed(), typed("--multiverse", str(choices))
    table = pd.read_csv(
        folder / "network-increasepositive_desc-multiverse_metrics.tsv", sep="\t", na_values="n/a"
    )
    assert list(table["specification"][:3]) == ["primary", "2", "3"]
    assert len(table) == 11
    primary = table.iloc[0]
    assert primary["dice"] == primary["correlation"] == 1
    assert primary["n_participants"] == 4
    censored = table.set_index("specification").loc["censored"]
    assert censored["n_participants"] == censored["common_n_participants"] == 3
    assert censored["n_left_out"] == 1
    assert "sub-01" in censored["left_out"]
    assert (table["common_n_participants"] == 3).all()
    assert primary["common_dice"] == 1
    assert table["global_signal"].tolist() == [True] * 4 + [False] * 5 + [True] * 2
    [image] = folder.glob("network-increasepositive_*_desc-multiverse_probseg.nii.gz")
    shares = nib.load(image).get_fdata(dtype=np.float32)
    assert np.nansum(shares) * 8**3 == pytest.approx(table["volume_mm3"].sum() / 11, rel=1e-5)
    sidecar = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text())
    assert sidecar["NumberOfSpecifications"] == 11
    for path in alone.glob("*.nii.gz"):  # nothing of the primary outputs changes
        other = folder / path.name
        np.testing.assert_array_equal(nib.load(path).dataobj, nib.load(other).dataobj)


def test_a_network_on_the_whole_grid_is_nothing_outside(
    request_with: Config, tmp_path: Path
) -> None:
    found = mapped(request_with, tmp_path)
    own = found.network("increase (positive)", found.cases[0], 0)
    assert isinstance(own, BoxNetwork)
    outside = np.ones(own.network.size, dtype=bool)
    outside[found.samples[0].index] = False
    assert np.isnan(own.probability[outside]).all()
    assert not own.network[outside].any()
