"""A whole data set: participants, published coordinates, and the truth behind both."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids._version import __version__
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.simulate.anatomy import networks_of
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.foci import simulate_foci
from fcnm_bids.simulate.head import load_head
from fcnm_bids.simulate.images import write_json, write_volume
from fcnm_bids.simulate.run import image_entities, simulate_run

_PARTICIPANTS_STREAM, _ANATOMY_STREAM = 4, 5

_README = """\
# Simulated data

Everything here was made by `python -m fcnm_bids.simulate` (version {version}). Nobody was
scanned, fMRIPrep was not run, and no study reported these coordinates.

- `fmriprep/`: resting-state runs of {n_participants} participants in the layout of fMRIPrep's
derivatives.
  The shape of the head is that of the MNI152 template that nilearn carries.
- `coordinates.tsv`: foci of {n_contrasts} contrasts, {placed}.
- `truth/`: the voxels whose time courses truly belong together, one mask for each effect
  ({effects}), `foci.tsv` with the foci that were placed in them, and `design.json`, all knobs.
"""


@dataclass(frozen=True, eq=False)
class Truth:
    """Truth of a simulated data set: its parts and their positions.

    Attributes
    ----------
    folder, fmriprep, coordinates
        The data set's folder, the derivatives in it, and the table of coordinates.
    grid
        Grid of every image.
    networks
        For each effect, the voxels that share its time course; bool, shape of the grid.
    network_files
        The same masks as files.
    brain, grey_matter
        The template's masks; bool, shape of the grid.
    foci
        The coordinates, with a column ``on_network``.
    """

    folder: Path
    fmriprep: Path
    coordinates: Path
    grid: Grid
    networks: dict[str, NDArray[np.bool_]]
    network_files: dict[str, Path]
    brain: NDArray[np.bool_]
    grey_matter: NDArray[np.bool_]
    foci: pd.DataFrame


def simulate_dataset(folder: Path | str, design: SimulationDesign) -> Truth:
    """Write participants, coordinates and the truth into a new folder.

    Parameters
    ----------
    folder
        Made if need be; must be empty.
    design
        All knobs.

    Raises
    ------
    RequestError
        When the folder already holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} is not an empty folder: name a new one for simulated data")
    fmriprep, truth = folder / "fmriprep", folder / "truth"
    for made in (fmriprep, truth):
        made.mkdir(parents=True)

    head = load_head(design.space, design.voxel_size)
    networks, network_files = {}, {}
    for effect in design.effects:
        networks[effect] = networks_of(design).planted(effect)
        network_files[effect] = truth / f"network-{effect}_mask.nii.gz"
        write_volume(network_files[effect], networks[effect], head.grid)
    foci = simulate_foci(design)
    coordinates = folder / "coordinates.tsv"
    _write_tsv(coordinates, foci.drop(columns="on_network"))
    _write_tsv(truth / "foci.tsv", foci)
    write_json(truth / "design.json", dataclasses.asdict(design))

    _write_description(fmriprep, design)
    for participant in range(design.n_participants):
        _write_grey_matter(fmriprep, design, participant)
        for session in design.sessions or (None,):
            for run in design.runs_of(participant):
                simulate_run(fmriprep, design, participant=participant, session=session, run=run)
    placed = {
        "planted": "most of them in the network of their effect",
        "random": "all of them anywhere in grey matter: there is nothing to find",
    }[design.coordinates]
    (folder / "README.md").write_text(
        _README.format(
            version=__version__,
            n_participants=design.n_participants,
            n_contrasts=foci["contrast"].nunique(),
            placed=placed,
            effects=", ".join(design.effects),
        ),
        encoding="utf-8",
    )
    return Truth(
        folder=folder,
        fmriprep=fmriprep,
        coordinates=coordinates,
        grid=head.grid,
        networks=networks,
        network_files=network_files,
        brain=head.brain,
        grey_matter=head.grey_mask,
        foci=foci,
    )


def _write_description(fmriprep: Path, design: SimulationDesign) -> None:
    write_json(
        fmriprep / "dataset_description.json",
        {
            "Name": "Simulated resting-state runs with known networks",
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "License": "CC0",
            "GeneratedBy": [
                {
                    "Name": "fcnm_bids.simulate",
                    "Version": __version__,
                    "Description": "Simulated data in the layout of fMRIPrep's derivatives; "
                    "fMRIPrep was not run and nobody was scanned",
                }
            ],
        },
    )
    rng = design.generator(_PARTICIPANTS_STREAM)
    participants = pd.DataFrame(
        {
            "participant_id": [f"sub-{design.label_of(p)}" for p in range(design.n_participants)],
            "age": rng.integers(19, 61, design.n_participants),
            "sex": np.where(rng.permutation(design.n_participants) % 2, "M", "F"),
            "site": np.where(np.arange(design.n_participants) % 3 == 2, "B", "A"),
        }
    )
    _write_tsv(fmriprep / "participants.tsv", participants)
    write_json(
        fmriprep / "participants.json",
        {
            "age": {"Description": "Age (made up)", "Units": "years"},
            "sex": {"Description": "Sex (made up)", "Levels": {"F": "female", "M": "male"}},
            "site": {
                "Description": "Scanner (made up; the signal does not depend on it)",
                "Levels": {"A": "first scanner", "B": "second scanner"},
            },
        },
    )


def _write_grey_matter(fmriprep: Path, design: SimulationDesign, participant: int) -> None:
    head = load_head(design.space, design.voxel_size)
    rng = design.generator(_ANATOMY_STREAM, participant)
    noise = rng.normal(scale=0.03, size=head.grid.shape)
    grey = np.where(head.grey > 0, np.clip(head.grey + noise, 0, 1), 0)
    sub = f"sub-{design.label_of(participant)}"
    anat = fmriprep / sub / "anat"
    anat.mkdir(parents=True, exist_ok=True)
    name = f"{sub}_{image_entities(design)}_label-GM_probseg.nii.gz"
    write_volume(anat / name, grey, head.grid)


def _write_tsv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
