"""Settings that a store or denoised images dictate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.input_settings import adopt_layout, settings_of_store
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.reruns.settings_lock import inherit_settings, lock_settings
from tests.stored import change_settings, of_a_store, stored_file

Make = Callable[..., Config]


@pytest.mark.parametrize("level", ["participant", "group"])
def test_a_store_as_bids_dir_brings_its_settings(
    request_for: Make, projected: Path, tmp_path: Path, level: str
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    config = of_a_store(request_for, store, level)
    assert (config.denoising.smoothing, config.denoising.low_pass) == (8.0, 0.2)
    assert config.connectome_path == store
    if level == "group":
        assert len(plan_group_level(config).participants) == 4
        return
    plan = plan_participant_level(config)
    assert plan.from_store
    assert [len(participant.runs) for participant in plan.participants] == [1, 2, 1, 2]
    assert all(run.stored for participant in plan.participants for run in participant.runs)


def test_an_output_folder_as_bids_dir_stands_for_its_store(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    store = Path(shutil.copytree(projected, old / "connectome"))
    (old / "dataset_description.json").write_text(
        json.dumps({"Name": "old", "GeneratedBy": [{"Name": "fcnm_bids"}]})
    )
    for path in store.rglob("*.h5"):
        change_settings(path, smoothing=8.0)
    plan = plan_group_level(settings_of_store(request_for(old, "group"), {}))
    assert plan.store == store
    assert len(plan.participants) == 4


def test_what_a_store_has_settled_cannot_be_chosen_any_more(
    request_for: Make, projected: Path
) -> None:
    with pytest.raises(RequestError, match="--smoothing"):
        settings_of_store(request_for(projected, "group"), {"denoising": {"smoothing": 4.0}})


def test_the_strategy_is_that_of_the_store_unless_another_is_chosen(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    for path in store.rglob("*.h5"):
        change_settings(path, fd_threshold=0.7, min_dof=11)
    plain = settings_of_store(request_for(store, "participant"), {})
    assert (plain.denoising.fd_threshold, plain.denoising.min_dof) == (0.7, 11)
    given = {"denoising": {"nuisance_regressors": "24P", "fd_threshold": 0.2}}
    config = settings_of_store(request_for(store, "participant", **given), given)
    assert (config.denoising.nuisance_regressors, config.denoising.fd_threshold) == ("24P", 0.2)
    assert config.denoising.min_dof == 11
    plan, other = plan_participant_level(config), plan_participant_level(plain)
    assert plan.from_store
    assert {run.key for p in plan.participants for run in p.runs}.isdisjoint(
        run.key for p in other.participants for run in p.runs
    )
    # the group level goes on with what the participant level settled
    lock_settings(config)
    again = inherit_settings(replace(request_for(store, "group"), output_dir=config.output_dir), {})
    assert settings_of_store(again, {}).denoising == config.denoising


def test_an_empty_store_is_explained(request_for: Make, projected: Path, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    shutil.copy(projected / "dataset_description.json", tmp_path / "lab")
    with pytest.raises(RequestError, match="no usable projected run"):
        settings_of_store(request_for(tmp_path / "lab", "group"), {})


def test_a_damaged_run_of_a_store_is_left_out_whoever_it_is(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    stored_file(store, "sub-01*.h5").write_bytes(b"")
    plan = plan_group_level(settings_of_store(request_for(store, "group"), {}))
    assert [run.subject for run in plan.left_out] == ["01"]


FOLDER = "FunImg{}/S1/x.nii"


def of_a_layout(folder: Path, layout: str, image: str, **denoising: Any) -> Config:
    """A request adopted to a layout of one image, with explicit options of denoising."""
    path = folder / image
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    config = Config(str(folder), "out", "participant").update(
        {"selection": {"input_type": layout}, "denoising": denoising}
    )
    return adopt_layout(config, {"denoising": denoising})


def test_images_that_a_layout_denoised_are_not_denoised_again(tmp_path: Path) -> None:
    config = of_a_layout(tmp_path, "dpabisurf", "FunVoluWCF/S1/x.nii", applied_band=(0.01, 0.1))
    settings = config.denoising
    assert settings.denoised
    assert (settings.nuisance_regressors, settings.high_pass, settings.fd_threshold) == (
        *("none", 0, 0),
    )
    assert settings.applied_band == (0.01, 0.1)
    assert config.selection.input_variant == "WCF"


def test_options_that_would_denoise_again_are_listed(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--nuisance-regressors, --fd-threshold: the runs are"):
        of_a_layout(
            *(tmp_path, "dpabisurf", "FunVoluWCF/S1/x.nii"),
            nuisance_regressors="36P",
            fd_threshold=0.2,
        )


def test_a_band_of_images_that_are_not_denoised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match="--applied-band: the images are treated as not denoised"
    ):
        of_a_layout(tmp_path, "dparsf", FOLDER.format("ARW"), applied_band=(0.01, 0.1))


def test_smooth_images_are_not_smoothed(tmp_path: Path) -> None:
    assert of_a_layout(tmp_path, "dparsf", FOLDER.format("ARWS")).denoising.smoothing == 0
    with pytest.raises(RequestError, match="--smoothing 6: the runs are already smoothed"):
        of_a_layout(tmp_path, "dparsf", FOLDER.format("ARWS"), smoothing=6.0)


def test_names_without_a_diagnosis_hold_none(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    config = Config(str(tmp_path), "out", "participant").update(
        {"selection": {"diagnosis_from_id": True}}
    )
    with pytest.raises(
        RequestError, match=r"--diagnosis-from-id: names of .* contain no diagnosis; leave it out"
    ):
        adopt_layout(config, {})
