"""Whole runs that ask whether a network is specific."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.config import NULLS
from fcnm_bids.intermediates.draws import OBSERVED, read_block
from fcnm_bids.report.figures import group as figures
from fcnm_bids.simulate import Truth
from fcnm_bids.workflows import specificity
from tests.cli.desk import Desk, Ended, read_table

DRAWS = 53
"""More than a block of 20, and no multiple of it."""


def group(desk: Desk, fmriprep: Path, output: Path, *options: object) -> Ended:
    return desk.call(fmriprep, output, "group", "--reports", "none", *options)


def maps(output: Path) -> dict[str, np.ndarray]:
    names = ("random", "strength", "labels", "connectome", "degreeremoved")
    return {
        path.name: np.asarray(nib.load(path).dataobj)
        for name in names
        for path in sorted((output / "group").glob(f"*_desc-{name}_stat-*_statmap.nii.gz"))
    }


def tables(output: Path) -> dict[str, str]:
    found = (output / "group").glob("network-*_metrics.tsv")
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(found)}


@pytest.fixture(scope="module")
def compared(
    simulated: Truth, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Desk, Path, Ended]:
    """Both effects of the simulated table, compared with everything."""
    desk = Desk(tmp_path_factory.mktemp("specific"))
    output = desk.folder / "out"
    first = desk.call(
        simulated.fmriprep, output, "participant", "--coordinates", simulated.coordinates,
        "--subject-maps", "none", "--reports", "none",
    )  # fmt: skip
    assert first.code == 0, first.out + first.err
    ended = group(desk, simulated.fmriprep, output, "--specificity", "--n-permutations", DRAWS)
    return desk, output, ended


def test_every_test_ends_in_a_sentence(compared: tuple[Desk, Path, Ended]) -> None:
    _, output, ended = compared
    assert ended.code == 0, ended.out + ended.err
    assert f"specificity: {2 * DRAWS} draws" in ended.out
    for effect in ("increase", "decrease"):
        table = read_table(output / "group" / f"network-{effect}_desc-specificity_metrics.tsv")
        assert table["test"].tolist() == [
            "labels",
            "similarity",
            "strength",
            "random",
            "split",
            "degree",
        ]
        assert table["verdict"].str.endswith(".").all()
        drawn = table.set_index("test")["n_draws"]
        assert drawn[["random", "strength"]].tolist() == [str(DRAWS)] * 2


@pytest.mark.parametrize("measure", ["probability", "convergence"])
@pytest.mark.parametrize("effect", ["increase", "decrease"])
def test_the_observed_foci_as_a_draw_give_the_published_map(
    compared: tuple[Desk, Path, Ended], effect: str, measure: str
) -> None:
    desk, output, _ = compared
    (block,) = desk.work.glob(f"nulls/*/{OBSERVED}*.npz")
    (draw,) = read_block(block, effect, measure)
    ending = "probseg" if measure == "probability" else "stat-convergence_statmap"
    found = (output / "group").glob(f"network-{effect}_space-*_{ending}.nii.gz")
    (path,) = (path for path in found if "_desc-" not in path.name)
    published = np.asarray(nib.load(path).dataobj).ravel(order="F")
    assert np.isfinite(draw).sum() > 1000
    np.testing.assert_array_equal(
        published[np.isfinite(published)], draw[np.isfinite(draw)].astype(np.float32)
    )


def test_p_counts_the_observed_map(compared: tuple[Desk, Path, Ended]) -> None:
    found = maps(compared[1])
    for name, values in found.items():
        if "_stat-p_" in name or "_stat-pfwe_" in name:
            p = values[np.isfinite(values)]
            assert p.size == 0 or (p.min() > 0 and p.max() <= 1), name
        if "random_stat-p_" in name:
            steps = values[np.isfinite(values)] * (DRAWS + 1)
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)


def test_the_degree_maps_are_the_connectomes_own(compared: tuple[Desk, Path, Ended]) -> None:
    folder = compared[1] / "group"
    (eigenvector,) = folder.glob("space-*_desc-connectome_stat-eigenvector_statmap.nii.gz")
    values = np.asarray(nib.load(eigenvector).dataobj)
    assert np.nansum(values**2) == pytest.approx(1, abs=1e-4)
    sidecar = json.loads(Path(str(eigenvector).replace(".nii.gz", ".json")).read_text())
    assert sidecar["TargetsIn"] == "grey matter"
    assert sidecar["LastChange"] < 1e-6


def test_other_maps_are_compared_with_draws_that_are_there(
    compared: tuple[Desk, Path, Ended],
    simulated: Truth,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "draw_effect_figures", lambda *_, **__: [])  # the page is enough
    desk, output, _ = compared
    again = Path(shutil.copytree(output, tmp_path / "again"))
    work = Path(shutil.copytree(desk.work, tmp_path / "scratch"))
    blocks = {path: path.stat().st_mtime_ns for path in work.glob("nulls/*/*.npz")}
    (convergence,) = (output / "group").glob("network-increase_*_stat-convergence_statmap.nii.gz")
    own = Path(shutil.copy(convergence, tmp_path / "own.nii.gz"))
    image = nib.load(own)
    noise = np.random.default_rng(0).standard_normal(image.shape)
    nib.save(nib.Nifti1Image(noise, image.affine), tmp_path / "noise.nii.gz")
    ended = Desk(tmp_path).call(
        simulated.fmriprep, again, "group", "--overwrite", "--specificity",
        "--n-permutations", DRAWS, "--compare-maps", own, tmp_path / "noise.nii.gz",
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    assert {path: path.stat().st_mtime_ns for path in work.glob("nulls/*/*.npz")} == blocks
    table = read_table(again / "group" / "network-increase_desc-comparedmaps_metrics.tsv")
    cells = table.set_index(["test", "measure", "map"]).sort_index()
    assert set(cells.index) == {
        (test, measure, name)
        for test, measure in (
            ("labels", "difference"),
            *((null, m) for null in ("random", "strength") for m in ("probability", "convergence")),
        )
        for name in ("own", "noise")
    }
    own_cells = cells.loc[("random", "convergence", "own")]
    assert float(own_cells["value"]) == pytest.approx(1, abs=1e-6)
    assert float(own_cells["p"]) == pytest.approx(2 / (DRAWS + 1))
    # four participants: the reliability of strength is too small
    assert cells.loc["strength", "p"].tolist() == ["n/a"] * 4
    assert "Similarity of other maps" in (again / "group.html").read_text()
    methods = "".join(path.read_text() for path in (again / "logs").glob("*/CITATION.md"))
    assert "2 other maps (own.nii.gz, noise.nii.gz);" in methods


def test_blocks_lost_are_drawn_again_with_the_same_result(
    compared: tuple[Desk, Path, Ended], simulated: Truth, tmp_path: Path
) -> None:
    desk, output, _ = compared
    before = maps(output), tables(output)
    again = Path(shutil.copytree(output, tmp_path / "again"))
    work = Path(shutil.copytree(desk.work, tmp_path / "scratch"))
    kept = sorted(work.glob("nulls/*/*.npz"))
    # the blocks of both nulls, and the observed foci
    assert len(kept) == 1 + 2 * math.ceil(DRAWS / NULLS.draws_per_block)
    kept[0].unlink()
    kept[-1].write_bytes(kept[-1].read_bytes()[:100])
    written = kept[1].stat().st_mtime_ns
    (again / "group" / "manifest.tsv").unlink()
    ended = group(
        Desk(tmp_path), simulated.fmriprep, again, "--specificity", "--n-permutations", DRAWS,
        "--nprocs", 1,
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    assert kept[1].stat().st_mtime_ns == written
    after = maps(again), tables(again)
    assert before[1] == after[1]
    for name, values in before[0].items():
        np.testing.assert_array_equal(values, after[0][name], err_msg=name)


def drawn(output: Path, effect: str = "increase") -> dict[str, str]:
    table = read_table(output / "group" / f"network-{effect}_desc-specificity_metrics.tsv")
    return dict(table.set_index("test")["n_draws"])


def test_time_that_is_up_leaves_a_block_of_each_null_and_the_rest_comes_later(
    compared: tuple[Desk, Path, Ended],
    simulated: Truth,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(specificity, "NULLS", replace(NULLS, draws_per_block=4))
    output = Path(shutil.copytree(compared[1], tmp_path / "short"))
    desk = Desk(tmp_path)
    wanted = ("--specificity", "random", "strength", "--n-permutations", 20)
    limit = ("--specificity-time", "0.001s", "--overwrite")
    short = group(desk, simulated.fmriprep, output, *wanted, *limit)
    assert short.code == 0, short.out + short.err
    assert drawn(output) == {"degree": "n/a", "random": "4", "strength": "4"}
    whole = group(desk, simulated.fmriprep, output, *wanted)
    assert whole.code == 0, whole.out + whole.err
    assert drawn(output) == {"degree": "n/a", "random": "20", "strength": "20"}
    # the nulls take turns, so that a limit between leaves each as many
    blocks = sorted(desk.work.glob("nulls/*/*-*.npz"), key=lambda path: path.stat().st_mtime_ns)
    nulls = [path.name.split("-")[0] for path in blocks if not path.name.startswith("observed")]
    assert abs(nulls[:6].count("random") - 3) <= 1


def test_contrasts_that_nobody_covers_are_in_no_draw(
    compared: tuple[Desk, Path, Ended], simulated: Truth, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(compared[1], tmp_path / "lost"))
    far = tmp_path / "far.tsv"
    text = simulated.coordinates.read_text(encoding="utf-8")
    (space,) = set(read_table(simulated.coordinates)["space"])
    for study, effect in (("Far", "increase"), ("Farther", "lonely")):
        row = {"study": study, "contrast": study, "effect": effect, "space": space}
        row |= dict.fromkeys("xyz", "85")
        header = text.splitlines()[0].split("\t")
        text = text.rstrip("\n") + "\n" + "\t".join(row.get(name, "n/a") for name in header) + "\n"
    far.write_text(text, encoding="utf-8")
    ended = group(
        Desk(tmp_path), simulated.fmriprep, output, "--coordinates", far,
        "--specificity", "random", "--n-permutations", DRAWS, "--overwrite",
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    name = "network-increase_desc-specificity_metrics.tsv"
    before, after = (
        read_table(folder / "group" / name).set_index("test").loc["random"]
        for folder in (compared[1], output)
    )
    assert before.to_dict() == after.to_dict()
    assert drawn(output, "lonely") == {"degree": "n/a"}


def test_draws_on_a_coarser_grid(
    compared: tuple[Desk, Path, Ended], simulated: Truth, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(compared[1], tmp_path / "coarse"))
    ended = group(
        Desk(tmp_path), simulated.fmriprep, output, "--specificity", "random",
        "--n-permutations", 20, "--null-resolution", 16, "--overwrite",
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    (path,) = (output / "group").glob("network-increase*_res-16mm_desc-random_stat-z*.nii.gz")
    assert nib.load(path).header.get_zooms()[:3] == (16, 16, 16)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--specificity", "labels", "--label-test", "increase:nothing"], "nothing"),
        (["--specificity", "random", "--height-control", "permutation"], "permutation"),
        (["--specificity", "random", "--keep-distances", "--keep-hemisphere"], "one of them"),
        (["--specificity", "random", "--base-rate", "/nowhere.nii.gz"], "--base-rate"),
        (["--specificity-time", "soon"], "not a time"),
        (["--specificity", "luck"], "invalid choice"),
    ],
)
def test_what_cannot_be_had_is_said_first(
    compared: tuple[Desk, Path, Ended],
    simulated: Truth,
    tmp_path: Path,
    options: list[str],
    said: str,
) -> None:
    output = Path(shutil.copytree(compared[1], tmp_path / "wrong"))
    ended = Desk(tmp_path).call(simulated.fmriprep, output, "group", *options)
    assert ended.code == 2
    assert said in ended.err
