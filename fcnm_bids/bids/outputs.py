"""Names of the outputs of a data set, and metadata that all of one kind share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import RUN_ENTITIES, build_name, parse_entities

_PLACE = ("space", "cohort", "res")

_NOT_IN_NAMES = ("datatype", "suffix", "extension", "desc", "fmap")

AS_STORED = {
    "Resolution": "as the projected runs (the preprocessed data, unless --store-voxel-size is set)"
}
"""Metadata that BIDS asks for on a derivative's grid."""

MASKED_BY_VARIATION = "MaskedByVariation"
"""Entry of a table of runs: those whose mask is the voxels that vary over time."""


@dataclass(frozen=True)
class OutputNames:
    """The paths of one request's outputs.

    Parameters
    ----------
    root
        Output folder.
    place
        Entities space, cohort and res of the data, where they have them.
    task
        The task of the runs.
    """

    root: Path
    place: Mapping[str, str]
    task: str

    @classmethod
    def of(cls, root: Path, entities: Mapping[str, Any]) -> OutputNames:
        """Outputs for data with these entities."""
        place = {name: str(entities[name]) for name in _PLACE if name in entities}
        return cls(root, place, str(entities["task"]))

    def seed(self, label: str, suffix: str) -> Path:
        """The image of a contrast seed."""
        return self._name(seed=label, suffix=suffix)

    def participant_map(self, subject: str, label: str) -> Path:
        """A participant's Fisher z map of a contrast."""
        return self._name(
            subject=subject, task=self.task, seed=label, stat="fisherz", suffix="statmap"
        )

    def participant_table(self, subject: str, desc: str) -> Path:
        """A table about a participant's runs."""
        return self._name(
            subject=subject, task=self.task, desc=desc, suffix="metrics", extension=".tsv"
        )

    def contrast_map(self, label: str, stat: str) -> Path:
        """A statistical map of a contrast over participants."""
        return self._name(seed=label, stat=stat, suffix="statmap")

    def contrast_mask(self, label: str) -> Path:
        """The significant voxels of a contrast."""
        return self._name(seed=label, desc="significant", suffix="mask")

    def network(self, label: str, suffix: str) -> Path:
        """A network's probability map (probseg) or the network itself (mask)."""
        return self._name(network=label, suffix=suffix)

    def network_table(self, label: str, desc: str, suffix: str) -> Path:
        """A table about a network."""
        return self.root / build_name(
            {"network": label, "desc": desc, "suffix": suffix, "extension": ".tsv"}
        )

    def network_part(self, label: str, desc: str, suffix: str, **entities: str) -> Path:
        """An image about a network, or about two."""
        return self._name(network=label, desc=desc, suffix=suffix, **entities)

    def outcome(self, label: str, extension: str = ".nii.gz", **entities: str) -> Path:
        """An image of an outcome, or a table without space and resolution."""
        if extension == ".tsv":
            return self.root / build_name({"outcome": label, "extension": extension, **entities})
        return self._name(outcome=label, extension=extension, **entities)

    def network_mean(self, label: str) -> Path:
        """The mean over a network's contrasts of their mean Fisher z."""
        return self._name(network=label, stat="effect", suffix="statmap")

    def network_convergence(self, label: str) -> Path:
        """The mean over a network's contrasts of their mean z, each away from its own foci."""
        return self._name(network=label, stat="convergence", suffix="statmap")

    def network_verdict(self, label: str) -> Path:
        """The verdict on a network."""
        return self.network_table(label, "verdict", "metrics").with_name(
            f"network-{label}_desc-verdict.json"
        )

    def connectome_map(self, stat: str) -> Path:
        """A map of the connectome itself, whatever the seeds."""
        return self._name(desc="connectome", stat=stat, suffix="statmap")

    def effects_table(self) -> Path:
        """The table that compares the effects."""
        return self.root / build_name({"desc": "effects", "suffix": "metrics", "extension": ".tsv"})

    def excluded(self) -> Path:
        """The runs that the group level left out."""
        return self.root / build_name({"desc": "excluded", "suffix": "runs", "extension": ".tsv"})

    def longest(
        self, contrasts: Iterable[str], effects: Iterable[str], subjects: Iterable[str]
    ) -> list[Path]:
        """Return the longest names that outputs have with these labels."""
        contrast, subject = (max(labels, key=len, default="") for labels in (contrasts, subjects))
        *_, second, first = "", "", *sorted(effects, key=len)
        names = []
        if contrast:
            names.append(self.contrast_map(contrast, "variance"))
        if contrast and subject:
            names.append(self.participant_map(subject, contrast))
        if first:
            names.append(self.network_part(first, "degreeremoved", "statmap", stat="effect"))
        if second:
            names.append(self.network_part(first, f"versus{second}", "statmap", stat="conjunction"))
        return names

    def _name(self, extension: str = ".nii.gz", **entities: str) -> Path:
        return self.root / build_name({**self.place, **entities, "extension": extension})


def resolution_label(voxel_size: float) -> str:
    """Return the label of entity res for voxels of a size in mm: 3mm, 2p5mm."""
    return f"{voxel_size:.3g}mm".replace(".", "p")


def place_in_store(entities: Mapping[str, Any], voxel_size: float | None) -> dict[str, str]:
    """Return entities space, cohort, res and task of what is made from runs.

    Parameters
    ----------
    entities
        Entities of a run's image.
    voxel_size
        Of the larger voxels of the store in mm, which are another resolution; None where the store
        has those of the image.
    """
    kept = {name: str(entities[name]) for name in (*_PLACE, "task") if name in entities}
    return kept if voxel_size is None else kept | {"res": resolution_label(voxel_size)}


def stored_run_name(entities: Mapping[str, Any]) -> Path:
    """Path of a projected run within its store, from the entities of its image."""
    kept = {k: entities[k] for k in (*RUN_ENTITIES, *_PLACE) if k in entities}
    return build_name({**kept, "desc": "projected", "suffix": "timeseries", "extension": ".h5"})


def figure_name(root: Path, extension: str = ".svg", **entities: str) -> Path:
    """Path of a figure, from the entities of what it shows and a description."""
    figure = {"datatype": "figures", **entities, "extension": extension}
    return root / build_name(figure)


def report_name(root: Path, subject: str | None) -> Path:
    """Path of a participant's report, or of the group's."""
    return root / (f"sub-{subject}.html" if subject else "group.html")


def stored_entities(stored: Path) -> dict[str, str]:
    """The entities that a run's outputs share, from the name of one of them."""
    return {k: v for k, v in parse_entities(stored).items() if k not in _NOT_IN_NAMES}


def volumes_name(stored: Path) -> Path:
    """Path of the table of a run's volumes, relative to the output folder, from its stored run."""
    kept = stored_entities(stored)
    return build_name({**kept, "desc": "volumes", "suffix": "timeseries", "extension": ".tsv"})


def bids_uris(root: Path, paths: Iterable[Path]) -> list[str]:
    """BIDS URIs of files of an output folder, for the sidecars of what is made from them."""
    return [f"bids::{path.relative_to(root).as_posix()}" for path in paths]


def sidecar_files(paths: Sequence[Path]) -> list[Path]:
    """The JSON files beside images and tables; a JSON file has none."""
    return [
        path.with_name(path.name.removesuffix(".nii.gz").removesuffix(".tsv") + ".json")
        for path in paths
        if path.suffix != ".json"
    ]
