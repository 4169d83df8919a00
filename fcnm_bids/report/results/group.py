"""Results in an output folder: networks and contrasts, by their files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.errors import FcnmError
from fcnm_bids.inputs.multiverse import MULTIVERSE
from fcnm_bids.mapping import effect_and_sign, network_names
from fcnm_bids.report.results.logs import RunRecord, latest_run
from fcnm_bids.seeds import Contrast, group_foci, read_foci

PROBABILITY_DIGEST = "ProbabilityMapSHA256"
"""Entry of the sidecar of a network at another threshold: the map that it was cut from."""

_SAME_THRESHOLD = 1e-6


@dataclass(frozen=True, eq=False)
class ContrastOutputs:
    """The files of one contrast.

    Parameters
    ----------
    label
        Its BIDS label.
    sidecar
        What the sidecar of its mask says.
    mask
        The significant voxels.
    """

    label: str
    sidecar: Mapping[str, Any]
    mask: Path

    @property
    def name(self) -> str:
        """The contrast's own name."""
        return str(self.sidecar.get("Contrast", self.label))

    @property
    def effect(self) -> str:
        """The effect it belongs to."""
        return str(self.sidecar.get("Effect", ""))

    @property
    def foci(self) -> list[list[float]]:
        """Its foci in mm."""
        return list(self.sidecar.get("Foci", []))

    @property
    def threshold(self) -> float | None:
        """The height in t that its voxels had to reach; None where none could."""
        value = self.sidecar.get("Threshold")
        return abs(float(value)) if isinstance(value, int | float) and value == value else None

    def map(self, stat: str) -> Path:
        """A statistical map over participants."""
        name = self.mask.name.replace("_desc-significant_mask", f"_stat-{stat}_statmap")
        return self.mask.with_name(name)


@dataclass(frozen=True, eq=False)
class NetworkOutputs:
    """The files of one effect's network.

    Parameters
    ----------
    label
        Its BIDS label.
    sidecar
        What the sidecar of the mask says.
    probability, mask
        Images.
    """

    label: str
    sidecar: Mapping[str, Any]
    probability: Path
    mask: Path

    @classmethod
    def of(cls, mask: Path) -> NetworkOutputs:
        """The files of the network whose mask this is."""
        probability = mask.with_name(mask.name.replace("_mask.nii.gz", "_probseg.nii.gz"))
        return cls(str(parse_entities(mask)["network"]), read_sidecar(mask), probability, mask)

    @property
    def effect(self) -> str:
        """Name of the effect, with its sign of connectivity where the effect has two networks."""
        return str(self.sidecar.get("Effect", self.label))

    @property
    def convergence(self) -> Path:
        """The map of convergence."""
        name = self.mask.name.replace("_mask.nii.gz", "_stat-convergence_statmap.nii.gz")
        return self.mask.with_name(name)

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict; empty where there is none."""
        return read_sidecar(self.mask.with_name(f"network-{self.label}_desc-verdict"))

    def variants(self) -> list[tuple[Path, dict[str, Any]]]:
        """Masks at other thresholds with their sidecars, by threshold; none of an earlier map."""
        pattern = self.mask.name.replace("_mask.nii.gz", "_desc-threshold*_mask.nii.gz")
        found = [(path, read_sidecar(path)) for path in self.mask.parent.glob(pattern)]
        if not found:
            return []
        digest = file_digest(self.probability)
        own = [(path, said) for path, said in found if said.get(PROBABILITY_DIGEST) == digest]
        return sorted(own, key=lambda variant: float(variant[1]["Threshold"]))

    def without_primary(self, checks: pd.DataFrame) -> pd.DataFrame:
        """Leave out the network's own threshold, which is no variant, of the robustness table."""
        levels = pd.to_numeric(checks["level"], errors="coerce")
        own = (levels - float(self.sidecar.get("Threshold", "nan"))).abs() < _SAME_THRESHOLD
        return checks[~(own & (checks["check"] == "threshold"))]

    @property
    def multiverse(self) -> pd.DataFrame | None:
        """The table of its specifications as texts; None where there is none."""
        path = self.tables().get(MULTIVERSE)
        return None if path is None else read_tsv(path)

    @property
    def multiverse_sidecar(self) -> Mapping[str, Any]:
        """Sidecar of the table of its specifications; empty where there is none."""
        path = self.tables().get(MULTIVERSE)
        return {} if path is None else read_sidecar(path)

    def tables(self) -> dict[str, Path]:
        """Tables about the network, by their desc."""
        found = {}
        for path in sorted(self.mask.parent.glob(f"network-{self.label}_desc-*.tsv")):
            found[str(parse_entities(path).get("desc"))] = path
        return found


