"""Tables of a publication, from those of an output folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from fcnm_bids.report.bundle.public import PublicNames, settings_table
from fcnm_bids.report.results.group import GroupOutputs, read_tsv
from fcnm_bids.report.results.text import NUMBER

_TITLES = {
    "clusters": "Clusters of the networks",
    "peaks": "Peaks within the clusters",
    "canonical": "Overlap with canonical networks",
    "specificity": "Tests of specificity",
    "labels": "Exchanged labels",
    "split": "Random halves of the contrasts",
    "compared": "Comparison with other maps",
    "canonicalnull": "Canonical networks against the nulls",
    "robustness": "Robustness: each variant compared with the network",
    "degree": "Relation to the connectome's degree",
    "seeds": "Seeds on the grid of the data",
    "betweenseeds": "Contrasts as a sample of studies",
}
"""Tables of a network by their descs, in this order; others follow."""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a publication.

    Parameters
    ----------
    name
        Letters and digits; names a sheet and a file.
    title
        What it shows.
    frame
        Its content: numbers in columns of numbers, names as texts.
    """

    name: str
    title: str
    frame: pd.DataFrame


def published_tables(results: GroupOutputs) -> list[PublishedTable]:
    """Return all tables of a group level: studies, foci, those of the networks, settings.

    Parameters
    ----------
    results
        Content of an output folder.
    """
    public = PublicNames(results)
    found = [PublishedTable("studies", "Studies and contrasts", _studies(results, public))]
    foci = None if not results.asked else read_tsv(results.root / "foci.tsv")
    if foci is not None:
        found.append(PublishedTable("foci", "Foci as used, in mm (MNI)", typed_columns(foci)))
    by_desc: dict[str, list[pd.DataFrame]] = {desc: [] for desc in _TITLES}
    for network in results.networks:
        for desc, path in network.tables().items():
            table = read_tsv(path)
            if table is not None and len(table):
                table.insert(0, "network", network.effect)
                by_desc.setdefault(desc, []).append(table)
    for desc, parts in by_desc.items():
        if parts:
            frame = public.table(typed_columns(pd.concat(parts, ignore_index=True)))
            found.append(PublishedTable(desc, _TITLES.get(desc, desc), frame))
    found.append(PublishedTable("settings", "Settings", settings_table(results)))
    return found


def _studies(results: GroupOutputs, public: PublicNames) -> pd.DataFrame:
    studies: Mapping[str, str] = {c.name: "; ".join(c.studies) for c in results.asked}
    rows = []
    for contrast in results.contrasts:
        said = contrast.sidecar
        without = said.get("ParticipantsWithoutCoverage", [])
        participants = said.get("NumberOfParticipants")
        rows.append(
            {
                "study": studies.get(contrast.name, ""),
                "contrast": public.name(contrast),
                "effect": contrast.effect,
                "sample_size": said.get("SampleSize"),
                "n_foci": len(contrast.foci) or None,
                "n_participants": participants and participants - len(without),
                "threshold_t": said.get("Threshold"),
                "degrees_of_freedom": said.get("DegreesOfFreedom"),
                "n_voxels_significant": said.get("VoxelsSignificant"),
                "n_voxels_tested": said.get("VoxelsTested"),
            }
        )
    return pd.DataFrame(rows)


def typed_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of texts with columns of numbers as numbers, n/a as nothing.

    Parameters
    ----------
    frame
        Texts. A column is one of numbers if nothing else is in it; 007 is a name.
    """
    typed = {}
    for column in frame:
        texts = frame[column].replace({"n/a": None, "": None})
        numeric = texts.dropna().map(lambda text: NUMBER.fullmatch(str(text)) is not None).all()
        typed[column] = pd.to_numeric(texts) if numeric else texts
    return pd.DataFrame(typed)
