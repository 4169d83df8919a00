"""The same estimator in float64, straight from its definition; no code shared with the package.

Never timed.
"""

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from benchmarks.arms import script


def work(job):
    bold = nib.load(job["bold"])
    mask = np.asarray(nib.load(job["mask"]).dataobj) > 0
    data = np.asarray(bold.dataobj)
    n = data.shape[3]
    series = np.empty((n, np.count_nonzero(mask)))
    sigma = job["smoothing"] / np.sqrt(8 * np.log(2)) / job["voxel_size"]
    for row in range(n):
        volume = np.where(mask, data[..., row], 0.0)
        if sigma:
            volume = gaussian_filter(volume, sigma, mode="constant")
        series[row] = volume[mask]
    del data
    confounds = pd.read_csv(job["confounds"], sep="\t")[job["columns"]].bfill().to_numpy()
    order = np.arange(1, n)
    duration = 2 * n * job["t_r"]
    stopped = order[
        (order <= np.floor(duration * job["high_pass"] + 1e-9))
        | (order > np.floor(duration * job["low_pass"] + 1e-9))
    ]
    cosines = np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, stopped))
    design = np.column_stack([np.arange(n), confounds, cosines])
    design = design - design.mean(axis=0)
    left, singular, _ = np.linalg.svd(design / np.linalg.norm(design, axis=0), full_matrices=False)
    left = left[:, singular > 1e-10 * singular[0]]
    series -= series.mean(axis=0)
    series -= left @ (left.T @ series)
    positions = np.argwhere(mask) @ bold.affine[:3, :3].T + bold.affine[:3, 3]
    volumes = []
    length = np.sqrt((series**2).sum(axis=0))
    foci = pd.read_csv(job["foci"], sep="\t")
    for _, rows in foci.groupby("contrast", sort=False):
        seed = np.zeros(len(positions), dtype=bool)
        for focus in rows[["x", "y", "z"]].to_numpy():
            seed |= ((positions - focus) ** 2).sum(axis=1) <= job["radius"] ** 2 + 1e-3
        mean = series[:, seed].mean(axis=1)
        volume = np.full(mask.shape, np.nan)
        volume[mask] = mean @ series / np.linalg.norm(mean) / length
        volumes.append(volume)
    return {"r": lambda: np.array(volumes), "dof": n - 1 - left.shape[1]}


if __name__ == "__main__":
    script.run(work)
