"""The simulated data set as a whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import trim_mean

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate import SimulationDesign, Truth, simulate_dataset
from fcnm_bids.simulate.motion import MOTION_COLUMNS, framewise_displacement

_SPACE = "space-MNI152NLin6Asym_res-5"


@pytest.fixture(scope="module")
def design() -> SimulationDesign:
    return SimulationDesign(n_participants=3, n_runs=(1, 2), voxel_size=5.0, n_volumes=120)


@pytest.fixture(scope="module")
def truth(design: SimulationDesign, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return simulate_dataset(tmp_path_factory.mktemp("simulated"), design)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _table(truth: Truth, run: str) -> pd.DataFrame:
    [path] = truth.fmriprep.rglob(f"{run}_desc-confounds_timeseries.tsv")
    return pd.read_csv(path, sep="\t", na_values="n/a")


def test_every_file_of_the_derivatives_has_its_name(truth: Truth) -> None:
    expected = {"dataset_description.json", "participants.tsv", "participants.json"}
    for sub, runs in {"sub-01": [""], "sub-02": ["_run-1", "_run-2"], "sub-03": [""]}.items():
        expected.add(f"{sub}/anat/{sub}_{_SPACE}_label-GM_probseg.nii.gz")
        for run in runs:
            stem = f"{sub}/func/{sub}_task-rest{run}"
            expected |= {
                f"{stem}_{_SPACE}_desc-{name}.{end}"
                for name in ("preproc_bold", "brain_mask")
                for end in ("nii.gz", "json")
            }
            expected |= {f"{stem}_desc-confounds_timeseries.{end}" for end in ("tsv", "json")}
    assert set(_digests(truth.fmriprep)) == expected


def test_it_says_that_it_is_simulated(truth: Truth) -> None:
    description = json.loads((truth.fmriprep / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert "imulated" in description["GeneratedBy"][0]["Description"]
    assert description["GeneratedBy"][0]["Name"] != "fMRIPrep"
    assert "imulated" in (truth.folder / "README.md").read_text()
    for sidecar in truth.fmriprep.rglob("*_bold.json"):
        assert "Simulated" in json.loads(sidecar.read_text())["Description"]


def test_images_share_the_grid_and_state_the_repetition_time(
    truth: Truth, design: SimulationDesign
) -> None:
    for path in truth.fmriprep.rglob("*.nii.gz"):
        image = nib.load(path)
        assert image.shape[:3] == truth.grid.shape
        np.testing.assert_array_equal(image.affine, truth.grid.affine)
        if path.name.endswith("_bold.nii.gz"):
            assert image.shape[3] == design.n_volumes
            assert image.get_data_dtype() == np.int16
            assert image.header.get_zooms()[3] == 2
            assert image.header.get_xyzt_units() == ("mm", "sec")
            sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
            assert json.loads(sidecar.read_text())["RepetitionTime"] == 2
            mask = nib.load(str(path).replace("preproc_bold", "brain_mask"))
            inside = np.asarray(image.dataobj)[np.asarray(mask.dataobj) > 0]
            assert (inside > 0).all()
            assert 5_000 < np.median(inside) < 15_000


def test_confounds_have_fmripreps_columns(truth: Truth, design: SimulationDesign) -> None:
    for path in truth.fmriprep.rglob("*_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t", na_values="n/a")
        assert len(table) == design.n_volumes
        for name in (*MOTION_COLUMNS, "global_signal", "white_matter", "csf"):
            series = table[name].to_numpy()
            change = np.r_[np.nan, np.diff(series)]
            np.testing.assert_allclose(table[f"{name}_derivative1"], change, atol=1e-5)
            np.testing.assert_allclose(table[f"{name}_power2"], series**2, rtol=1e-6)
            derivative = table[f"{name}_derivative1"].to_numpy()
            np.testing.assert_allclose(
                table[f"{name}_derivative1_power2"], derivative**2, rtol=1e-6, atol=1e-12
            )
        assert {"std_dvars", "cosine00"} <= set(table)
        with_gaps = table.columns[table.isna().any()]
        assert table[1:].notna().all(axis=None)
        assert set(with_gaps) >= {"framewise_displacement", "dvars", "std_dvars"}
        assert "n/a" in path.read_text().splitlines()[1].split("\t")


def test_framewise_displacement_follows_from_the_written_motion(truth: Truth) -> None:
    for path in truth.fmriprep.rglob("*_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t", na_values="n/a")
        expected = framewise_displacement(table[list(MOTION_COLUMNS)].to_numpy())
        np.testing.assert_allclose(table["framewise_displacement"], expected, atol=1e-8)
        assert 1 <= (expected > 0.5).sum() <= 0.04 * len(table)


def test_tissue_signals_are_those_of_the_image(truth: Truth) -> None:
    table = _table(truth, "sub-01_task-rest")
    [path] = truth.fmriprep.rglob("sub-01_*_bold.nii.gz")
    mask = np.asarray(nib.load(str(path).replace("preproc_bold", "brain_mask")).dataobj) > 0
    inside = np.asarray(nib.load(path).dataobj)[mask].astype(float)
    np.testing.assert_allclose(table["global_signal"], inside.mean(axis=0), rtol=1e-6)
    dvars = np.sqrt((np.diff(inside, axis=1) ** 2).mean(axis=0))
    np.testing.assert_allclose(table["dvars"][1:], dvars, rtol=1e-5)


def test_components_name_their_tissue(truth: Truth) -> None:
    [path] = truth.fmriprep.rglob("sub-01_*_timeseries.json")
    metadata = json.loads(path.read_text())
    table = _table(truth, "sub-01_task-rest")
    assert {facts["Mask"] for facts in metadata.values()} == {"combined", "CSF", "WM"}
    assert all(facts["Method"] == "aCompCor" for facts in metadata.values())
    assert set(metadata) == {name for name in table if name.startswith("a_comp_cor_")}
    components = table[list(metadata)].to_numpy()
    cosines = table.filter(like="cosine").to_numpy()
    np.testing.assert_allclose(cosines.T @ components, 0, atol=1e-6)


def test_volumes_before_the_steady_state_are_bright_and_marked(truth: Truth) -> None:
    assert not any("non_steady" in name for name in _table(truth, "sub-01_task-rest"))
    table = _table(truth, "sub-02_task-rest_run-1")
    assert table["non_steady_state_outlier00"].tolist() == [1] + [0] * (len(table) - 1)
    assert table["global_signal"][0] > 1.1 * table["global_signal"].median()


def test_planted_voxels_share_a_time_course_and_others_do_not(truth: Truth) -> None:
    [path] = truth.fmriprep.rglob("sub-01_*_bold.nii.gz")
    bold = np.asarray(nib.load(path).dataobj, dtype=float)
    table = _table(truth, "sub-01_task-rest")
    nuisance = table.filter(regex="^(trans|rot|cosine|global_signal$)").bfill().to_numpy()
    nuisance = np.column_stack([np.ones(len(table)), nuisance / np.abs(nuisance).max(axis=0)])
    keep = ~(table["framewise_displacement"] > 0.5).to_numpy()
    basis = np.linalg.qr(nuisance[keep])[0]

    def mean_course(mask: np.ndarray) -> np.ndarray:
        course = bold[mask].mean(axis=0)[keep]
        return course - basis @ (basis.T @ course)

    right = truth.grid.unflatten(truth.grid.positions(np.arange(truth.grid.n_voxels))[:, 0] > 0)
    halves = {
        effect: [mean_course(network & right), mean_course(network & ~right)]
        for effect, network in truth.networks.items()
    }
    for effect in halves:
        assert np.corrcoef(halves[effect])[0, 1] > 0.6
    between = np.corrcoef(halves["increase"][0], halves["decrease"][1])[0, 1]
    assert abs(between) < 0.5

    elsewhere = truth.grey_matter & ~np.any(list(truth.networks.values()), axis=0)
    for effect, network in truth.networks.items():
        seed = halves[effect][0]

        def correlations(mask: np.ndarray, seed: np.ndarray = seed) -> np.ndarray:
            series = bold[mask][:, keep].T
            series = series - basis @ (basis.T @ series)
            return (seed @ series) / np.linalg.norm(seed) / np.linalg.norm(series, axis=0)

        assert trim_mean(correlations(network & ~right), 0.1) > 0.25
        assert abs(trim_mean(correlations(elsewhere), 0.1)) < 0.1


def test_the_truth_is_on_disk_as_it_is_returned(truth: Truth) -> None:
    increase, decrease = truth.networks["increase"], truth.networks["decrease"]
    assert not (increase & decrease).any()
    for effect, path in truth.network_files.items():
        written = np.asarray(nib.load(path).dataobj)
        assert np.array_equal(written > 0, truth.networks[effect])
    foci = pd.read_csv(truth.coordinates, sep="\t")
    pd.testing.assert_frame_equal(foci, truth.foci.drop(columns="on_network"), check_dtype=False)
    assert json.loads((truth.folder / "truth" / "design.json").read_text())["n_participants"] == 3


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    small = {"n_participants": 1, "voxel_size": 8.0, "n_volumes": 30}
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        simulate_dataset(tmp_path / name, SimulationDesign(**small, random_seed=seed))
    first, again, other = (_digests(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert set(first) == set(other)
    changed = {Path(name).name for name in first if first[name] != other[name]}
    assert any(name.endswith("_bold.nii.gz") for name in changed)
    assert any(name.endswith("_timeseries.tsv") for name in changed)
    assert "coordinates.tsv" in changed


def test_sessions_are_folders_and_entities(tmp_path: Path) -> None:
    design = SimulationDesign(
        n_participants=1, sessions=("pre", "post"), n_runs=2, voxel_size=8.0, n_volumes=20
    )
    truth = simulate_dataset(tmp_path / "out", design)
    bold = sorted(str(p.relative_to(truth.fmriprep)) for p in truth.fmriprep.rglob("*bold.nii.gz"))
    assert bold == [
        f"sub-01/ses-{ses}/func/sub-01_ses-{ses}_task-rest_run-{run}_"
        "space-MNI152NLin6Asym_res-8_desc-preproc_bold.nii.gz"
        for ses in ("post", "pre")
        for run in (1, 2)
    ]
    contents = {(truth.fmriprep / path).read_bytes() for path in bold}
    assert len(contents) == 4


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RequestError, match="not an empty folder"):
        simulate_dataset(tmp_path, SimulationDesign())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
