"""Where a network lies: its clusters, their peaks, its overlap with canonical networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, to_label, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import read_volume
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.atlas import AtlasFiles, find_atlas, read_atlas
from fcnm_bids.interfaces.base import (
    ConfiguredInputSpec,
    ConfiguredInterface,
    PromisingOutputSpec,
    traits,
)
from fcnm_bids.network import (
    CANONICAL_COLUMNS,
    CLUSTER_COLUMNS,
    DESCRIBED_COLUMNS,
    PEAK_COLUMNS,
    Atlas,
    canonical_overlap,
    cluster_table,
    describe_clusters,
)

PEAK_DISTANCE = 8.0
"""Smallest distance in mm between peaks of one cluster."""


class LocateNetworkInputSpec(ConfiguredInputSpec):
    """Inputs of `LocateNetwork`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    contrasts = traits.List(traits.Str(), mandatory=True, desc="names of its contrasts")
    network = traits.List(traits.Str(), mandatory=True, desc="files of the network")
    shape = traits.List(traits.Int(), mandatory=True, desc="shape of the grid")
    affine = traits.List(traits.List(traits.Float()), mandatory=True, desc="affine of the grid")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class LocateNetwork(ConfiguredInterface):
    """Say where a network lies."""

    input_spec = LocateNetworkInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        space = self.inputs.entities["space"]
        grid = Grid(tuple(self.inputs.shape), np.array(self.inputs.affine), space)
        names = self._names(config)
        label = to_label(self.inputs.effect)
        # shares of contrasts, which float32 has blurred
        probability = np.round(read_volume(names.network(label, "probseg"), grid), 6)
        network = read_volume(names.network(label, "mask"), grid) > 0.5
        volume, shares = grid.unflatten(network), grid.unflatten(np.nan_to_num(probability))
        files, atlas, missing = _atlas(config, grid)
        mean_t = self._mean_t(names, grid)
        height = {"negative": -mean_t, "two-sided": np.abs(mean_t)}.get(config.group.tail, mean_t)
        clusters = cluster_table(volume, shares, grid, height=height)
        clusters, peaks = describe_clusters(
            clusters,
            volume,
            mean_t,
            atlas,
            grid,
            min_distance=PEAK_DISTANCE,
            probability=shares,
            height=height,
        )
        about = {
            "Atlas": atlas.name if atlas else None,
            "AtlasFiles": [path.name for path in files.paths],
            "Missing": list(missing),
        }
        cluster_file = names.network_table(label, "clusters", "clusters")
        peak_file = names.network_table(label, "peaks", "clusters")
        write_table(cluster_file, clusters, {**CLUSTER_COLUMNS, **DESCRIBED_COLUMNS}, about)
        write_table(peak_file, peaks, PEAK_COLUMNS, {**about, "SmallestDistance": PEAK_DISTANCE})
        written = [cluster_file, peak_file]
        if atlas is not None:
            table = canonical_overlap(network, atlas, np.isfinite(probability))
            path = names.network_table(label, "canonical", "metrics")
            write_table(path, table, CANONICAL_COLUMNS, about)
            written.append(path)
        self._promise(written)

    def _mean_t(self, names: OutputNames, grid: Grid) -> NDArray[np.float64]:
        """Mean over the contrasts of t, where any has one."""
        total, count = np.zeros(grid.n_voxels), np.zeros(grid.n_voxels)
        for contrast in self.inputs.contrasts:
            t = read_volume(names.contrast_map(to_label(contrast), "t"), grid)
            total += np.nan_to_num(t)
            count += np.isfinite(t)
        mean = np.divide(total, count, out=np.full(grid.n_voxels, np.nan), where=count > 0)
        return grid.unflatten(mean)


def _atlas(config: Config, grid: Grid) -> tuple[AtlasFiles, Atlas | None, tuple[str, ...]]:
    named = config.group.network_atlas
    files = find_atlas(named, grid.space)
    try:
        return files, read_atlas(files, grid), files.missing
    except RequestError as error:
        if named:
            raise
        # a damaged file in TemplateFlow's folder must not cost the network
        return files, None, (f"no overlap with canonical networks: {error}",)
