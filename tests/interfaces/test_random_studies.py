from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from fcnm_bids.config import Config
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.interfaces import random_studies
from fcnm_bids.interfaces.random_studies import SampleStudies
from fcnm_bids.seeds import SeedMatrix, write_seed_matrix
from tests.interfaces.bench import NO_STRATEGY
from tests.kept_rows import build_projection

GRID = Grid((9, 8, 7), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
N_PARTICIPANTS = 10
FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace\tn
A\ta\tup\t6\t6\t6\tMNI152\t20
A\tb\tup\t9\t6\t6\tMNI152\t10
B\tc\tup\t6\t9\t9\tMNI152\t30
C\td\tdown\t18\t15\t12\tMNI152\t12
E\te\tup\t12\t12\t9\tMNI152\t18
F\tf\tup\t15\t6\t12\tMNI152\t18
"""
DOSE = {"f": 4.0, "a": 1.0, "b": 1.0, "d": 9.0, "c": 2.0, "e": 7.0}  # in the order of a table
UP = ("a", "b", "c", "e", "f")


@pytest.fixture(scope="module", params=[1 << 26, 1500], ids=["one slab", "several slabs"])
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder in which the node ran on ten participants, one without some voxels."""
    folder = tmp_path_factory.mktemp("sample")
    rng = np.random.default_rng(0)
    loadings = ndimage.gaussian_filter(rng.standard_normal((2, *GRID.shape)), (0, 1, 1, 1))
    loadings = 6 * loadings.reshape(2, GRID.n_voxels, order="F")
    participants = []
    for number in range(N_PARTICIPANTS):
        time = build_projection(
            rng.standard_normal((60, 2)), np.ones(60, bool), 2.0, high_pass=0.01, low_pass=0.2
        )
        raw = rng.standard_normal((60, 2)) @ loadings
        raw += 1.5 * rng.standard_normal((60, GRID.n_voxels))
        index = np.arange(GRID.n_voxels) if number else np.arange(30, GRID.n_voxels)
        run = ProjectedRun((time.basis @ raw[:, index]).astype(np.float32), index, GRID)
        path = folder / f"{number:02}.h5"
        image = RunImage(path, GRID, 60, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
        projected = Projected(run, GRID.n_voxels, np.zeros((60, 1)), np.zeros(1, np.intp), "")
        write_run(path, projected, time.stored, image, key="", attributes={})
        participants.append((f"{number:02}", [(str(path), "")]))
    (folder / "foci.tsv").write_text(FOCI)
    config = Config(str(folder), str(folder / "out"), "group").update(
        {"seeds": {"coordinates": str(folder / "foci.tsv")}, **NO_STRATEGY}
    )
    (folder / "config.toml").write_text(config.to_toml())
    write_seed_matrix(make_seeds(config.seeds, GRID), folder / "seeds.npz")
    dose = PlannedOutcome(
        "dose",
        "dose",
        tuple(DOSE),
        tuple(DOSE.values()),
        ((),) * len(DOSE),
        (),
        (),
        (),
        ("",) * len(DOSE),
        False,
    )
    with pytest.MonkeyPatch.context() as patched:
        pairs = len(UP) * (len(UP) + 1) // 2
        patched.setattr(random_studies, "slab_voxels", lambda _: max(100, request.param // pairs))
        result = SampleStudies(
            config_file=str(folder / "config.toml"),
            seeds_file=str(folder / "seeds.npz"),
            entities={"space": "MNI152NLin6Asym", "task": "rest"},
            participants=participants,
            effect="up",
            label="up",
            outcomes=[asdict(dose)],
            mask_files=[],
        ).run(cwd=str(folder))
    assert all(Path(path).is_file() for path in result.outputs.out_files)
    return folder


def image(folder: Path, ending: str) -> np.ndarray:
    path = folder / "out" / "group" / f"network-up_space-MNI152NLin6Asym_{ending}.nii.gz"
    return nib.load(path).get_fdata().ravel(order="F")


def effects_of(folder: Path) -> np.ndarray:
    """Fisher z of everybody, shape (participants, contrasts, voxels), NaN where one has none."""
    every = make_seeds(Config.read(folder / "config.toml").seeds, GRID)
    rows = [i for i, own in enumerate(every.contrasts) if own.effect == "up"]
    seeds = SeedMatrix(every.weights[rows], tuple(every.contrasts[i] for i in rows), GRID)
    whole = np.arange(GRID.n_voxels)
    runs = [open_run(path).load() for path in sorted(folder.glob("*.h5"))]
    found = [participant_maps([run], seeds, min_coverage=0.5, index=whole) for run in runs]
    return np.stack([np.where(own.clipped, np.nan, own.z) for own in found])


def least_squares(
    m: np.ndarray, s: np.ndarray, x: np.ndarray, null: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """tau2 of the columns `null`, coefficients of `x` and their errors, by inverting matrices."""
    r = np.eye(len(m)) - null @ np.linalg.pinv(null)
    tau2 = max(0.0, (m @ r @ m - np.trace(r @ s)) / np.trace(r))
    w = np.linalg.inv(s + tau2 * np.eye(len(m)))
    inverse = np.linalg.inv(x.T @ w @ x)
    return tau2, inverse @ x.T @ w @ m, np.sqrt(np.diag(inverse))


def test_the_maps_are_those_of_least_squares_by_brute_force(made: Path) -> None:
    z = effects_of(made)
    one = np.ones((len(UP), 1))
    dose = np.array([DOSE[name] for name in UP])
    x = np.column_stack([one, dose - dose.mean()])
    for voxel in (45, 250, 470):
        own = z[:, :, voxel]
        m, s = own.mean(axis=0), np.cov(own.T) / N_PARTICIPANTS
        tau2, beta, error = least_squares(m, s, one, one)
        assert image(made, "desc-betweenseeds_stat-variance_statmap")[voxel] == pytest.approx(
            tau2, rel=1e-5, abs=1e-9
        )
        assert image(made, "desc-betweenseeds_stat-effect_statmap")[voxel] == pytest.approx(
            beta[0], rel=1e-5
        )
        assert image(made, "desc-betweenseeds_stat-se_statmap")[voxel] == pytest.approx(
            error[0], rel=1e-5
        )
        _, beta, error = least_squares(m, s, x, one)
        assert image(made, "desc-moderatordose_stat-effect_statmap")[voxel] == pytest.approx(
            beta[1], rel=1e-5
        )
        assert image(made, "desc-moderatordose_stat-z_statmap")[voxel] == pytest.approx(
            beta[1] / error[1], rel=1e-5
        )


def test_p_is_that_of_all_exchanges_of_studies(made: Path) -> None:
    z = effects_of(made)
    usable = np.flatnonzero(np.isfinite(image(made, "desc-moderatordose_stat-z_statmap")))
    one = np.ones((len(UP), 1))
    largest = []
    for a, b, c, d in itertools.permutations([1.0, 2.0, 7.0, 4.0]):
        dose = np.array([a, a, b, c, d])  # two contrasts of study A
        x = np.column_stack([one, dose - dose.mean()])
        found = 0.0
        for voxel in usable:
            own = z[np.isfinite(z[:, :, voxel]).all(axis=1), :, voxel]
            s = np.cov(own.T) / len(own)
            _, beta, error = least_squares(own.mean(axis=0), s, x, one)
            found = max(found, abs(beta[1] / error[1]))
        largest.append(found)
    wanted = np.mean(np.array(largest) >= largest[0] * (1 - 1e-9))
    table = pd.read_csv(made / "out/group/network-up_desc-betweenseeds_metrics.tsv", sep="\t")
    row = table.set_index("model").loc["dose"]
    assert row["n_permutations"] == 24
    assert row["n_studies"] == 4
    assert row["p"] == pytest.approx(wanted)
    assert abs(row["z"]) == pytest.approx(largest[0], rel=1e-6)
    assert image(made, "desc-moderatordose_stat-pfwe_statmap")[usable].min() == pytest.approx(
        wanted, rel=1e-6
    )


def test_where_too_few_participants_have_a_value_there_is_none(made: Path) -> None:
    variance = image(made, "desc-betweenseeds_stat-variance_statmap")
    there = np.isfinite(effects_of(made)).all(axis=1).mean(axis=0) >= 0.9
    np.testing.assert_array_equal(np.isfinite(variance), there)


def test_the_sidecars_name_contrasts_and_permutations(made: Path) -> None:
    path = made / "out/group/network-up_space-MNI152NLin6Asym_desc-moderatordose_stat-z_statmap"
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["Moderator"] == "dose"
    assert said["Permutations"] == 23
    assert said["PermutationsExact"]
    assert len(said["Contrasts"]) == len(UP)
