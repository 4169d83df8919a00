"""One request on a small store, and the way to run a node of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.bids.write import write_text
from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.interfaces.contrast import MapContrast
from fcnm_bids.interfaces.group import SumOverParticipants
from fcnm_bids.interfaces.network import MapNetwork
from fcnm_bids.interfaces.robustness import CheckRobustness, MapContrastVariants
from fcnm_bids.mapping import (
    MappingRule,
    Participant,
    analysis_voxels,
    map_network,
    stored_participant,
)
from fcnm_bids.network import network_mask
from fcnm_bids.seeds import SeedMatrix, write_seed_matrix

GRID = Grid((9, 8, 7), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")


V = GRID.n_voxels


N_PARTICIPANTS = 12
N_DRAWS = 9


ENTITIES = {"space": "MNI152NLin6Asym", "task": "rest"}


FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace\tn
A\ta\tup\t6\t6\t6\tMNI152\t20
A\tb\tup\t9\t6\t6\tMNI152\t10
B\tc\tup\t6\t9\t9\tMNI152\t30
C\td\tdown\t18\t15\t12\tMNI152\t12
D\te\tdown\t18\t18\t12\tMNI152\t18
"""


MODEL = {"Covariates": []}

NO_STRATEGY: dict[str, dict[str, Any]] = {
    "denoising": {"nuisance_regressors": "none", "dummy_scans": "0", "fd_threshold": 0.0}
}
"""Of a store whose components are denoised as they are."""


Participants = list[tuple[str, list[tuple[str, str]]]]


def stored(runs: Participants) -> list[Participant]:
    return [stored_participant(who, [open_run(Path(p)) for p, _ in paths]) for who, paths in runs]


class Bench:
    """One request, its seeds, and the way to run a node of it."""

    def __init__(
        self, folder: Path, runs: Participants, specificity: Any = None, **group: Any
    ) -> None:
        self.folder, self.runs = folder, runs
        self.n_slabs = 1
        write_text(folder / "foci.tsv", FOCI)
        options = {"height_control": "fdr", "min_cluster_volume": 54.0, **group}
        self.config = Config(str(folder), str(folder / "out"), "group").update(
            {"seeds": {"coordinates": str(folder / "foci.tsv")}, "group": options}
        )
        self.config = self.config.update({"specificity": specificity or {}, **NO_STRATEGY})
        write_text(folder / "config.toml", self.config.to_toml())
        self.seeds = make_seeds(self.config.seeds, GRID)
        write_seed_matrix(self.seeds, folder / "seeds.npz")
        self.rule = MappingRule(height_rule(self.config.group), self.config.seeds.min_coverage)
        share = self.config.group.min_subjects
        self.index = analysis_voxels(stored(runs), GRID, min_subjects=share)

    def run(self, interface: type, **inputs: Any) -> Any:
        cwd = self.folder / f"{interface.__name__}{len(list(self.folder.iterdir()))}"
        cwd.mkdir()
        shared = {"config_file": str(self.folder / "config.toml")}
        shared["seeds_file"] = str(self.folder / "seeds.npz")
        return interface(**shared, **inputs).run(cwd=str(cwd)).outputs

    def sums(self, *numbers: int, columns: np.ndarray | None = None) -> list[str]:
        """The folders of the nodes that sum contrasts over participants, slab by slab."""
        columns = np.zeros((len(self.runs), 0)) if columns is None else columns
        return [
            self.run(
                SumOverParticipants,
                participants=self.runs,
                numbers=list(numbers),
                slab=[slab, self.n_slabs],
                covariates=columns.tolist(),
                mask_files=[],
            ).moments_dir
            for slab in range(self.n_slabs)
        ]

    def mapped(self, sums: list[str], number: int) -> Any:
        """The node that maps a contrast."""
        shared = self.of_contrast(sums, number)
        return self.run(MapContrast, **shared, model=MODEL, entities=ENTITIES)

    def contrast(self, sums: list[str], number: int) -> tuple[Any, Any]:
        """The nodes that map a contrast and its variants."""
        own, shared = self.mapped(sums, number), self.of_contrast(sums, number)
        return own, self.run(MapContrastVariants, **shared, mapped_file=own.mapped_file)

    def of_contrast(self, sums: list[str], number: int) -> dict[str, Any]:
        """Inputs of the nodes of a contrast."""
        cache_dir = str(self.folder / "kept" / str(number))
        return {"moments_dirs": sums, "number": number, "cache_dir": cache_dir}

    def effect(self, effect: str, columns: np.ndarray | None = None, **more: Any) -> Any:
        """All nodes of one effect; returns the table of its robustness."""
        sums = self.sums(*range(len(self.seeds.contrasts)), columns=columns)
        mapped, varied = [], []
        for number, contrast in enumerate(self.seeds.contrasts):
            if contrast.effect == effect:
                own, variants = self.contrast(sums, number)
                mapped.append(own.mapped_file)
                varied.append(variants.variants_file)
        shared = {"effect": effect, "mapped_files": mapped, "entities": ENTITIES}
        self.network = self.run(MapNetwork, **shared)
        self.checked = self.run(CheckRobustness, **shared, variants_files=varied, **more)
        self.out_files = [*self.network.out_files, *self.checked.out_files]
        path = self.folder / "out" / "group" / f"network-{effect}_desc-robustness_metrics.tsv"
        return pd.read_csv(path, sep="\t")

    def brute_force(
        self, participants: list[Participant], seeds: SeedMatrix | None = None, **more: Any
    ) -> np.ndarray:
        """P of ``up`` through `map_network`."""
        return self.probability(participants, seeds, **more)["up"]

    def probability(
        self, participants: list[Participant], seeds: SeedMatrix | None = None, **more: Any
    ) -> Any:
        """P of every effect through `map_network`."""
        seeds = seeds or self.seeds
        return map_network(seeds, participants, self.rule, self.index, **more).probability

    def network_of(self, probability: np.ndarray) -> np.ndarray:
        return network_mask(
            probability,
            threshold=self.config.group.network_threshold,
            min_cluster_volume=self.config.group.min_cluster_volume,
            grid=GRID,
            index=self.index,
        )


Make = Callable[..., Bench]


def image(path: str) -> np.ndarray:
    return nib.load(path).get_fdata().ravel(order="F")
