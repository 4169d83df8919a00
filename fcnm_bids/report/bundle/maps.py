"""Maps for NeuroVault and foci for NeuroStore."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.write import atomic_path, write_image, write_json
from fcnm_bids.grid import Grid
from fcnm_bids.readers.volume import read_volume_image
from fcnm_bids.report.bundle.public import PublicNames
from fcnm_bids.report.bundle.spreadsheet import plain_value
from fcnm_bids.report.results.group import GroupOutputs

NEUROVAULT_COLUMNS = (
    "Filename",
    "name",
    "description",
    "map_type",
    "analysis_level",
    "modality",
    "target_template_image",
    "number_of_subjects",
    "is_thresholded",
    "statistic_parameters",
    "contrast_definition",
)
"""Columns of NeuroVault's table of metadata that these results can fill."""


@dataclass(frozen=True, eq=False)
class PublishedMap:
    """A map of a publication.

    Parameters
    ----------
    filename
        Name of the file.
    name, description
        What it shows.
    kind
        NeuroVault's map type.
    values
        The image.
    n
        Participants.
    thresholded
        Whether values outside a mask are 0.
    level
        NeuroVault's analysis level.
    dof
        Degrees of freedom of a t map.
    """

    filename: str
    name: str
    description: str
    kind: str
    values: NDArray[np.floating]
    affine: NDArray[np.float64]
    n: int | None
    thresholded: bool
    level: str = "group"
    dof: float | None = None


def write_maps(folder: Path, results: GroupOutputs) -> list[Path]:
    """Write thresholded and unthresholded maps with NeuroVault's table of metadata.

    Parameters
    ----------
    folder
        Where the images and ``neurovault_metadata.csv`` go.
    results
        Content of an output folder.
    """
    written, rows = [], []
    for own in _maps(results):
        path = folder / own.filename
        space = path.name.partition("_space-")[2].partition("_")[0]
        grid = Grid(own.values.shape, own.affine, space)
        flat = own.values.ravel(order="F")
        index = np.flatnonzero(np.isfinite(flat))
        write_image(path, flat[index], grid, {"Description": own.description}, index=index)
        written += [path, path.with_name(path.name.replace(".nii.gz", ".json"))]
        rows.append(
            {
                "Filename": own.filename,
                "name": own.name,
                "description": own.description,
                "map_type": own.kind,
                "analysis_level": own.level,
                "modality": "fMRI-BOLD",
                "target_template_image": space or "GenericMNI",
                "number_of_subjects": own.n,
                "is_thresholded": own.thresholded,
                "statistic_parameters": own.dof,
                "contrast_definition": own.name,
            }
        )
    path = folder / "neurovault_metadata.csv"
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, NEUROVAULT_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return [*written, path]


def _maps(results: GroupOutputs) -> Iterator[PublishedMap]:
    public = PublicNames(results)
    everybody = None if results.participants is None else len(results.participants)
    for network in results.networks:
        share, affine = _read(network.probability)
        mask, _ = _read(network.mask)
        n, threshold = network.sidecar.get("NumberOfContrasts"), network.sidecar.get("Threshold")
        what = f"{network.effect}: share of {n} contrasts whose mask holds the voxel"
        yield PublishedMap(
            network.probability.name, what, f"{what}, unthresholded", "other", share, affine,
            everybody, False, "meta-analysis",
        )  # fmt: skip
        name = network.mask.name.replace("_mask.nii.gz", "_desc-thresholded_probseg.nii.gz")
        cut = np.where(mask > 0.5, share, np.where(np.isfinite(share), 0, np.nan))
        yield PublishedMap(
            name, f"{what}, network", f"{what}; the network, from {threshold} upwards", "other",
            cut, affine, everybody, True, "meta-analysis",
        )  # fmt: skip
        if network.convergence.is_file():
            values, affine = _read(network.convergence)
            what = f"{network.effect}: mean over contrasts of their mean Fisher z"
            yield PublishedMap(
                network.convergence.name, what, f"{what}, away from own foci, unthresholded",
                "other", values, affine, everybody, False, "meta-analysis",
            )  # fmt: skip
    for contrast in results.contrasts:
        if not contrast.map("t").is_file():
            continue
        t, affine = _read(contrast.map("t"))
        mask, _ = _read(contrast.mask)
        name, label = public.name(contrast), public.label(contrast)
        said = contrast.sidecar
        without = len(said.get("ParticipantsWithoutCoverage", []))
        participants = said.get("NumberOfParticipants")
        n = participants - without if participants else None
        file = contrast.map("t").name.replace(f"seed-{contrast.label}_", f"seed-{label}_")
        what = f"{name}: t over participants of the Fisher z with the seed"
        dof = said.get("DegreesOfFreedom")
        yield PublishedMap(
            file, name, f"{what}, unthresholded", "T map", t, affine, n, False, dof=dof
        )
        cut = np.where(mask > 0.5, t, np.where(np.isfinite(t), 0, np.nan))
        file = file.replace("_stat-t_", "_desc-thresholded_stat-t_")
        said_threshold = f"{what}; significant voxels, |t| from {contrast.threshold}"
        yield PublishedMap(
            file, f"{name}, significant", said_threshold, "T map", cut, affine, n, True, dof=dof
        )


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    image = read_volume_image(path, "as the map")
    return image.values.astype(np.float32), image.grid.affine


def nimads_studyset(foci: pd.DataFrame) -> dict[str, Any]:
    """Return foci as a NIMADS study set with effects as an annotation.

    Parameters
    ----------
    foci
        Table of foci as used: study, contrast, effect, x, y, z, space, n.
    """
    studies: list[dict[str, Any]] = []
    notes = []
    for number, (study, own) in enumerate(foci.groupby("study", sort=False), start=1):
        analyses = []
        for part, ((contrast, effect), points) in enumerate(
            own.groupby(["contrast", "effect"], sort=False), start=1
        ):
            identity = f"study-{number}-analysis-{part}"
            size = plain_value(points["n"].iloc[0]) if "n" in points else None
            analyses.append(
                {
                    "id": identity,
                    "name": str(contrast),
                    "conditions": [],
                    "weights": [],
                    "images": [],
                    "metadata": {} if size is None else {"sample_sizes": [size]},
                    "points": [
                        {
                            "id": f"{identity}-point-{n}",
                            "coordinates": [float(value) for value in point],
                            "space": "MNI",
                            "kind": None,
                            "values": [],
                        }
                        for n, point in enumerate(points[["x", "y", "z"]].to_numpy(), start=1)
                    ],
                }
            )
            notes.append(
                {"study": f"study-{number}", "analysis": identity, "note": {"effect": str(effect)}}
            )
        studies.append(
            {"id": f"study-{number}", "name": str(study), "metadata": {}, "analyses": analyses}
        )
    annotation = {"id": "effects", "name": "effects", "note_keys": {"effect": "string"}}
    return {
        "id": "foci-as-used",
        "name": "Foci as used",
        "studies": studies,
        "annotations": [{**annotation, "notes": notes}],
    }


def write_nimads(path: Path, foci: pd.DataFrame) -> None:
    """Write foci as a NIMADS study set."""
    write_json(path, json.loads(json.dumps(nimads_studyset(foci))))
