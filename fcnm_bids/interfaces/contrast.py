"""Map a contrast, or load a cached one."""

from __future__ import annotations

import logging
from pathlib import Path

from fcnm_bids.bids.outputs import AS_STORED, sidecar_files
from fcnm_bids.config import Config
from fcnm_bids.derivatives.contrast import (
    Contrast,
    contrast_warnings,
    without_clipped,
    write_contrast,
)
from fcnm_bids.derivatives.seeds import describe_contrast, seed_image
from fcnm_bids.inputs.contrasts import contrast_labels
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.maps import write_mapped
from fcnm_bids.intermediates.moments import contrast_file, read_maps, read_moments
from fcnm_bids.mapping import map_contrast
from fcnm_bids.reruns.result_cache import (
    MAPPED,
    VARIANTS,
    cache_result,
    cached_file,
    outputs_with,
)
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class LoadCachedContrast(ConfiguredInterface):
    """Stand in for the nodes of a contrast whose results were kept."""

    takes = ("cache_dir",)
    gives = ("mapped_file", "variants_file", "out_files")

    def _make(self, config: Config, folder: Path) -> None:
        kept = Path(self.inputs.cache_dir)
        self._results["mapped_file"] = str(cached_file(kept, MAPPED))
        self._results["variants_file"] = str(cached_file(kept, VARIANTS))
        self._results["out_files"] = outputs_with(kept, MAPPED)


class MapContrast(ConfiguredInterface):
    """Test one contrast over participants and threshold it."""

    takes = ("seeds_file", "entities", "moments_dirs", "number", "model", "cache_dir")
    gives = ("out_files", "mapped_file")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrast = seeds.contrasts[self.inputs.number]
        label = contrast_labels(seeds.contrasts)[contrast.name]
        folders = [Path(folder) for folder in self.inputs.moments_dirs]
        stored = read_moments([contrast_file(folder, label) for folder in folders])
        moments = stored.moments
        maps = read_maps(folders, stored)
        mapped = without_clipped(
            map_contrast(moments, height_rule(config.group), maps=maps), moments.clipped_in
        )
        warnings = contrast_warnings(contrast.name, mapped)
        for warning in warnings:
            LOGGER.warning("%s", warning)
        names = self._names(config)
        shared = {
            **AS_STORED,
            **describe_contrast(contrast, config.seeds),
            "NumberOfParticipants": moments.n_participants,
            "ParticipantsWithoutCoverage": stored.absent,
            **self.inputs.model,
            "DegreesOfFreedom": mapped.mask.df,
            "MinimumShareOfParticipants": config.group.min_subjects,
            "VoxelsTested": mapped.mask.n_tested,
            "VoxelsClipped": seeds.grid.subscripts(moments.index[moments.clipped_in]),
        }
        seed = seed_image(names, label, seeds, self.inputs.number)
        found = Contrast(mapped, moments.index, shared, warnings)
        images = write_contrast(found, label, names, seeds.grid, config, seed=seed)
        kept = Path(self.inputs.cache_dir)
        mapped_file = cached_file(kept, MAPPED)
        write_mapped(mapped_file, mapped, moments.index)
        cache_result(kept, MAPPED, [*images, *sidecar_files(images)])
        self._results["mapped_file"] = str(mapped_file)
        self._expect(images)
