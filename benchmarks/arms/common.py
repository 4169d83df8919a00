"""What most scripts do: two maskers of nilearn, each with all its cleaning switched on."""

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.maskers import NiftiMasker, NiftiSpheresMasker

from benchmarks.arms import script


def work(job):
    confounds = pd.read_csv(job["confounds"], sep="\t")[job["columns"]].bfill().to_numpy()
    foci = pd.read_csv(job["foci"], sep="\t")
    cleaning = {
        "smoothing_fwhm": job["smoothing"] or None,
        "standardize": "zscore_sample",
        "detrend": True,
        "low_pass": job["low_pass"],
        "high_pass": job["high_pass"],
        "t_r": job["t_r"],
    }
    brain = NiftiMasker(mask_img=job["mask"], **cleaning)
    series = brain.fit_transform(job["bold"], confounds=confounds)
    spheres = NiftiSpheresMasker(
        foci[["x", "y", "z"]].to_numpy().tolist(),
        radius=job["radius"],
        mask_img=job["mask"],
        allow_overlap=True,
        **cleaning,
    )
    focus_series = spheres.fit_transform(job["bold"], confounds=confounds)
    r = []
    for _, rows in foci.groupby("contrast", sort=False):
        seed = focus_series[:, rows.index].mean(axis=1)
        seed = (seed - seed.mean()) / seed.std(ddof=1)
        r.append(series.T @ seed / (len(seed) - 1))
    r = np.array(r)
    mask = np.asarray(nib.load(job["mask"]).dataobj) > 0

    def maps():
        volumes = np.full((len(r), *mask.shape), np.nan)
        volumes[:, mask] = r
        return volumes

    return {"r": maps}


if __name__ == "__main__":
    script.run(work)
