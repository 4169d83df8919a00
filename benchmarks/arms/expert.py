"""What somebody who knows nilearn well writes by hand.

One load, one mask, one call of `nilearn.signal.clean`, one matrix product. ``band`` is
``cosines``: trend and stop-band cosines among the confounds, which is the estimator of this
package; or ``butterworth``: the filter that nilearn offers, another estimator. Volumes are smoothed
one by one with SciPy, or, with ``smooth_img``, by nilearn's function of this name, which takes
longer.
"""

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.image import smooth_img
from nilearn.signal import clean
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

from benchmarks.arms import script


def work(job):
    bold = nib.load(job["bold"])
    mask = np.asarray(nib.load(job["mask"]).dataobj) > 0
    data = np.asarray(bold.dataobj)
    if job["smoothing"]:
        series = smoothed(data, mask, bold.affine, job)
    else:
        series = data[mask].T.astype(np.float32)
    del data
    confounds = pd.read_csv(job["confounds"], sep="\t")[job["columns"]].bfill().to_numpy()
    n, t_r = len(series), job["t_r"]
    if job["band"] == "cosines":
        order = np.arange(1, n)
        slow = order <= int(2 * n * t_r * job["high_pass"] + 1e-9)
        fast = order > int(2 * n * t_r * job["low_pass"] + 1e-9)
        cosines = np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, order[slow | fast]))
        confounds = np.column_stack([np.linspace(-1, 1, n), confounds, cosines])
        series = clean(
            series, confounds=confounds, detrend=False, standardize=None, filter=False, t_r=t_r
        )
        series -= series.mean(axis=0)
    else:
        series = clean(
            series,
            confounds=confounds,
            detrend=True,
            standardize=None,
            filter="butterworth",
            low_pass=job["low_pass"],
            high_pass=job["high_pass"],
            t_r=t_r,
            butterworth__copy=True,
        )
    foci = pd.read_csv(job["foci"], sep="\t")
    positions = np.argwhere(mask) @ bold.affine[:3, :3].T + bold.affine[:3, 3]
    seeds = []
    for _, rows in foci.groupby("contrast", sort=False):
        near = cdist(rows[["x", "y", "z"]], positions, "sqeuclidean") <= job["radius"] ** 2 + 1e-3
        seeds.append(series[:, near.any(axis=0)].mean(axis=1))
    seeds = np.array(seeds)
    seeds /= np.linalg.norm(seeds, axis=1, keepdims=True)
    r = (seeds @ series) / np.sqrt(np.einsum("ij,ij->j", series, series))

    def maps():
        volumes = np.full((len(r), *mask.shape), np.nan)
        volumes[:, mask] = r
        return volumes

    return {"r": maps}


def smoothed(data, mask, affine, job):
    """Volumes inside the mask, smoothed."""
    if job.get("smooth_img"):
        inside = np.where(mask[..., None], data, 0).astype(np.float32)
        image = smooth_img(nib.Nifti1Image(inside, affine), job["smoothing"])
        return image.get_fdata(dtype=np.float32)[mask].T
    sigma = job["smoothing"] / np.sqrt(8 * np.log(2)) / job["voxel_size"]
    series = np.empty((data.shape[3], np.count_nonzero(mask)), dtype=np.float32)
    for row, volume in zip(series, np.moveaxis(data, 3, 0), strict=True):
        volume = np.where(mask, volume, 0).astype(np.float32)
        for axis in range(3):
            gaussian_filter1d(volume, sigma, axis=axis, output=volume, mode="constant")
        row[:] = volume[mask]
    return series


if __name__ == "__main__":
    script.run(work)
