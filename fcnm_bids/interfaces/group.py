"""From the store to contrast masks and networks."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, sidecar_files, to_labels, write_image, write_table
from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.connectome import open_run
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.seeds import describe_contrast
from fcnm_bids.mapping import (
    MappedContrast,
    analysis_voxels,
    map_contrast,
    probability_map,
    stored_person,
    sum_over_people,
)
from fcnm_bids.network import CLUSTER_COLUMNS, cluster_table, network_mask
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix
from fcnm_bids.stats import ContrastMoments, HeightRule, t_to_z

LOGGER = logging.getLogger("fcnm_bids")

CONTRAST_STATS = ("t", "z", "effect", "variance", "n")
_PROGRESS_SECONDS = 10.0
_MAP_MEANING = {
    "t": "one-sample t over people of the Fisher z",
    "z": "standard normal deviate with the tail probability of t",
    "effect": "mean over people of the Fisher z",
    "variance": "variance over people of the Fisher z",
    "n": "number of people with a value",
}


PEOPLE_COLUMNS = {
    "n_runs": "Runs in the analysis",
    "minutes_kept": "Minutes of kept volumes over all runs",
    "dof": "Residual degrees of freedom over all runs",
    "mean_fd": "Mean over runs of the mean framewise displacement, in mm",
}


class DescribePeopleInputSpec(ConfiguredInputSpec):
    """Inputs of `DescribePeople`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")


class DescribePeopleOutputSpec(TraitedSpec):
    """Outputs of `DescribePeople`."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class DescribePeople(ConfiguredInterface):
    """List the people of the group, beside what the data set says about them."""

    input_spec = DescribePeopleInputSpec
    output_spec = DescribePeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        rows = []
        for name, runs in self.inputs.people:
            headers = [open_run(Path(path)).attributes for path in runs]
            displacements = [h["mean_fd"] for h in headers if h["mean_fd"] is not None]
            minutes = sum(h["n_kept"] * h["repetition_time"] for h in headers) / 60
            rows.append(
                (
                    f"sub-{name}",
                    len(runs),
                    round(minutes, 3),
                    sum(h["dof"] for h in headers),
                    float(np.mean(displacements)) if displacements else np.nan,
                )
            )
        table = pd.DataFrame(rows, columns=["participant_id", *PEOPLE_COLUMNS])
        source = Path(config.bids_dir) / "participants.tsv"
        if source.is_file():
            known = pd.read_csv(source, sep="\t", dtype=str, keep_default_na=False)
            if "participant_id" in known:
                known = known.drop(columns=[c for c in PEOPLE_COLUMNS if c in known])
                table = table.merge(
                    known.drop_duplicates("participant_id"), on="participant_id", how="left"
                )
        path = Path(config.output_dir) / "participants.tsv"
        write_table(path, table, PEOPLE_COLUMNS)
        self._results["promised"] = [str(path), *map(str, sidecar_files([path]))]


class SumOverPeopleInputSpec(ConfiguredInputSpec):
    """Inputs of `SumOverPeople`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")


class SumOverPeopleOutputSpec(TraitedSpec):
    """Outputs of `SumOverPeople`."""

    moments_dir = traits.Directory(desc="one file of sums per contrast, by its label")


class SumOverPeople(ConfiguredInterface):
    """One pass over the store: the sums of all contrasts over people."""

    input_spec = SumOverPeopleInputSpec
    output_spec = SumOverPeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = [
            stored_person(name, [open_run(Path(path)) for path in runs])
            for name, runs in self.inputs.people
        ]
        index = analysis_voxels(people, seeds.grid, min_subjects=config.group.min_subjects)
        group = sum_over_people(
            seeds,
            people,
            index,
            min_coverage=config.seeds.min_coverage,
            smoothness=config.group.height_control == "fwe",
            progress=_Progress(len(people)),
        )
        labels = to_labels((c.name for c in seeds.contrasts), "contrast")
        moments_dir = folder / "moments"
        moments_dir.mkdir(exist_ok=True)
        for number, contrast in enumerate(seeds.contrasts):
            absent = [
                p.name for p, has in zip(people, group.has_map[:, number], strict=True) if not has
            ]
            if absent:
                LOGGER.warning(
                    "%s: %d of %d people have no map (coverage below %g): %s",
                    contrast.name,
                    len(absent),
                    len(people),
                    config.seeds.min_coverage,
                    ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else ""),
                )
            _write_moments(
                moments_dir / f"{labels[contrast.name]}.npz",
                group.moments.contrast(number),
                absent,
            )
        self._results["moments_dir"] = str(moments_dir)


