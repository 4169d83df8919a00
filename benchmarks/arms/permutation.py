"""The largest t under sign flips: `fcnm_bids.stats`, or `nilearn.mass_univariate.permuted_ols`."""

import time

import numpy as np

from benchmarks.arms import script


def _ours(maps, covariates, n_permutations):
    from fcnm_bids.stats import GroupMaps, max_t_null

    tested = np.ones(maps.shape[1], dtype=bool)
    started = time.perf_counter()
    null = max_t_null(
        GroupMaps(maps, covariates), tested, tail="positive", n_permutations=n_permutations, seed=0
    )
    return null.threshold(0.05), time.perf_counter() - started


def _nilearn(maps, covariates, n_permutations):
    from nilearn.mass_univariate import permuted_ols

    started = time.perf_counter()
    found = permuted_ols(
        np.ones((len(maps), 1)),
        maps,
        confounding_vars=covariates if covariates.shape[1] else None,
        model_intercept=False,
        n_perm=n_permutations,
        two_sided_test=False,
        random_state=0,
        n_jobs=1,
        output_type="dict",
    )
    seconds = time.perf_counter() - started
    return np.quantile(found["h0_max_t"], 0.95), seconds


def work(job):
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((job["n_participants"], job["n_maps_voxels"])).astype(np.float32)
    covariates = rng.standard_normal((job["n_participants"], job["n_covariates"]))
    covariates -= covariates.mean(axis=0)
    method = {"fcnm_bids": _ours, "nilearn": _nilearn}[job["method"]]
    threshold, seconds = method(maps, covariates, job["n_permutations"])
    return {"threshold": float(threshold), "flips": seconds}


if __name__ == "__main__":
    script.run(work)
