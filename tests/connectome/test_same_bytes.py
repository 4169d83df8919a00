"""A stored run's bytes, with the arithmetic of other processors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.blas_kernels import KERNELS, run_under

_STORE = """
import hashlib, tempfile
from pathlib import Path
import nibabel as nib
from fcnm_bids.connectome import open_image, project_run
from fcnm_bids.denoise import band_basis

rng = numpy.random.default_rng(1)
shape, n = (14, 16, 12), 150
shared = rng.standard_normal((*shape, 1)) * rng.standard_normal(n)
series = 9000 + 80 * (rng.standard_normal((*shape, n)) + shared)
digest = hashlib.sha256()
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "bold.nii")
    nib.Nifti1Image(series.astype("<i2"), numpy.diag([2.0, 2, 2, 1])).to_filename(path)
    image = open_image(path, "MNI152NLin6Asym")
    for low_pass in (0.1, 0.0):
        basis = band_basis(n, float(sys.argv[1]), high_pass=0.01, low_pass=low_pass)
        mask = numpy.ones(numpy.prod(shape), dtype=bool)
        for voxel_size in (None, 3.0):
            run = project_run(image, mask, basis, smoothing=6.0, voxel_size=voxel_size).run
            for kind in ("<i2", "i1"):
                largest = numpy.float32(numpy.iinfo(kind).max)
                steps = numpy.rint(run.values / (abs(run.values).max(axis=0) / largest))
                digest.update(steps.astype(kind).tobytes())
print(digest.hexdigest())
"""


@cache
def stored_here(repetition_time: str) -> str:
    return run_under("Nehalem", 1, _STORE, repetition_time)[1]


@pytest.mark.parametrize("repetition_time", ["2.0", "0.72"])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel != "Nehalem"])
def test_a_run_is_stored_in_the_same_steps(
    kernel: str, n_threads: int, repetition_time: str, record_property: Callable[[str, str], None]
) -> None:
    blas, stored = run_under(kernel, n_threads, _STORE, repetition_time)
    record_property("blas", blas)
    assert stored == stored_here(repetition_time)