@dataclass(frozen=True, eq=False)
class OutcomeResult:
    """The files of one outcome of the seeds.

    Parameters
    ----------
    label
        Its BIDS label.
    sidecar
        Sidecar of its mask.
    mask
        The voxels associated with it.
    """

    label: str
    sidecar: Mapping[str, Any]
    mask: Path

    @property
    def name(self) -> str:
        """The outcome's own name."""
        return str(self.sidecar.get("Outcome", self.label))

    @property
    def is_group(self) -> bool:
        """True if it compares cases with controls."""
        return bool(self.sidecar.get("IsGroup"))

    def map(self, stat: str) -> Path:
        """Return a statistical map over seeds."""
        name = self.mask.name.replace("_desc-significant_mask", f"_stat-{stat}_statmap")
        return self.mask.with_name(name)

    def table(self, desc: str) -> pd.DataFrame | None:
        """Return a table about the outcome as texts, or None."""
        found = sorted(self.mask.parent.glob(f"outcome-{self.label}_desc-{desc}_*.tsv"))
        return read_tsv(found[0]) if found else None


@dataclass(frozen=True, eq=False)
class SampleResult:
    """The files of an effect's contrasts as a sample of studies.

    Parameters
    ----------
    label
        BIDS label of the effect.
    sidecar
        Sidecar of the table.
    path
        The table of models.
    """

    label: str
    sidecar: Mapping[str, Any]
    path: Path

    @property
    def variance(self) -> Path:
        """The map of the variance between seeds."""
        pattern = f"network-{self.label}_space-*_desc-betweenseeds_stat-variance_statmap.nii.gz"
        return next(self.path.parent.glob(pattern))

    def table(self) -> pd.DataFrame | None:
        """Return the table of models as texts, or None."""
        return read_tsv(self.path)


