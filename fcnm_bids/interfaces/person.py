"""From a person's projected runs to the person's seed maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.bids import write_image, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectivity import PersonMaps, person_maps
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.seeds import contrast_labels, describe_contrast
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix

COVERAGE_COLUMNS = {
    "contrast": "Name of the contrast",
    "seed": "Its label in file names",
    "run": "Preprocessed image, relative to its data set",
    "coverage": "Share of the seed on voxels with signal",
    "included": "Whether the run has a map of the contrast",
}


class MapPersonInputSpec(SeededInputSpec):
    """Inputs of `MapPerson`."""

    subject = traits.Str(mandatory=True, desc="participant label")
    stored = traits.List(traits.Str(), mandatory=True, desc="projected runs")


class MapPerson(ConfiguredInterface):
    """Map all seeds of a person."""

    input_spec = MapPersonInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        self._results["promised"] = []
        if not self.inputs.stored:
            return
        seeds = read_seed_matrix(self.inputs.seeds_file)
        runs = [open_run(Path(path)) for path in self.inputs.stored]
        maps = person_maps(
            [run.load() for run in runs], seeds, min_coverage=config.seeds.min_coverage
        )
        names = self._names(config)
        subject = self.inputs.subject
        labels = contrast_labels(seeds.contrasts)
        table_file = names.person_table(subject, "coverage")
        table = _coverage_table(maps, seeds, labels, runs, config.seeds.min_coverage)
        write_table(table_file, table, COVERAGE_COLUMNS)
        images = []
        for number, contrast in enumerate(seeds.contrasts):
            if not maps.covered[number]:
                continue
            path = names.person_map(subject, labels[contrast.name])
            counted = maps.coverage[:, number] >= config.seeds.min_coverage
            metadata = {
                "Description": "Fisher z of the correlation with the mean series of a seed",
                **AS_PREPROCESSED,
                "Units": "Fisher z",
                **describe_contrast(contrast, config.seeds),
                "Coverage": maps.coverage[:, number],
                "MinimumCoverage": config.seeds.min_coverage,
                **_describe_runs([r for r, used in zip(runs, counted, strict=True) if used]),
            }
            write_image(path, maps.z[number], seeds.grid, metadata, index=maps.index)
            images.append(path)
        self._promise([*images, table_file])


def _coverage_table(
    maps: PersonMaps,
    seeds: SeedMatrix,
    labels: dict[str, str],
    runs: list[StoredRun],
    min_coverage: float,
) -> pd.DataFrame:
    rows = [
        (
            contrast.name,
            labels[contrast.name],
            run.attributes["source"],
            round(float(share), 6),
            bool(share > 0 and share >= min_coverage),
        )
        for contrast, shares in zip(seeds.contrasts, maps.coverage.T, strict=True)
        for run, share in zip(runs, np.asarray(shares), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))


def _describe_runs(runs: list[StoredRun]) -> dict[str, Any]:
    return {
        "Sources": [f"bids:preprocessed:{run.attributes['source']}" for run in runs],
        "DegreesOfFreedom": [run.dof for run in runs],
        "RunWeights": [run.dof - 2 for run in runs],
        "Denoising": runs[0].attributes["settings"] if runs else {},
    }
