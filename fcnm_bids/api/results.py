"""Maps of seeds and networks, in memory or read from a results folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import tomli_w

from fcnm_bids.api.html import figure, paragraph
from fcnm_bids.api.level import run_analysis_level
from fcnm_bids.api.outcomes import OutcomeMap, stored_outcomes
from fcnm_bids.api.scores import scores_file
from fcnm_bids.api.scratch import scratch_folder
from fcnm_bids.api.settings import absolute, by_section, checked
from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.atlas import check_atlas, network_atlas
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.mapping import effect_and_sign
from fcnm_bids.network import Atlas, cluster_table, describe_region
from fcnm_bids.report.results.group import ContrastOutputs, GroupOutputs
from fcnm_bids.report.results.group import NetworkOutputs as NetworkFiles

Position = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class SeedMap:
    """The connectivity of one seed over participants.

    Parameters
    ----------
    name, effect, studies
        The contrast that the seed stands for.
    foci
        Centres of its spheres in mm in MNI space; empty for a mask.
    n_participants
        Largest number of participants with a value at a voxel.
    threshold
        Height in t that the height control requires; infinite if no voxel can reach it.
    tail
        ``positive``, ``negative`` or ``two-sided``.
    t_img, z_img, mean_z_img
        The t, the z equivalent to t, and the mean Fisher z over participants; NaN where untested.
    mask_img
        Significant voxels, 0 or 1.
    """

    name: str
    effect: str
    studies: tuple[str, ...]
    foci: tuple[Position, ...]
    n_participants: int
    threshold: float
    tail: str
    t_img: nib.Nifti1Image = field(repr=False)
    z_img: nib.Nifti1Image = field(repr=False)
    mean_z_img: nib.Nifti1Image = field(repr=False)
    mask_img: nib.Nifti1Image = field(repr=False)

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the t map on slices, with significant voxels outlined and foci circled.

        Parameters
        ----------
        path
            PNG or SVG file; None for a file that is removed when Python ends.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from fcnm_bids.report.figures.contrast import draw_t_map
        from fcnm_bids.report.figures.template_slices import Volume

        path = _figure_file(path)
        draw_t_map(
            path,
            Volume.of(self.t_img),
            Volume.of(self.mask_img),
            threshold=self.threshold if np.isfinite(self.threshold) else None,
            tail=self.tail,
            foci=self.foci,
        )
        return path

    def _repr_html_(self) -> str:
        voxels = int(np.asarray(self.mask_img.dataobj).sum())
        return figure(self.plot(), f"{self.name}: {voxels} voxels above t = {self.threshold:.2f}")


@dataclass(frozen=True, eq=False, repr=False)
class NetworkResult:
    """The network that the contrasts of one effect share.

    Parameters
    ----------
    effect
        The effect label, followed by the sign if the tail is two-sided, as in "A (positive)".
    threshold
        Share of the contrasts whose masks must include a voxel of the network.
    probability_img
        Share of the contrasts whose mask includes each voxel; NaN where untested.
    mask_img
        The network, 0 or 1.
    mean_z_img
        Unweighted mean of the contrasts' mean Fisher z.
    contrasts
        The map of each contrast.
    request
        The settings that the network was made with.
    folder
        The results folder that the network was read from, to which further tables are added. None
        for a network in memory, whose tables are made in a folder that is removed at exit.
    space
        Template space of the images, as TemplateFlow calls it.
    """

    effect: str
    threshold: float
    probability_img: nib.Nifti1Image
    mask_img: nib.Nifti1Image
    mean_z_img: nib.Nifti1Image
    contrasts: tuple[SeedMap, ...]
    request: Config
    folder: Path | None = None
    space: str = "MNI"

    @property
    def grid(self) -> Grid:
        """Voxel grid of the images."""
        return replace(_grid(self.mask_img), space=self.space)

    @cached_property
    def atlas(self) -> Atlas | None:
        """Regions on the grid, named in words; None if there is no atlas for the space."""
        named = self.request.group.network_atlas
        check_atlas(named, self.grid)
        return network_atlas(named, self.grid)[1]

    @cached_property
    def clusters(self) -> pd.DataFrame:
        """Volume, peak and centre of mass of each cluster, in mm, the largest cluster first."""
        mask = np.asarray(self.mask_img.dataobj) > 0
        # shares of contrasts, which float32 has blurred
        shares = np.round(np.nan_to_num(self.probability_img.get_fdata()), 6)
        count = np.zeros(mask.shape)
        total = np.zeros(mask.shape)
        for contrast in self.contrasts:
            t = contrast.t_img.get_fdata()
            total += np.nan_to_num(t)
            count += np.isfinite(t)
        height = np.divide(total, count, out=np.full(mask.shape, np.nan), where=count > 0)
        _, sign = effect_and_sign(self.effect, self.request.group.tail)
        return cluster_table(mask, shares, self.grid, height=sign * height)

    def at(self, x: float, y: float, z: float) -> pd.DataFrame:
        """Return the values of each contrast at a position.

        Parameters
        ----------
        x, y, z
            Position in mm in MNI space; the values are those of the voxel that contains it.

        Returns
        -------
        pandas.DataFrame
            One row per contrast: contrast, study, holds (its mask includes the voxel), t, mean_z,
            focus_mm (distance from the voxel's centre to its nearest focus, NaN for masks) and
            region (of the voxel, the same in all rows; if no atlas has one there, the nearest
            within 6 mm, or None).

        Raises
        ------
        RequestError
            The position lies outside the image.
        """
        grid = self.grid
        voxel = np.linalg.solve(grid.affine, [x, y, z, 1])[:3]
        i, j, k = np.rint(voxel).astype(int)
        if not all(0 <= n < size for n, size in zip((i, j, k), grid.shape, strict=True)):
            raise RequestError(f"({x:g}, {y:g}, {z:g}) lies outside the image")
        centre = grid.affine[:3, :3] @ (i, j, k) + grid.affine[:3, 3]
        place = int(np.ravel_multi_index((i, j, k), grid.shape, order="F"))
        region = describe_region(self.atlas, place, grid) if self.atlas else None
        rows = []
        for own in self.contrasts:
            apart = [float(np.linalg.norm(centre - np.array(focus))) for focus in own.foci]
            held, t, mean = (
                float(image.dataobj[i, j, k]) for image in (own.mask_img, own.t_img, own.mean_z_img)
            )
            nearest = min(apart, default=np.nan)
            rows.append((own.name, "; ".join(own.studies), held > 0, t, mean, nearest, region))
        columns = ["contrast", "study", "holds", "t", "mean_z", "focus_mm", "region"]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the probability map on slices, with the network outlined (as `SeedMap.plot`)."""
        from fcnm_bids.report.figures.network import draw_probability
        from fcnm_bids.report.figures.template_slices import Volume

        path = _figure_file(path)
        draw_probability(path, Volume.of(self.probability_img), Volume.of(self.mask_img))
        return path

    def report(self, path: str | Path) -> Path:
        """Run the group level with a folder as output and return its report.

        Parameters
        ----------
        path
            Output folder, as for the command line; existing results are not made again.

        Raises
        ------
        FcnmError
            The level failed.
        """
        folder = Path(path).absolute()
        running = {"running": {"work_dir": str(folder / "work")}}
        run_analysis_level(replace(self.request, output_dir=str(folder)).update(running))
        return folder / "group.html"

    def robustness(self) -> pd.DataFrame:
        """Compare the network with those from other radii, thresholds, studies and participants.

        Returns
        -------
        pandas.DataFrame
            The table ``desc-robustness`` of the group level.

        Raises
        ------
        FcnmError
            The level failed; the message is that of the command line.

        Examples
        --------
        >>> from fcnm_bids import load_results
        >>> table = load_results("fcnm/")["increase"].robustness()
        >>> sorted({"check", "dice"} & set(table))
        ['check', 'dice']
        """
        return self._table("robustness", {})

    def outcomes(self, scores: pd.DataFrame | str | Path, **options: Any) -> dict[str, OutcomeMap]:
        """Relate scores of the contrasts or masks to their maps.

        Parameters
        ----------
        scores
            Table, or its file, with a column ``contrast``, ``mask`` or ``seed`` that names the
            contrasts; its other columns are outcomes, covariates, ``cohort`` and ``group``, as
            for ``--scores``. Rows of contrasts of other effects are left out.
        **options
            Options for outcomes, by name (``outcomes``, ``score_covariates``, ``n_permutations``).

        Returns
        -------
        dict
            An `OutcomeMap` for each outcome.

        Raises
        ------
        RequestError
            The table cannot be used.
        FcnmError
            The level failed; the message is that of the command line.

        Examples
        --------
        >>> from fcnm_bids import Connectome
        >>> network = Connectome("store/").network("peaks.tsv", effect="increase")
        >>> weeks = network.outcomes("scores.tsv")["weeks"]
        >>> weeks.tests.loc[0, "test"]
        'voxelwise association'
        """
        known = [name for name, _ in contrast_names(self.request.seeds)]
        own = [contrast.name for contrast in self.contrasts]
        return stored_outcomes(
            self._evaluated({**options, "scores": scores_file(scores, known, own)})
        )

    def specificity(self, *nulls: str, n: int | None = None, **options: Any) -> pd.DataFrame:
        """Compare the network with nulls.

        Parameters
        ----------
        *nulls
            ``labels``, ``strength``, ``random``, ``split``; by default, all that the data allow.
        n
            Number of draws (``n_permutations``).
        **options
            Options of the nulls, by name (``label_test="increase:decrease"``).

        Returns
        -------
        pandas.DataFrame
            The table ``desc-specificity`` of the group level.

        Raises
        ------
        FcnmError
            The level failed; the message is that of the command line.
        """
        options["specificity"] = nulls or ("all",)
        if n is not None:
            options["n_permutations"] = n
        return self._table("specificity", options)

    def multiverse(
        self, choices: Mapping[str, Sequence[Any]] | str | Path = "default", **options: Any
    ) -> pd.DataFrame:
        """Map the network in all combinations of other choices.

        Parameters
        ----------
        choices
            Values of options by their names (``{"nuisance_regressors": ["27P", "26P"]}``), or a
            file of specifications as for ``--multiverse``.
        **options
            Options of the group level, by name.

        Returns
        -------
        pandas.DataFrame
            The table ``desc-multiverse`` of the group level, the primary specification first.

        Raises
        ------
        RequestError
            The choices cannot be used.
        FcnmError
            The level failed; the message is that of the command line.
        """
        if isinstance(choices, Mapping):
            path = scratch_folder() / "choices.toml"
            listed = {
                name: [absolute(name, value) for value in values]
                for name, values in choices.items()
            }
            path.write_text(tomli_w.dumps({"combinations": listed}), encoding="utf-8")
            choices = path
        return self._table("multiverse", {**options, "multiverse": str(choices)})

    def _table(self, desc: str, options: dict[str, Any]) -> pd.DataFrame:
        files = self._evaluated(options)
        network = next(own for own in files.networks if own.effect == self.effect)
        table = network.tables().get(desc)
        if table is None:
            raise RequestError(f"{self.effect}: the group level wrote no table desc-{desc}")
        return pd.read_csv(table, sep="\t", na_values=["n/a"], keep_default_na=False)

    def _evaluated(self, options: dict[str, Any]) -> GroupOutputs:
        """Run the group level with these options as well and return what it wrote."""
        request = checked(self.request.update(by_section(options)))
        if self.folder is None:  # a folder holds results of one set of settings
            root = Path(request.output_dir)
            request = replace(request, output_dir=str(root / _digest(request)))
        run_analysis_level(request)
        return GroupOutputs(Path(request.output_dir))

    def __repr__(self) -> str:
        voxels = int(np.count_nonzero(np.asarray(self.mask_img.dataobj)))
        return (
            f"NetworkResult {self.effect!r}: {len(self.contrasts)} contrasts, {voxels} voxels "
            f"({voxels * self.grid.voxel_volume / 1000:.1f} cm3) that at least "
            f"{self.threshold:.0%} of them hold"
        )

    def _repr_html_(self) -> str:
        text = (
            f"{self.effect}: {len(self.contrasts)} contrasts, {len(self.clusters)} clusters, "
            f"{self.clusters['volume_mm3'].sum() / 1000:.1f} cm³"
        )
        return figure(self.plot(), text)


class Results(Mapping[str, NetworkResult]):
    """The networks of a results folder, by effect.

    Parameters
    ----------
    folder
        Output folder of the command line.

    Raises
    ------
    RequestError
        The folder contains no results of the group level.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self._files = GroupOutputs(self.folder)
        if self._files.record is None or not self._files.networks:
            raise RequestError(f"{folder}: contains no network; run the group level first")
        self._networks = {
            network.effect: _stored_network(network, self._files, self._files.record.config)
            for network in self._files.networks
        }

    def __getitem__(self, effect: str) -> NetworkResult:
        return self._networks[effect]

    def __iter__(self) -> Iterator[str]:
        return iter(self._networks)

    def __len__(self) -> int:
        return len(self._networks)

    def __repr__(self) -> str:
        return f"Results of {self.folder}: {', '.join(self)}"

    def _repr_html_(self) -> str:
        return paragraph(repr(self)) + "".join(own._repr_html_() for own in self.values())

    @cached_property
    def outcomes(self) -> dict[str, OutcomeMap]:
        """Outcomes of the seeds, by name; empty without ``--scores`` and ``--control-masks``."""
        return stored_outcomes(self._files)

    @property
    def report(self) -> Path:
        """The report of the group level."""
        return self.folder / "group.html"

    @property
    def participants(self) -> pd.DataFrame:
        """The participants of the group, as in ``participants.tsv``."""
        table = self.folder / "participants.tsv"
        return pd.read_csv(table, sep="\t", na_values=["n/a"], keep_default_na=False)


def load_results(folder: str | Path) -> Results:
    """Read what the group level of the command line wrote.

    Parameters
    ----------
    folder
        The output folder.

    Returns
    -------
    Results
        A `NetworkResult` for each effect; images are read when they are used.

    Raises
    ------
    RequestError
        The folder contains no results of the group level.

    Examples
    --------
    >>> from fcnm_bids import load_results
    >>> results = load_results("fcnm/")
    >>> list(results)
    ['increase', 'decrease']
    >>> results["increase"].threshold
    0.6
    """
    return Results(folder)


def _stored_network(network: NetworkFiles, files: GroupOutputs, request: Config) -> NetworkResult:
    mean = network.mask.name.replace("_mask.nii.gz", "_stat-effect_statmap.nii.gz")
    return NetworkResult(
        effect=network.effect,
        threshold=float(network.sidecar["Threshold"]),
        probability_img=nib.load(network.probability),
        mask_img=nib.load(network.mask),
        mean_z_img=nib.load(network.mask.with_name(mean)),
        contrasts=tuple(_stored_seed(own) for own in files.members(network.effect)),
        request=request,
        folder=files.root,
        space=str(parse_entities(network.probability).get("space", "MNI")),
    )


def _stored_seed(contrast: ContrastOutputs) -> SeedMap:
    return SeedMap(
        name=contrast.name,
        effect=contrast.effect,
        studies=tuple(contrast.sidecar.get("Studies", ())),
        foci=tuple((float(x), float(y), float(z)) for x, y, z in contrast.foci),
        n_participants=int(contrast.sidecar["NumberOfParticipants"]),
        threshold=np.inf if contrast.threshold is None else contrast.threshold,
        tail=str(contrast.sidecar.get("Tail", "positive")),
        t_img=nib.load(contrast.map("t")),
        z_img=nib.load(contrast.map("z")),
        mean_z_img=nib.load(contrast.map("effect")),
        mask_img=nib.load(contrast.mask),
    )


def _grid(image: nib.Nifti1Image) -> Grid:
    nx, ny, nz = image.shape[:3]
    return Grid((nx, ny, nz), image.affine, "MNI")


def _figure_file(path: str | Path | None) -> Path:
    return scratch_folder() / "map.png" if path is None else Path(path)


def _digest(request: Config) -> str:
    return hashlib.sha256(request.to_toml().encode()).hexdigest()[:16]