@dataclass(frozen=True)
class GroupOutputs:
    """The group level's part of an output folder.

    Parameters
    ----------
    root
        The output folder.
    """

    root: Path

    @cached_property
    def record(self) -> RunRecord | None:
        """The last group-level run."""
        return latest_run(self.root, "group")

    @cached_property
    def asked(self) -> tuple[Contrast, ...]:
        """The contrasts of the coordinate table as it was used; none for masks."""
        path = self.root / "foci.tsv"
        seeds = self.record.config.seeds if self.record else None
        if not path.is_file() or (seeds and seeds.masks):
            return ()
        try:
            return _grouped(path, path.read_bytes(), seeds.unit if seeds else "contrast")
        except FcnmError:
            return ()

    @cached_property
    def contrasts(self) -> list[ContrastOutputs]:
        """Contrasts with a mask, in the order of the coordinate table."""
        found = []
        for path in sorted((self.root / "group").glob("seed-*_desc-significant_mask.nii.gz")):
            label = str(parse_entities(path)["seed"])
            found.append(ContrastOutputs(label, read_sidecar(path), path))
        order = {contrast.name: number for number, contrast in enumerate(self.asked)}
        if order:  # what an earlier coordinate table left behind is not part of this result
            found = [result for result in found if result.name in order]
            found.sort(key=lambda result: order[result.name])
        return found

    @cached_property
    def networks(self) -> list[NetworkOutputs]:
        """Networks, in the order of the coordinate table."""
        found = []
        for path in sorted((self.root / "group").glob("network-*_mask.nii.gz")):
            if "_desc-" in path.name:  # a part or a variant of a network
                continue
            network = NetworkOutputs.of(path)
            if network.probability.is_file():
                found.append(network)
        asked = (contrast.effect for contrast in self.asked or self.contrasts)
        order = network_names(asked, self.tail)
        if order:
            found = [result for result in found if result.effect in order]
            found.sort(key=lambda result: order.index(result.effect))
        return found

    @cached_property
    def samples(self) -> list[SampleResult]:
        """Contrasts as samples of studies, by the labels of their effects."""
        tables = sorted((self.root / "group").glob("network-*_desc-betweenseeds_metrics.tsv"))
        return [
            SampleResult(str(parse_entities(path)["network"]), read_sidecar(path), path)
            for path in tables
        ]

    @cached_property
    def outcomes(self) -> list[OutcomeResult]:
        """Outcomes of the seeds, by their labels."""
        masks = sorted((self.root / "group").glob("outcome-*_desc-significant_mask.nii.gz"))
        return [
            OutcomeResult(str(parse_entities(mask)["outcome"]), read_sidecar(mask), mask)
            for mask in masks
        ]

    def read(self, path: Path) -> pd.DataFrame | None:
        """A table of the folder as texts, or None where it cannot be read."""
        return read_tsv(path)

    def table(self, network: NetworkOutputs, desc: str) -> pd.DataFrame | None:
        """A table about a network."""
        path = network.tables().get(desc)
        return None if path is None else read_tsv(path)

    @property
    def tail(self) -> str:
        """Signs of connectivity that count."""
        return self.record.config.group.tail if self.record else "positive"

    @property
    def effects(self) -> list[str]:
        """Networks asked for, those that were not made included."""
        named = network_names((c.effect for c in self.asked), self.tail)
        others = network_names((c.effect for c in self.contrasts), self.tail)
        return list(dict.fromkeys([*named, *(n.effect for n in self.networks), *others]))

    def members(self, network: str) -> list[ContrastOutputs]:
        """Return the contrasts with a mask that belong to a network."""
        effect, _ = effect_and_sign(network, self.tail)
        return [contrast for contrast in self.contrasts if contrast.effect == effect]

    @cached_property
    def participants(self) -> pd.DataFrame | None:
        """Everybody in the group."""
        return read_tsv(self.root / "participants.tsv")

    @cached_property
    def excluded(self) -> pd.DataFrame:
        """Participants and runs that are not in the analysis: participant_id, run, reason."""
        parts = [read_tsv(self.root / "group" / "desc-excluded_runs.tsv")]
        for path in sorted(self.root.glob("sub-*/func/*_desc-qc_metrics.tsv")):
            table = read_tsv(path)
            if table is None or "included" not in table:
                continue
            left_out = table[table["included"] != "True"]
            if len(left_out):
                subject = path.parent.parent.name
                parts.append(left_out[["run", "reason"]].assign(participant_id=subject))
        tables = [part for part in parts if part is not None and len(part)]
        columns = ["participant_id", "run", "reason"]
        if not tables:
            return pd.DataFrame(columns=columns)
        return pd.concat(tables, ignore_index=True)[columns]


@lru_cache(maxsize=2)
def _grouped(path: Path, content: bytes, unit: str) -> tuple[Contrast, ...]:
    """Return the contrasts of a coordinate table; the report of each participant asks for them."""
    return group_foci(read_foci(path, effect=None), unit)


def network_volume(clusters: pd.DataFrame) -> float:
    """Volume of a network in cubic mm, from its cluster table (one or several rows a cluster)."""
    volumes = clusters.drop_duplicates("cluster")["volume_mm3"]
    return float(pd.to_numeric(volumes, errors="coerce").sum())


def describe_place(clusters: pd.DataFrame | None) -> str:
    """A sentence that says where a network lies, for those who cannot see its pictures."""
    if clusters is None or clusters.empty:
        return "The network is empty."
    first = clusters.drop_duplicates("cluster")
    number = len(first)
    places = []
    for _, row in first.head(5).iterrows():
        position = ", ".join(f"{float(row[f'peak_{axis}']):.0f}" for axis in "xyz")
        named = str(row.get("peak_label", "n/a"))
        places.append(f"({position})" + (f" {named}" if named not in ("n/a", "") else ""))
    more = f" and {number - 5} more" if number > 5 else ""
    return (
        f"{number} cluster{'s' if number > 1 else ''}, {network_volume(clusters) / 1000:.1f} cubic "
        f"cm; peaks at {'; '.join(places)}{more}."
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return the JSON beside an image or a table, empty where there is none.

    Keys that earlier versions wrote are returned under their present names.
    """
    name = path.name.removesuffix(".nii.gz").removesuffix(".tsv")
    try:
        content = json.loads(path.with_name(f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key.replace("People", "Participants"): value for key, value in content.items()}


def read_tsv(path: Path) -> pd.DataFrame | None:
    """Return a table as texts, or None where it cannot be read.

    Values that earlier versions wrote are returned under their present names.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError):
        return None
    if "check" in table:
        table["check"] = table["check"].replace("people", "participants")
    return table
