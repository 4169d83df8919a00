"""Finding and reading atlases: a file that was named, or TemplateFlow's own on this machine."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.region_names import YEO, canonical_network, region_words
from fcnm_bids.inputs.templates import fetch_template, find_templates, template_home
from fcnm_bids.network import Atlas, resample_labels
from fcnm_bids.readers.files import read_text
from fcnm_bids.readers.volume import read_volume_image

LOGGER = logging.getLogger(__name__)

SUBCORTEX = "Subcortex"
"""Name of the row of the nuclei among canonical networks."""

CORTEX = "atlas-Schaefer2018_desc-400Parcels7Networks"
SEGMENTATIONS = {"MNI152NLin6Asym": "atlas-HCP", "MNI152NLin2009cAsym": "seg-aseg"}
"""TemplateFlow's segmentations of nuclei and cerebellum, each only in the space it was made for."""

FREESURFER = Path(str(files("fcnm_bids") / "data" / "regions" / "freesurfer.tsv"))
"""Names of the nuclei, cerebellum and brain stem by FreeSurfer's numbers, which both have.

Cortex, white matter of the cerebrum and ventricles are left out.
"""

_NONE = ("", "n/a")
"""Networks of regions that belong to none, as BIDS writes what is missing."""


@dataclass(frozen=True)
class AtlasFiles:
    """Label images of atlases, and what is missing.

    Parameters
    ----------
    parcellations
        Label images with the tables of their regions; where they overlap, the first counts.
    missing
        What could not be found, and what it means; one line each.
    """

    parcellations: tuple[tuple[Path, Path], ...]
    missing: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """All files there are."""
        return [path for pair in self.parcellations for path in pair]


def find_atlas(named: Sequence[str], space: str) -> AtlasFiles:
    """Return the atlases that were named, or what TemplateFlow's folder on this machine holds.

    Nothing is fetched here: a node of a cluster may have no network (`check_atlas` does).

    Parameters
    ----------
    named
        Label images in BIDS style (`dseg`); none for the default.
    space
        Template space of the data.

    Raises
    ------
    RequestError
        An atlas that was named is not there, has no table, or lies in another space.
    """
    if named:
        refused = [(name, _refusal(Path(name), space)) for name in named]
        if problems := [f"--network-atlas {name}: {why}" for name, why in refused if why]:
            raise RequestError(problems)
        pairs = [(Path(name), _table_of(Path(name))) for name in named]
        return AtlasFiles(tuple((image, table) for image, table in pairs if table), ())
    cortex, segmentation = _first(space, CORTEX), SEGMENTATIONS.get(space)
    nuclei = _first(space, segmentation) if segmentation else None
    table = _table_of(cortex) if cortex else None
    found, missing, home = [], [], template_home()
    if cortex and table:
        found.append((cortex, table))
    else:
        missing.append(
            "no names of cortical regions and no overlap with canonical networks: TemplateFlow's "
            f"Schaefer2018 (400Parcels7Networks) for {space} is not in {home}; fetch it there, or "
            "name an atlas with --network-atlas"
        )
    if nuclei:
        found.append((nuclei, FREESURFER))
    elif segmentation:
        missing.append(
            f"no names of nuclei and cerebellum: TemplateFlow's {segmentation} for {space} is not "
            f"in {home}; fetch it there, or name an atlas with --network-atlas"
        )
    else:
        missing.append(
            f"no names of nuclei and cerebellum: TemplateFlow has them for "
            f"{' and '.join(SEGMENTATIONS)}, not for {space}; name an atlas with --network-atlas"
        )
    return AtlasFiles(tuple(found), tuple(missing))


def check_atlas(named: Sequence[str], grid: Grid, *, fetch: bool = True) -> AtlasFiles:
    """Find the atlases, and read those that were named, before anything is computed.

    Parameters
    ----------
    named
        Files that were named; TemplateFlow's without any.
    grid
        Grid to read them on.
    fetch
        Fetch those of TemplateFlow that are not here, where there is a network.

    Raises
    ------
    RequestError
        As `find_atlas` and `read_atlas`.
    """
    if fetch and not named:
        _fetch(grid.space)
    files = find_atlas(named, grid.space)
    if named:
        read_atlas(files, grid)
    return files


