"""Finding and reading atlases: a file that was named, or TemplateFlow's own on this machine."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.templates import find_templates, template_home
from fcnm_bids.network import Atlas, resample_labels
from fcnm_bids.readers.files import read_text
from fcnm_bids.readers.volume import read_volume_image

YEO = {
    "Vis": "Visual",
    "SomMot": "Somatomotor",
    "DorsAttn": "Dorsal attention",
    "SalVentAttn": "Salience and ventral attention",
    "Limbic": "Limbic",
    "Cont": "Control",
    "Default": "Default mode",
}
"""Yeo's seven networks by their short names in the parcellation of Schaefer et al. (2018)."""

SUBCORTEX = "Subcortex"
_SUBCORTICAL = {
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens": (26, 58),
}
_OTHER = {"ventral diencephalon": (28, 60), "cerebellum": (8, 47)}
"""Numbers of FreeSurfer's segmentation, left and right."""

_BRAIN_STEM = 16
_NONE = ("", "n/a")
"""Networks of regions that belong to none, as BIDS writes what is missing."""


@dataclass(frozen=True)
class AtlasFiles:
    """Find and identify the input data set.

    Parameters
    ----------
    parcellations
        Label images with the tables of their regions; where they overlap, the first counts.
    subcortex
        Segmentation of the nuclei, with FreeSurfer's numbers; None where there is none.
    missing
        What could not be found, and what it means; one line each.
    """

    parcellations: tuple[tuple[Path, Path], ...]
    subcortex: Path | None
    missing: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """All files there are."""
        pairs = [path for pair in self.parcellations for path in pair]
        return pairs if self.subcortex is None else [*pairs, self.subcortex]


def find_atlas(named: Sequence[str], space: str) -> AtlasFiles:
    """The atlases that were named, or what TemplateFlow's folder on this machine holds.

    Nothing is ever fetched: a node of a cluster may have no network.

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
        return AtlasFiles(tuple((image, table) for image, table in pairs if table), None, ())
    home = template_home()
    parcellation = _first(space, "atlas-Schaefer2018_desc-400Parcels7Networks")
    table = _table_of(parcellation) if parcellation else None
    if parcellation is None or table is None:
        line = (
            "no overlap with canonical networks: TemplateFlow's Schaefer2018 "
            f"(400Parcels7Networks) for {space} is not in {home}; fetch it there, or name an "
            "atlas with --network-atlas"
        )
        return AtlasFiles((), None, (line,))
    subcortex = _first(space, "atlas-HCP")
    missing = f"no row for the subcortex: no subcortical atlas (atlas-HCP) for {space} in {home}"
    return AtlasFiles(((parcellation, table),), subcortex, (missing,) if subcortex is None else ())


def check_atlas(named: Sequence[str], grid: Grid) -> AtlasFiles:
    """Find the atlases, and read those that were named, before anything is computed.

    Raises
    ------
    RequestError
        As `find_atlas` and `read_atlas`.
    """
    files = find_atlas(named, grid.space)
    if named:
        read_atlas(files, grid)
    return files


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
        return files, None, (f"no overlap with canonical networks: {error}",)


def read_atlas(files: AtlasFiles, grid: Grid) -> Atlas | None:
    """The atlas on a grid; None where there is none.

    Raises
    ------
    RequestError
        A file is damaged, an image has numbers that its table does not name, or two atlases
        have networks of one name.
    """
    atlases = [_parcellation(image, table, grid) for image, table in files.parcellations]
    if files.subcortex is not None:
        atlases.append(_segmentation(files.subcortex, grid))
    if not atlases:
        return None
    try:
        return reduce(Atlas.joined, atlases)
    except ValueError as error:
        raise RequestError(f"--network-atlas: {error}") from error


def _parcellation(image: Path, table_file: Path, grid: Grid) -> Atlas:
    table = _read_table(table_file)
    labels, numbers = _read_labels(image, grid)
    names = dict(zip(table["index"].astype(int), table["name"].astype(str), strict=True))
    names.pop(0, None)
    unnamed = sorted(set(numbers) - set(names))
    if unnamed:
        shown = ", ".join(map(str, unnamed[:5]))
        raise RequestError(f"{table_file}: no name for {shown}, which the image holds; add rows")
    return Atlas(_name_of(image), labels, _plain_names(names), _networks(table, names))


def _segmentation(image: Path, grid: Grid) -> Atlas:
    labels, _ = _read_labels(image, grid)
    regions = {_BRAIN_STEM: "brain stem"}
    for name, (left, right) in (_SUBCORTICAL | _OTHER).items():
        regions |= {left: f"left {name}", right: f"right {name}"}
    nuclei = tuple(number for pair in _SUBCORTICAL.values() for number in pair)
    return Atlas(_name_of(image), labels, regions, {SUBCORTEX: nuclei})


def _networks(table: pd.DataFrame, names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Region numbers by network: a column `network`, Schaefer's names, or each region alone."""
    if "network" in table:
        pairs = zip(table["index"].astype(int), table["network"].str.strip(), strict=True)
        # a region of no network is in none
        of = {n: network for n, network in pairs if n != 0 and network.lower() not in _NONE}
    elif all(name.startswith("7Networks_") for name in names.values()):
        of = {number: YEO[name.split("_")[2]] for number, name in names.items()}
        return {yeo: _members(of, yeo) for yeo in YEO.values()}
    else:
        of = dict(names)
    return {network: _members(of, network) for network in dict.fromkeys(of.values())}


def _members(of: Mapping[int, str], network: str) -> tuple[int, ...]:
    return tuple(number for number, own in of.items() if own == network)


def _plain_names(names: Mapping[int, str]) -> dict[int, str]:
    """Schaefer's names without what all of them share."""
    return {number: name.removeprefix("7Networks_") for number, name in names.items()}


def _read_labels(path: Path, grid: Grid) -> tuple[np.ndarray, list[int]]:
    image = read_volume_image(path, grid.space)
    values = image.values
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or values.min() < 0:
        raise RequestError(f"{path}: not an image of labels (whole numbers from 0); name a dseg")
    if values.max() > np.iinfo(np.int32).max:
        raise RequestError(f"{path}: labels up to {values.max():.0f}; number them below 2^31")
    numbers = [int(n) for n in np.unique(values) if n]
    return resample_labels(values.astype(np.int32), image.grid.affine, grid), numbers


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
        raise RequestError(f"{path}: an atlas table needs the columns index and name (or label)")
    index = table["index"].str.strip()
    if not index.str.fullmatch(r"[0-9]{1,18}").all() or index.astype("int64").duplicated().any():
        raise RequestError(f"{path}: its column index has to hold whole numbers, each once")
    if (table["name"].str.strip() == "").any():
        raise RequestError(f"{path}: its column name has an empty cell; fill it")
    return table.assign(index=index.astype("int64"))


def _refusal(image: Path, space: str) -> str | None:
    if not image.is_file() or not image.stat().st_size:
        return "there is no such file, or it is empty"
    entities = _entities(image)
    own = entities.get("space") or entities.get("tpl")
    if own is None:
        return f"its name states no space; name it ..._space-{space}_..._dseg.nii.gz"
    if own != space:
        return f"its space is {own}, the data's is {space}; transform it first"
    if _table_of(image) is None:
        return "no table of its regions (index, name) beside it: ..._dseg.tsv"
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
    named = [entities.get("atlas"), entities.get("desc")]
    return " ".join(part for part in named if part) or image.name.split(".")[0]
