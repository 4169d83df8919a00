"""The least that any program has to do: decompress once, gather, one float32 product."""

import nibabel as nib
import numpy as np
from isal import igzip

from benchmarks.arms import script


def work(job):
    header = nib.load(job["bold"]).header
    index = np.flatnonzero(np.asarray(nib.load(job["mask"]).dataobj).ravel(order="F") > 0)
    shape = header.get_data_shape()
    dtype = header.get_data_dtype()
    volume = np.empty(int(np.prod(shape[:3])), dtype=dtype)
    series = np.empty((shape[3], index.size), dtype=np.float32)
    with igzip.open(job["bold"], "rb") as stream:
        stream.read(int(header["vox_offset"]))
        for row in series:
            view = volume.view(np.uint8).data
            filled = 0
            while filled < len(view):
                filled += stream.readinto(view[filled:])
            row[:] = volume.take(index)
    basis = np.random.default_rng(0).standard_normal((job["dof"], shape[3]), dtype=np.float32)
    product = basis @ series
    return {"check": float(product[0, 0])}


if __name__ == "__main__":
    script.run(work)