class MapContrastInputSpec(ConfiguredInputSpec):
    """Inputs of `MapContrast`."""

    moments_dir = traits.Directory(exists=True, mandatory=True, desc="sums per contrast")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    number = traits.Int(mandatory=True, desc="row of the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapContrastOutputSpec(TraitedSpec):
    """Outputs of `MapContrast`."""

    mapped_file = File(desc="mask, voxels that count as tested, and their numbers")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapContrast(ConfiguredInterface):
    """Test one contrast over people and threshold it."""

    input_spec = MapContrastInputSpec
    output_spec = MapContrastOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrast = seeds.contrasts[self.inputs.number]
        label = to_labels((c.name for c in seeds.contrasts), "contrast")[contrast.name]
        moments, absent = _read_moments(Path(self.inputs.moments_dir) / f"{label}.npz")
        mapped = map_contrast(moments, height_rule(config.group))
        warnings = _contrast_warnings(contrast.name, mapped)
        for warning in warnings:
            LOGGER.warning("%s", warning)
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        shared = {
            "Resolution": "as the preprocessed data",
            **describe_contrast(contrast, config.seeds),
            "NumberOfPeople": moments.n_people,
            "PeopleWithoutCoverage": absent,
            "DegreesOfFreedom": mapped.mask.df,
            "MinimumShareOfPeople": config.group.min_subjects,
            "VoxelsTested": mapped.mask.n_tested,
            "VoxelsClipped": seeds.grid.subscripts(moments.index[moments.clipped_in]),
            "Sources": [f"bids::{path}" for path in ("connectome",)]
            if config.connectome.connectome_dir is None
            else [],
        }
        images = []
        for stat in CONTRAST_STATS:
            path = names.contrast_map(label, stat)
            values = _stat_values(mapped, stat)
            described = {"Description": _MAP_MEANING[stat], **shared}
            write_image(path, values, seeds.grid, described, index=moments.index)
            images.append(path)
        path = names.contrast_mask(label)
        write_image(
            path,
            mapped.mask.significant,
            seeds.grid,
            {
                "Description": "Voxels significantly connected with the seed",
                **shared,
                **_describe_threshold(mapped, config.group),
                "VoxelsSignificant": int(mapped.mask.significant.sum()),
                "Warnings": warnings,
            },
            index=moments.index,
        )
        images.append(path)
        mapped_file = folder / "mapped.npz"
        np.savez(
            mapped_file,
            significant=mapped.mask.significant,
            counted=mapped.counted,
            index=moments.index,
        )
        self._results["mapped_file"] = str(mapped_file)
        self._results["promised"] = [str(path) for path in (*images, *sidecar_files(images))]


class MapEffectInputSpec(ConfiguredInputSpec):
    """Inputs of `MapEffect`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapEffectOutputSpec(TraitedSpec):
    """Outputs of `MapEffect`."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapEffect(ConfiguredInterface):
    """Combine the contrasts of one effect into its network."""

    input_spec = MapEffectInputSpec
    output_spec = MapEffectOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        label = to_labels((c.effect for c in seeds.contrasts), "effect")[effect]
        members = [c.name for c in seeds.contrasts if c.effect == effect]
        masks, counted, index = _stack(self.inputs.mapped_files)
        probability, kept = probability_map(masks, counted, None)
        left_out = [name for name, keep in zip(members, kept, strict=True) if not keep]
        for name in left_out:
            LOGGER.warning("%s was tested at no voxel and leaves the count of %s", name, effect)
        network = network_mask(
            probability,
            threshold=config.group.network_threshold,
            min_cluster_volume=config.group.min_cluster_volume,
            grid=seeds.grid,
            index=index,
        )
        LOGGER.info(
            "%s: %d contrasts, network of %d voxels (%.1f cm3)",
            effect,
            int(kept.sum()),
            int(network.sum()),
            network.sum() * seeds.grid.voxel_volume / 1000,
        )
        self._results["promised"] = _write_network(
            config,
            seeds,
            dict(self.inputs.entities),
            label,
            {
                "Effect": effect,
                "Contrasts": [n for n, keep in zip(members, kept, strict=True) if keep],
                "ContrastsLeftOut": left_out,
                "NumberOfContrasts": int(kept.sum()),
                "Resolution": "as the preprocessed data",
            },
            probability,
            network,
            index,
        )


def height_rule(settings: GroupSettings) -> HeightRule:
    """The height rule that the settings ask for."""
    return HeightRule(
        control=settings.height_control,
        alpha=settings.alpha,
        tail=settings.tail,
        min_effect=settings.min_effect,
        min_cluster_voxels=settings.contrast_min_cluster,
        min_subjects=settings.min_subjects,
    )


class _Progress:
    """Says now and then how many people are done, and how long the rest may take."""

    def __init__(self, n_people: int) -> None:
        self._n_people = n_people
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS and done < self._n_people:
            return
        self._said = now
        left = (now - self._started) / done * (self._n_people - done)
        LOGGER.info("summed over %d of %d people, about %.0f s left", done, self._n_people, left)


def _stat_values(mapped: MappedContrast, stat: str) -> NDArray[Any]:
    test = mapped.test
    if stat == "z":
        return t_to_z(test.t, test.df)
    if stat == "n":
        return test.n.astype(np.float32)
    return {"t": test.t, "effect": test.mean, "variance": test.variance}[stat]


def _describe_threshold(mapped: MappedContrast, settings: GroupSettings) -> dict[str, Any]:
    mask = mapped.mask
    described: dict[str, Any] = {
        "HeightControl": settings.height_control,
        "Alpha": settings.alpha,
        "Tail": settings.tail,
        "Threshold": mask.threshold,
        "MinimumEffect": settings.min_effect,
        "MinimumClusterVoxels": settings.contrast_min_cluster,
    }
    if mask.smoothness is not None:
        described["SmoothnessFWHM"] = mask.smoothness.fwhm
        described["SmoothnessUnits"] = "voxels"
        described["SmoothnessVoxels"] = mask.smoothness.n_voxels
        described["Resels"] = mask.resels
    return described


def _contrast_warnings(name: str, mapped: MappedContrast) -> list[str]:
    warnings = []
    n_tested = mapped.mask.n_tested
    n_significant = int(mapped.mask.significant.sum())
    if n_tested == 0:
        warnings.append(f"{name}: no voxel could be tested (is the seed inside the brain masks?)")
    elif n_significant == 0:
        warnings.append(f"{name}: nothing survives the threshold of t = {mapped.mask.threshold:g}")
    elif n_significant > n_tested / 2:
        warnings.append(
            f"{name}: {n_significant / n_tested:.0%} of the tested voxels are significant; a mask "
            "this large says little about where (without the global signal removed nearly every "
            "voxel correlates with every seed)"
        )
    return warnings


def _write_network(
    config: Config,
    seeds: SeedMatrix,
    entities: Mapping[str, str],
    label: str,
    shared: Mapping[str, Any],
    probability: NDArray[np.float64],
    network: NDArray[np.bool_],
    index: NDArray[np.intp],
) -> list[str]:
    grid: Grid = seeds.grid
    names = OutputNames.of(Path(config.output_dir), entities)
    probseg, mask = names.network(label, "probseg"), names.network(label, "mask")
    clusters = names.network_table(label, "clusters", "clusters")
    write_image(
        probseg,
        probability,
        grid,
        {"Description": "Share of the contrasts whose mask holds the voxel", **shared},
        index=index,
    )
    write_image(
        mask,
        network,
        grid,
        {
            "Description": "The network: voxels that enough contrasts share",
            **shared,
            "Threshold": config.group.network_threshold,
            "MinimumClusterVolume": config.group.min_cluster_volume,
            "MinimumClusterVolumeUnits": "mm3",
            "Voxels": int(network.sum()),
        },
        index=index,
    )
    table = cluster_table(
        grid.unflatten(network, index, fill=0), grid.unflatten(probability, index, fill=0), grid
    )
    write_table(clusters, table, CLUSTER_COLUMNS)
    files = [probseg, mask, clusters]
    return [str(path) for path in (*files, *sidecar_files(files))]


def _stack(
    paths: list[str],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp]]:
    parts = [np.load(path, allow_pickle=False) for path in paths]
    masks = np.stack([part["significant"] for part in parts])
    counted = np.stack([part["counted"] for part in parts])
    return masks, counted, parts[0]["index"]


def _write_moments(path: Path, moments: ContrastMoments, absent: list[str]) -> None:
    content: dict[str, Any] = {
        "n": moments.n,
        "total": moments.total,
        "square": moments.square,
        "clipped_in": moments.clipped_in,
        "n_people": moments.n_people,
        "index": moments.index,
        "shape": moments.shape,
        "absent": np.array(absent, dtype=str),
    }
    if moments.products is not None:
        content["products"] = moments.products
    np.savez(path, **content)


def _read_moments(path: Path) -> tuple[ContrastMoments, list[str]]:
    with np.load(path, allow_pickle=False) as stored:
        shape = tuple(int(n) for n in stored["shape"])
        moments = ContrastMoments(
            n=stored["n"],
            total=stored["total"],
            square=stored["square"],
            clipped_in=stored["clipped_in"],
            products=stored.get("products", None),
            n_people=int(stored["n_people"]),
            index=stored["index"],
            shape=(shape[0], shape[1], shape[2]),
        )
        return moments, [str(name) for name in stored["absent"]]
