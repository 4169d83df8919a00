from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fcnm_bids.stats import (
    ContrastMoments,
    design_of,
    estimate_smoothness,
    one_sample,
    summed_moments,
)
from tests.stats.exact_sums import exact_sums

SHAPE = (6, 5, 4)
N_VOXELS = 120


def covariates(n: int, k: int, seed: int = 0) -> NDArray[np.float64]:
    columns = np.random.default_rng(seed).normal(size=(n, k)) @ np.diag(10.0 ** np.arange(k))
    return columns - columns.mean(axis=0)


def maps(n: int, *, missing: float, seed: int = 1) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0.3, 1, size=(n, N_VOXELS))
    z[rng.random(z.shape) < missing] = np.nan
    return z


def summed(
    z: NDArray[np.float64], columns: NDArray[np.float64], *, smoothness: bool = False
) -> ContrastMoments:
    return exact_sums(z, SHAPE, covariates=columns, smoothness=smoothness)


def least_squares(z: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[float, int]:
    """t of the intercept and its degrees of freedom, by numpy.linalg.lstsq."""
    has = np.isfinite(z)
    design = np.column_stack([np.ones(has.sum()), columns[has]])
    beta, residual, rank, _ = np.linalg.lstsq(design, z[has], rcond=None)
    df = has.sum() - rank
    inverse = np.linalg.inv(design.T @ design)
    return beta[0] / np.sqrt(residual[0] / df * inverse[0, 0]), df


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("k", [1, 3])
def test_t_is_that_of_ordinary_least_squares(k: int, missing: float) -> None:
    z, columns = maps(25, missing=missing), covariates(25, k)
    found = one_sample(summed(z, columns), min_subjects=0.3)
    assert found.tested.all()
    for voxel in range(N_VOXELS):
        t, df = least_squares(z[:, voxel], columns)
        assert found.t[voxel] == pytest.approx(t, rel=1e-9)
        assert found.df[voxel] == df


def test_t_is_that_of_nilearn() -> None:
    import nibabel as nib
    from nilearn.glm.second_level import SecondLevelModel

    z, columns = maps(18, missing=0), covariates(18, 2)
    images = [nib.Nifti1Image(row.reshape(SHAPE, order="F"), np.eye(4)) for row in z]
    mask = nib.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), np.eye(4))
    design = pd.DataFrame(np.column_stack([np.ones(18), columns]), columns=["intercept", "a", "b"])
    model = SecondLevelModel(mask_img=mask, smoothing_fwhm=None).fit(images, design_matrix=design)
    t = model.compute_contrast("intercept", output_type="stat").get_fdata().ravel(order="F")
    found = one_sample(summed(z, columns), min_subjects=1.0)
    np.testing.assert_allclose(found.t, t, rtol=1e-6)
    assert (found.df == 15).all()


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_merging_two_parts_gives_the_whole(missing: float) -> None:
    z, columns = maps(14, missing=missing), covariates(14, 2)
    first, second = summed(z[:6], columns[:6]), summed(z[6:], columns[6:])
    parts = summed_moments([first, second])
    merged = one_sample(parts, min_subjects=0.1)
    whole = one_sample(summed(z, columns), min_subjects=0.1)
    np.testing.assert_allclose(merged.t, whole.t, rtol=1e-10)


def test_a_level_that_nobody_has_at_a_voxel_leaves_it_untested() -> None:
    z, columns = maps(12, missing=0), np.repeat([[-0.5], [0.5]], 6, axis=0)
    z[:6, 7] = np.nan
    found = one_sample(summed(z, columns), min_subjects=0.4)
    np.testing.assert_array_equal(np.flatnonzero(~found.tested), [7])


def test_more_participants_than_columns_are_needed() -> None:
    z, columns = maps(4, missing=0), covariates(4, 2)
    assert one_sample(summed(z, columns), min_subjects=0.5).tested.all()
    assert not one_sample(summed(z[:3], columns[:3]), min_subjects=0.5).tested.any()


def test_smoothness_is_that_of_the_residuals() -> None:
    columns = covariates(20, 2)
    z = maps(20, missing=0) + 5 * columns[:, :1]
    design = np.column_stack([np.ones(20), columns])
    residuals = z - design @ np.linalg.lstsq(design, z, rcond=None)[0]
    # residuals have a mean of zero, so that nothing more is taken out of them
    plain = summed(residuals, np.zeros((20, 0)), smoothness=True)
    fitted = summed(z, columns, smoothness=True)
    everywhere = np.ones(N_VOXELS, dtype=bool)
    found, expected = (estimate_smoothness(m, everywhere) for m in (fitted, plain))
    assert found.fwhm == pytest.approx(expected.fwhm, rel=1e-8)


def test_a_designed_covariate_gives_the_same_t_whatever_its_unit() -> None:
    z = maps(15, missing=0.1)
    participants = [f"{i:02}" for i in range(15)]
    ages = np.random.default_rng(4).integers(18, 60, 15)
    years = design_of({"age": [str(a) for a in ages]}, participants, frozenset())
    days = design_of({"age": [str(365 * a) for a in ages]}, participants, frozenset())
    first, second = (
        one_sample(summed(z, design.columns), min_subjects=0.5) for design in (years, days)
    )
    np.testing.assert_allclose(first.t, second.t, rtol=1e-12)
