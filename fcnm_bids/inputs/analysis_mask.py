"""Finding and reading the mask that the analysis is kept to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import GroupSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.inputs.templates import find_templates
from fcnm_bids.mapping import Participant, analysis_voxels, mask_on_grid, mean_probability_mask

GREY_MATTER_ABOVE = 0.2
"""Mean probability of grey matter from which a voxel counts as such."""


def find_analysis_mask(
    choice: str, root: Path, participants: Sequence[str], entities: Mapping[str, str]
) -> list[Path]:
    """The images that an analysis mask is made from; none for the whole brain.

    Parameters
    ----------
    choice
        ``brain``, ``gm``, or a file.
    root
        Root of the preprocessed data set, which has participants' grey matter.
    participants
        Participant labels of the group.
    entities
        Entities of the data.

    Raises
    ------
    RequestError
        There is no such file, or no image of the grey matter.
    """
    if choice == "brain":
        return []
    if choice != "gm":
        if not Path(choice).exists():
            raise RequestError(f"--analysis-mask {choice}: there is no such file")
        return [Path(choice)]
    space = entities["space"]
    own = [
        _grey_matter(root / f"sub-{label}", space, entities.get("res")) for label in participants
    ]
    found = [path for path in own if path is not None]
    if found:
        without = [label for label, path in zip(participants, own, strict=True) if path is None]
        if without:
            raise RequestError(
                f"--analysis-mask gm: no label-GM_probseg in {space} for "
                f"{', '.join(f'sub-{label}' for label in without[:10])}"
                f"{' ...' if len(without) > 10 else ''}; give a mask FILE"
            )
        return found
    template = _template_grey_matter(space)
    if template is None:
        raise RequestError(
            f"--analysis-mask gm: neither {root} nor TemplateFlow's folder on this machine has a "
            f"label-GM_probseg in {space}; give a mask FILE on the grid of the data"
            + (
                ", or fMRIPrep's folder as BIDS_DIR and the store with --connectome-dir"
                if stored_files(root)
                else ""
            )
        )
    return [template]


def read_analysis_mask(choice: str, paths: Sequence[Path], grid: Grid) -> NDArray[np.bool_] | None:
    """The voxels of the analysis mask, shape (grid.n_voxels,); None for the whole brain."""
    if not paths:
        return None
    if choice == "gm":
        return mean_probability_mask(paths, grid, above=GREY_MATTER_ABOVE)
    return mask_on_grid(paths[0], grid)


def group_voxels(
    participants: Sequence[Participant],
    grid: Grid,
    settings: GroupSettings,
    mask_files: Sequence[str],
) -> NDArray[np.intp]:
    """Voxel numbers of the group's analysis, sorted, shape (V,).

    Parameters
    ----------
    participants
        Everybody in the group.
    grid
        The grid of the data.
    settings
        The analysis mask, and the share of participants who must have signal.
    mask_files
        Images that the mask is made from, of `find_analysis_mask`.

    Raises
    ------
    RequestError
        An image cannot be used, or no voxel is left.
    """
    within = read_analysis_mask(settings.analysis_mask, [Path(path) for path in mask_files], grid)
    return analysis_voxels(participants, grid, min_subjects=settings.min_subjects, within=within)


def _grey_matter(folder: Path, space: str, res: str | None) -> Path | None:
    """Find a participant's probability of grey matter, at the data's resolution if possible."""
    found = [
        path
        for path in sorted(folder.glob("**/anat/*_label-GM_probseg.nii.gz"))
        if parse_entities(path).get("space") == space
    ]
    same = [path for path in found if str(parse_entities(path).get("res")) == str(res)]
    return next(iter(same or found), None)


def _template_grey_matter(space: str) -> Path | None:
    """TemplateFlow's probability of grey matter where it has been fetched already."""
    found = find_templates(space, "*label-GM_probseg.nii.gz")
    return found[-1] if found else None
