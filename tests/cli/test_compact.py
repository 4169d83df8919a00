"""A whole analysis from a store of larger voxels and 8 bits."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.connectome import open_run
from fcnm_bids.simulate import Truth
from tests.cli.desk import Desk, read_table

COMPACT = ("--store-voxel-size", "10", "--store-precision", "int8")
FEWER = ("--reports", "none", "--subject-maps", "none")


@pytest.fixture(scope="module")
def made(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Path]:
    desk = Desk(tmp_path_factory.mktemp("compact"))
    output = desk.folder / "out"
    seeds = ("--coordinates", simulated.coordinates)
    first = desk.call(
        simulated.fmriprep, output, "participant", *seeds, *COMPACT, "--subject-maps", "none"
    )
    assert first.code == 0, first.out + first.err
    ended = desk.call(simulated.fmriprep, output, "group", "--reports", "qc")
    assert ended.code == 0, ended.out + ended.err
    return desk, output


def test_single_participants_are_not_mapped_from_it(simulated: Truth, tmp_path: Path) -> None:
    ended = Desk(tmp_path).call(
        simulated.fmriprep, tmp_path / "out", "participant",
        "--coordinates", simulated.coordinates, *COMPACT,
    )  # fmt: skip
    assert ended.code == 2
    assert any("serves the group level only" in line for line in ended.problems)


@pytest.mark.parametrize("level", ["participant", "group"])
def test_spheres_smaller_than_its_voxels_are_warned_about(
    made: tuple[Desk, Path], simulated: Truth, level: str
) -> None:
    desk, output = made
    options = (*COMPACT, "--subject-maps", "none") if level == "participant" else ()
    ended = desk.call(
        simulated.fmriprep, output, level, "--dry-run",
        "--coordinates", simulated.coordinates, *options,
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    [line] = [line for line in ended.out.splitlines() if "is a single voxel" in line]
    assert "18 of 18 foci, the sphere of 4 mm is a single voxel (10 x 10 x 10 mm)" in line
    assert line.endswith("make the store with a smaller --store-voxel-size")


def test_its_runs_are_small(made: tuple[Desk, Path]) -> None:
    _, output = made
    for path in (output / "connectome").rglob("*.h5"):
        run = open_run(path)
        run.verify()
        assert (run.load().values.dtype, run.itemsize) == (np.int8, 1)
        np.testing.assert_allclose(run.grid.voxel_sizes, 10)
        settings = run.header["settings"]
        assert (settings["store_voxel_size"], settings["store_precision"]) == (10, "int8")


def test_images_have_the_resolution_of_the_larger_voxels_in_their_names(
    made: tuple[Desk, Path], simulated: Truth
) -> None:
    desk, output = made
    [*stored] = (output / "connectome").rglob("*.h5")
    images = [*(output / "group").glob("*.nii.gz"), *(output / "seeds").glob("*.nii.gz")]
    assert stored
    assert images
    # a projected run has the name of its image
    assert all("_res-8_" in path.name for path in stored)
    assert all("_res-10mm_" in path.name for path in images)
    # --resolution chooses the images that the store was made from
    given = ("--coordinates", simulated.coordinates, "--resolution", "8", *COMPACT[:2])
    chosen = desk.folder / "chosen"
    first = desk.call(simulated.fmriprep, chosen, "participant", *given, "--reports", "none")
    assert first.code == 0, first.out + first.err
    maps = [*chosen.glob("sub-*/func/*_statmap.nii.gz")]
    assert maps
    assert all("_res-10mm_" in path.name for path in maps)
    second = desk.call(simulated.fmriprep, chosen, "group", "--dry-run")
    assert second.code == 0, second.out + second.err
    assert "4 participants, 6 projected runs" in second.out


def test_its_rounding_is_in_the_table_of_runs(made: tuple[Desk, Path]) -> None:
    _, output = made
    for path in output.glob("sub-*/func/*_desc-qc_metrics.tsv"):
        table = read_table(path)
        rounding = table["rounding"].astype(float)
        assert ((rounding > 0.001) & (rounding < 0.1)).all()
        assert (table["n_voxels"].astype(int) <= table["n_masked"].astype(int)).all()
        assert (
            "int8" in json.loads(path.with_suffix(".json").read_text())["rounding"]["Description"]
        )


def test_the_network_lies_on_the_larger_voxels(made: tuple[Desk, Path]) -> None:
    _, output = made
    masks = list((output / "group").glob("network-*_mask.nii.gz"))
    assert masks
    for path in masks:
        image = nib.load(path)
        np.testing.assert_allclose(np.linalg.norm(image.affine[:3, :3], axis=0), 10)
        sidecar = json.loads(Path(str(path).removesuffix(".nii.gz") + ".json").read_text())
        assert "--store-voxel-size" in sidecar["Resolution"]
    [text] = [p.read_text() for p in sorted(output.glob("logs/*/CITATION.md"))[-1:]]
    assert "averaged over the volume of voxels of 10 mm" in text
    assert "stored as 8-bit integers" in text


def test_its_maps_are_those_of_the_plain_store_but_for_rounding(
    made: tuple[Desk, Path], simulated: Truth
) -> None:
    desk, output = made
    plain = desk.folder / "plain"
    first = desk.call(
        simulated.fmriprep, plain, "participant", "--coordinates", simulated.coordinates,
        *FEWER, *COMPACT[:2],
    )  # fmt: skip
    assert first.code == 0, first.out + first.err
    ended = desk.call(simulated.fmriprep, plain, "group", "--reports", "none")
    assert ended.code == 0, ended.out + ended.err
    maps = sorted((output / "group").glob("seed-*_stat-effect_statmap.nii.gz"))
    assert maps
    for path in maps:
        one, other = (nib.load(p).get_fdata() for p in (path, plain / "group" / path.name))
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        inside = np.isfinite(one)
        assert np.corrcoef(one[inside], other[inside])[0, 1] > 0.999
        assert 0 < np.abs(one - other)[inside].max() < 0.02


def test_other_strategies_come_from_it(made: tuple[Desk, Path], simulated: Truth) -> None:
    desk, output = made
    ended = desk.call(
        output / "connectome", desk.folder / "other", "group", "-p", "24P", "-f", "0.3",
        "--coordinates", simulated.coordinates, "--reports", "none",
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    assert list((desk.folder / "other" / "group").glob("network-*_mask.nii.gz"))


@pytest.mark.parametrize("given", [(), COMPACT[:2], COMPACT[2:], ("--store-voxel-size", "12")])
def test_another_store_is_another_store(
    made: tuple[Desk, Path], simulated: Truth, given: tuple[str, ...]
) -> None:
    desk, output = made
    ended = desk.call(
        simulated.fmriprep, desk.folder / "second", "participant",
        "--connectome-dir", output / "connectome", "--connectome-only", *given,
    )  # fmt: skip
    assert ended.code == 2
    assert any("were projected with other settings" in line for line in ended.problems)
    changed = {line.split()[0] for line in ended.problems if line.startswith("--store")}
    wanted = {
        flag for flag, value in zip(COMPACT[::2], COMPACT[1::2], strict=True) if value not in given
    }
    assert changed == wanted


def test_larger_voxels_than_asked_for_are_refused(simulated: Truth, tmp_path: Path) -> None:
    ended = Desk(tmp_path).call(
        simulated.fmriprep, tmp_path / "out", "participant", "--connectome-only",
        "--store-voxel-size", "3",
    )  # fmt: skip
    assert ended.code == 2
    assert any("can only be averaged over larger ones" in line for line in ended.problems)
