"""Make the seed matrix and its images."""

from __future__ import annotations

import logging
from pathlib import Path

from fcnm_bids.bids.outputs import AS_STORED
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.derivatives.seeds import describe_contrast, is_binary, seed_image, write_used_foci
from fcnm_bids.inputs.contrasts import contrast_labels, make_seeds
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.seeds import SeedMatrix, foci_between_centres, foci_outside, write_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class MakeSeeds(ConfiguredInterface):
    """Draw the contrast seeds on the grid of the data."""

    takes = ("shape", "affine", "entities")
    gives = ("out_files", "seeds_file")

    def _make(self, config: Config, folder: Path) -> None:
        grid = self.grid
        seeds = make_seeds(config.seeds, grid)
        foci_file = write_used_foci(seeds, config)
        _warn_of_foci(seeds, config.seeds)
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


def _warn_of_foci(seeds: SeedMatrix, settings: SeedSettings) -> None:
    """Say which foci lie outside of the image, and how many are finer than its voxels."""
    outside = foci_outside(seeds.contrasts, seeds.grid)
    if outside:
        LOGGER.warning(
            "%d of %d foci lie outside the image; their spheres count as far as they reach "
            "into it: %s",
            len(outside),
            sum(len(contrast.foci) for contrast in seeds.contrasts),
            ", ".join(f"{f.study} ({f.x:g}, {f.y:g}, {f.z:g})" for f in outside[:5])
            + (" ..." if len(outside) > 5 else ""),
        )
    if settings.sphere != "mm":
        return
    alone = foci_between_centres(seeds.contrasts, seeds.grid, radius=settings.radius)
    if alone:
        LOGGER.warning(
            "%d of %d foci have no voxel centre within %g mm: the voxel that holds a focus is its "
            "sphere there, and smaller radii make no difference",
            len(alone),
            sum(len(contrast.foci) for contrast in seeds.contrasts),
            settings.radius,
        )
