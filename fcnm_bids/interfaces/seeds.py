"""Make the seed matrix and its images."""

from __future__ import annotations

from pathlib import Path

from fcnm_bids.bids.outputs import AS_STORED
from fcnm_bids.bids.write import OutputFiles, written_together
from fcnm_bids.config import Config
from fcnm_bids.derivatives.seeds import describe_contrast, is_binary, seed_image, write_used_foci
from fcnm_bids.inputs.contrasts import contrast_labels, make_seeds
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.seeds import write_seed_matrix


class MakeSeeds(ConfiguredInterface):
    """Draw the contrast seeds on the grid of the data."""

    takes = ("shape", "affine", "entities")
    gives = ("out_files", "seeds_file")

    @written_together()
    def _make(self, config: Config, folder: Path) -> None:
        grid = self.grid
        seeds = make_seeds(config.seeds, grid)
        foci_file = write_used_foci(seeds, config)
        seeds_file = folder / "seeds.npz"
        write_seed_matrix(seeds, seeds_file)
        names = self._names(config)
        labels = contrast_labels(seeds.contrasts)
        out = OutputFiles(grid, shared=AS_STORED)
        for number, contrast in enumerate(seeds.contrasts):
            row = seeds.weights[[number]].toarray().ravel()
            path = seed_image(names, labels[contrast.name], seeds, number)
            values = row.astype(bool) if is_binary(seeds, number) else row
            described = describe_contrast(contrast, config.seeds)
            out.image(path, values, "Seed of one contrast", **described)
        self._results["seeds_file"] = str(seeds_file)
        self._expect(out.paths, foci_file)
