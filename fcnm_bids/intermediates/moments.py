"""Sums over participants of one contrast, from the pass over the store to the contrast's node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.stats import ContrastMoments, CovariateSums, GroupMaps

MAPS = "maps.npy"
"""Participants' maps, shape (seeds, participants, voxels), where the height control flips them."""


@dataclass(frozen=True, eq=False)
class StoredContrast:
    """The sums over participants of one contrast.

    Parameters
    ----------
    moments
        The sums.
    absent
        Participants without a map.
    present
        Positions of those with one among the participants of the group.
    covariates
        The group's design, shape (participants, covariates).
    row
        Of the contrast in the file of participants' maps.
    """

    moments: ContrastMoments
    absent: list[str]
    present: NDArray[np.intp]
    covariates: NDArray[np.float64]
    row: int


def contrast_file(folder: Path, label: str) -> Path:
    """The sums of a contrast."""
    return folder / f"{label}.npz"


def radius_file(folder: Path, label: str, position: int) -> Path:
    """The sums of a contrast with another radius."""
    return folder / f"{label}_radius{position}.npz"


def block_file(folder: Path, label: str, block: int) -> Path:
    """The sums of a contrast over one block of participants."""
    return folder / f"{label}_block{block}.npz"


def write_moments(
    path: Path,
    moments: ContrastMoments,
    *,
    absent: Sequence[str],
    present: NDArray[np.intp],
    covariates: NDArray[np.float64],
    row: int,
) -> None:
    """Write the sums of one contrast."""
    content: dict[str, Any] = {
        "n": moments.n,
        "total": moments.total,
        "square": moments.square,
        "clipped_in": moments.clipped_in,
        "n_participants": moments.n_participants,
        "n_added": moments.n_added,
        "index": moments.index,
        "shape": moments.shape,
        "absent": np.array(absent, dtype=str),
        "present": present,
        "covariates": covariates,
        "row": row,
    }
    if moments.products is not None:
        content["products"] = moments.products
    if moments.covariates is not None:
        content["covariate_products"] = moments.covariates.products
        content["gram"] = moments.covariates.gram
        content["lacking"] = moments.covariates.lacking
        content["lacking_gram"] = moments.covariates.lacking_gram
    np.savez(path, **content)


def read_moments(paths: Sequence[Path]) -> StoredContrast:
    """Read the sums of one contrast.

    Parameters
    ----------
    paths
        Its files in all slabs of voxels, in their order.
    """
    slabs = [_read(path) for path in paths]
    if len(slabs) == 1:
        return slabs[0]
    moments = [own.moments for own in slabs]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(own, name) for own in moments], axis=-1)

    return replace(
        slabs[0],
        moments=replace(
            moments[0],
            **{name: joined(name) for name in ("n", "total", "square", "clipped_in", "index")},
            products=None if moments[0].products is None else joined("products"),
            covariates=_joined_covariates([own.covariates for own in moments]),
        ),
    )


def _joined_covariates(slabs: Sequence[CovariateSums | None]) -> CovariateSums | None:
    found = [own for own in slabs if own is not None]
    if not found:
        return None
    before = np.cumsum([0, *(len(own.lacking_gram) for own in found)])[:-1].tolist()
    lacking = [
        np.where(own.lacking < 0, -1, own.lacking + rows)
        for own, rows in zip(found, before, strict=True)
    ]
    return CovariateSums(
        products=np.concatenate([own.products for own in found], axis=1),
        gram=found[0].gram,
        lacking=np.concatenate(lacking).astype(np.int32),
        lacking_gram=np.concatenate([own.lacking_gram for own in found]),
    )


def _read(path: Path) -> StoredContrast:
    with np.load(path, allow_pickle=False) as stored:
        nx, ny, nz = (int(n) for n in stored["shape"])
        sums = None
        if "gram" in stored:
            sums = CovariateSums(
                products=stored["covariate_products"],
                gram=stored["gram"],
                lacking=stored["lacking"],
                lacking_gram=stored["lacking_gram"],
            )
        moments = ContrastMoments(
            n=stored["n"],
            total=stored["total"],
            square=stored["square"],
            clipped_in=stored["clipped_in"],
            products=stored.get("products", None),
            n_participants=int(stored["n_participants"]),
            n_added=int(stored["n_added"]),
            index=stored["index"],
            shape=(nx, ny, nz),
            covariates=sums,
        )
        absent = [str(name) for name in stored["absent"]]
        return StoredContrast(
            moments, absent, stored["present"], stored["covariates"], int(stored["row"])
        )


def read_maps(folders: Sequence[Path], stored: StoredContrast) -> GroupMaps | None:
    """Return one contrast's maps, mapped from their file; None where none were kept.

    Those of several slabs are read and joined.
    """
    paths = [folder / MAPS for folder in folders]
    if not all(path.is_file() for path in paths):
        return None
    slabs = [np.load(path, mmap_mode="r")[stored.row] for path in paths]
    own = slabs[0] if len(slabs) == 1 else np.concatenate(slabs, axis=1)
    if stored.present.size < len(own):
        own = own[stored.present]
    return GroupMaps(own, stored.covariates[stored.present])
