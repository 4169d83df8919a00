from __future__ import annotations

import pytest

from fcnm_bids.cli.parser import parse

REQUEST = ["in", "out", "group", "--coordinates", "foci.tsv"]


@pytest.mark.parametrize(
    ("preset", "sphere", "control", "smallest"),
    [("fcnm-fwe", "mm", "fwe", 0), ("fcnm-fdr", "voxel-rounded", "fdr", 5)],
)
def test_a_preset_settles_options(preset: str, sphere: str, control: str, smallest: int) -> None:
    request = parse([*REQUEST, "--preset", preset])
    config = request.config
    assert (config.seeds.sphere, config.seeds.radius) == (sphere, 4)
    assert (config.group.height_control, config.group.contrast_min_cluster) == (control, smallest)
    assert config.denoising.fd_threshold == 0
    assert request.explicit["denoising"]["nuisance_regressors"] == "27P"
    (said,) = request.preset
    assert said.startswith(f"preset {preset}: --radius 4.0 --sphere {sphere}")
    assert "--network-threshold 0.6 --min-cluster-volume 810" in said


def test_what_is_given_overrules_the_preset_and_is_said() -> None:
    request = parse([*REQUEST, "--preset", "fcnm-fwe", "--alpha", "0.01", "--radius", "4"])
    assert request.config.group.alpha == 0.01
    assert request.preset[1:] == (
        "preset fcnm-fwe: --alpha 0.01 was given and overrides the preset's 0.05",
    )


def test_without_a_preset_nothing_is_said() -> None:
    assert parse(REQUEST).preset == ()


def test_the_words_for_masks_are_no_paths() -> None:
    for word in ("brain", "gm"):
        assert parse([*REQUEST, "--analysis-mask", word]).config.group.analysis_mask == word
    assert parse([*REQUEST, "--analysis-mask", "m.nii"]).config.group.analysis_mask.startswith("/")
