"""Whether two output folders hold the same maps: ``python -m tests.same_maps ONE OTHER``.

They may come from different machines, or from inside and outside of a container, where sums are
not rounded alike.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-5


@dataclass
class Comparison:
    """What was compared, and how far apart it is.

    Parameters
    ----------
    n_maps
        Images in both folders.
    in_masks
        Voxels inside the contrast masks of the first.
    largest
        Largest difference of a statistical map, relative to 1 or to the value where it is larger.
    at_threshold
        Voxels of the contrast masks that differ, all of them at their threshold.
    in_networks
        Voxels of probability maps and network masks that differ, which follow from those.
    """

    n_maps: int = 0
    in_masks: int = 0
    largest: float = 0.0
    at_threshold: int = 0
    in_networks: int = 0


def compare(ours: Path, theirs: Path) -> Comparison:
    """Compare all images of two output folders.

    Raises
    ------
    AssertionError
        Some are missing, a statistical map differs by more than 1e-5, or a mask differs where the
        statistic is not within 1e-5 of the threshold.
    """
    names = {path.relative_to(ours) for path in ours.rglob("*.nii.gz")}
    others = {path.relative_to(theirs) for path in theirs.rglob("*.nii.gz")}
    assert names, f"no image in {ours}"
    assert names == others, f"only in one: {sorted(map(str, names ^ others))}"
    found = Comparison(n_maps=len(names))
    # networks last: a voxel at a contrast's threshold may move them
    for name in sorted(names, key=lambda path: (path.name.startswith("network-"), path)):
        a, b = _values(ours / name), _values(theirs / name)
        assert a.shape == b.shape, name
        assert np.array_equal(np.isnan(a), np.isnan(b)), name
        if "_stat-" in name.name:
            apart = np.abs(a - b) / np.maximum(1, np.abs(a))
            found.largest = max(found.largest, float(np.nanmax(apart, initial=0)))
            assert found.largest <= TOLERANCE, f"{name}: {found.largest:.2g} apart"
            continue
        differ = (a != b) & ~np.isnan(a)
        if name.name.endswith("_desc-significant_mask.nii.gz"):
            threshold, t = _tested(ours / name)
            close = np.abs(np.abs(t[differ]) - threshold) <= TOLERANCE * threshold
            assert close.all(), f"{name}: differs away from its threshold"
            found.in_masks += int(a.sum())
            found.at_threshold += int(differ.sum())
        else:
            found.in_networks += int(differ.sum())
            assert int(differ.sum()) <= found.at_threshold, f"{name}: {differ.sum()} voxels differ"
    return found


def _tested(mask: Path) -> tuple[float, NDArray[np.float64]]:
    """Threshold of a contrast mask, and the t that it was put to."""
    sidecar = json.loads(mask.with_name(mask.name.replace(".nii.gz", ".json")).read_text())
    t_map = mask.name.replace("_desc-significant_mask", "_stat-t_statmap")
    return float(sidecar["Threshold"]), _values(mask.with_name(t_map))


def _values(path: Path) -> NDArray[np.float64]:
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def main(arguments: Sequence[str]) -> int:
    """Compare two folders; 1 if they are not the same."""
    one, other = map(Path, arguments)
    try:
        found = compare(one, other)
    except AssertionError as error:
        print(f"not the same: {error}")
        return 1
    print(
        f"{found.n_maps} images; statistical maps at most {found.largest:.2g} apart; "
        f"{found.at_threshold} of {found.in_masks} voxels of masks, all at their threshold, and "
        f"{found.in_networks} of networks differ"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