def _fetch(space: str) -> None:
    """Fetch the default atlases that are not here; the first failure ends it."""
    wanted: list[dict[str, object]] = []
    cortex = {"atlas": "Schaefer2018", "desc": "400Parcels7Networks", "suffix": "dseg"}
    found = _first(space, CORTEX)
    if found is None:
        wanted.append({**cortex, "resolution": 2, "extension": ".nii.gz"})
    if found is None or _table_of(found) is None:
        wanted.append({**cortex, "extension": ".tsv"})
    if (own := SEGMENTATIONS.get(space)) and _first(space, own) is None:
        kind, name = own.split("-")
        entity = {"atlas": "atlas", "seg": "segmentation"}[kind]
        wanted.append({entity: name, "resolution": 2, "suffix": "dseg", "extension": ".nii.gz"})
    for entities in wanted:
        if failure := fetch_template(space, **entities):
            LOGGER.debug("TemplateFlow: %s of %s not fetched (%s)", entities, space, failure)
            return


def network_atlas(
    named: Sequence[str], grid: Grid
) -> tuple[AtlasFiles, Atlas | None, tuple[str, ...]]:
    """Return the files of the atlas of networks, the atlas if it can be read, and what is missing.

    Parameters
    ----------
    named
        Files that were named; TemplateFlow's without any.
    grid
        Grid to read it on.
    """
    files = find_atlas(named, grid.space)
    try:
        return files, read_atlas(files, grid), files.missing
    except RequestError as error:
        if named:
            raise
        # a damaged file in TemplateFlow's folder must not cost the network
        return (
            files,
            None,
            (
                f"no names of regions: {error}; if you remove the file from TemplateFlow's folder, "
                "it is fetched again",
            ),
        )


def read_atlas(files: AtlasFiles, grid: Grid) -> Atlas | None:
    """The atlas on a grid; None where there is none.

    Raises
    ------
    RequestError
        A file is damaged, an image has numbers that its table does not name, or two atlases
        have networks of one name.
    """
    atlases = [_parcellation(image, table, grid) for image, table in files.parcellations]
    if not atlases:
        return None
    try:
        return reduce(Atlas.joined, atlases)
    except ValueError as error:
        raise RequestError(f"--network-atlas: {error}") from error


def _parcellation(image: Path, table_file: Path, grid: Grid) -> Atlas:
    table = _read_table(table_file)
    labels, centres = _read_labels(image, grid)
    names = dict(zip(table["index"].astype(int), table["name"].astype(str), strict=True))
    names.pop(0, None)
    unnamed = sorted(set(centres) - set(names))
    if table_file == FREESURFER:
        if not set(centres) & set(names):
            raise RequestError(
                f"{image}: contains none of FreeSurfer's label numbers of nuclei; fetch it again"
            )
        labels = np.where(np.isin(labels, list(names)), labels, 0).astype(np.int32)
        words = dict(zip(table["index"].astype(int), table["words"], strict=True))
    elif unnamed:
        shown = ", ".join(map(str, unnamed[:5]))
        raise RequestError(f"{table_file}: no name for {shown}, which the image contains; add rows")
    else:
        words = region_words(names, centres)
    return Atlas(_name_of(image), labels, words, _networks(table, names), names)


def _networks(table: pd.DataFrame, names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Region numbers by network: a column `network`, Schaefer's names, or each region alone."""
    schaefer = {number: canonical_network(name) for number, name in names.items()}
    if "network" in table:
        pairs = zip(table["index"].astype(int), table["network"].str.strip(), strict=True)
        # a region of no network is in none
        of = {n: network for n, network in pairs if n != 0 and network.lower() not in _NONE}
    elif all(schaefer.values()):
        of = {number: str(network) for number, network in schaefer.items()}
    else:
        of = dict(names)
    order = [name for name in YEO.values() if name in of.values()]
    return {network: _members(of, network) for network in dict.fromkeys([*order, *of.values()])}


def _members(of: Mapping[int, str], network: str) -> tuple[int, ...]:
    return tuple(number for number, own in of.items() if own == network)


def _read_labels(path: Path, grid: Grid) -> tuple[NDArray[np.int32], dict[int, list[float]]]:
    """Return the labels on a grid, and the centre in mm of each region of the image."""
    image = read_volume_image(path, grid.space)
    values = image.values
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or values.min() < 0:
        raise RequestError(f"{path}: not a label image (whole numbers from 0); give a dseg image")
    if values.max() > np.iinfo(np.int32).max:
        raise RequestError(f"{path}: labels up to {values.max():.0f}; number them below 2^31")
    labels = values.astype(np.int32)
    voxels = np.stack(np.nonzero(labels), axis=1)
    numbers, own = np.unique(labels[tuple(voxels.T)], return_inverse=True)
    counts = np.bincount(own, minlength=len(numbers))
    mean = np.stack([np.bincount(own, v, len(numbers)) / counts for v in voxels.T], axis=1)
    centres = mean @ image.grid.affine[:3, :3].T + image.grid.affine[:3, 3]
    on_grid = resample_labels(labels, image.grid.affine, grid)
    if not on_grid.any():
        raise RequestError(
            f"{path}: none of its regions lies in the field of view of the images; is it empty, or "
            f"not in {grid.space}?"
        )
    return on_grid, dict(zip(numbers.tolist(), centres.tolist(), strict=True))


def _read_table(path: Path) -> pd.DataFrame:
    """Read the regions' numbers (index), names (name, or label) and networks, as text."""
    try:
        # a region may be called NA
        table = pd.read_csv(
            io.StringIO(read_text(path)), sep="\t", dtype=str, keep_default_na=False
        )
    except ValueError as error:
        raise RequestError(f"{path}: cannot be read ({error})") from error
    if "name" not in table and "label" in table:
        table = table.rename(columns={"label": "name"})
    if not {"index", "name"} <= set(table.columns):
        raise RequestError(
            f"{path}: an atlas table needs the columns index and name (or label), separated by "
            f"tabs; its first line is {chr(9).join(table.columns)[:80]!r}"
        )
    index = table["index"].str.strip()
    if not index.str.fullmatch(r"[0-9]{1,18}").all() or index.astype("int64").duplicated().any():
        raise RequestError(
            f"{path}: its column index has to contain whole numbers without repetition"
        )
    if (table["name"].str.strip() == "").any():
        raise RequestError(f"{path}: its column name has an empty cell; fill it")
    return table.assign(index=index.astype("int64"))


def _refusal(image: Path, space: str) -> str | None:
    if not image.is_file() or not image.stat().st_size:
        return "there is no such file, or it is empty"
    entities = _entities(image)
    own = entities.get("space") or entities.get("tpl")
    if own is None:
        return f"its name states no space; rename it to ..._space-{space}_..._dseg.nii.gz"
    if own != space:
        return f"its space is {own}, that of the data is {space}; transform it first"
    if _table_of(image) is None:
        return "there is no table of its regions (index, name) beside it; add ..._dseg.tsv"
    return None


def _table_of(image: Path) -> Path | None:
    """The table of a label image: of the same entities, or fewer."""
    own = _entities(image)
    found = [
        path
        for path in image.parent.glob("*.tsv")
        if path.stem.split("_")[-1] == image.name.split(".")[0].split("_")[-1]
        and _entities(path).items() <= own.items()
        and path.stat().st_size
    ]
    return max(found, key=lambda path: len(_entities(path)), default=None)


def _first(space: str, atlas: str) -> Path | None:
    """Return TemplateFlow's image of an atlas, at 2 mm where there are several."""
    patterns = [f"{resolution}{atlas}_dseg.nii.gz" for resolution in ("res-02_", "res-01_", "")]
    found = (find_templates(space, pattern) for pattern in patterns)
    return next((path for paths in found for path in paths), None)


def _entities(path: Path) -> dict[str, str]:
    parts: Sequence[str] = path.name.split(".")[0].split("_")
    return dict(part.split("-", 1) for part in parts if "-" in part)


def _name_of(image: Path) -> str:
    entities = _entities(image)
    named = [entities.get("atlas") or entities.get("seg"), entities.get("desc")]
    return " ".join(part for part in named if part) or image.name.split(".")[0]
