"""A store of projected runs, opened for mapping."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.api.html import paragraph
from fcnm_bids.api.level import run_analysis_level
from fcnm_bids.api.results import NetworkResult, SeedMap
from fcnm_bids.api.scratch import scratch_folder
from fcnm_bids.api.settings import by_section, checked
from fcnm_bids.bids.write import as_image
from fcnm_bids.config import Config
from fcnm_bids.derivatives.contrast import without_clipped
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.analysis_mask import group_voxels
from fcnm_bids.inputs.contrasts import make_seeds, network_parts
from fcnm_bids.inputs.rules import contrast_weights, mapping_rule, network_rule
from fcnm_bids.mapping import MappedContrast, NetworkMap, map_network, stored_participant
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.group_options import GROUP_SECTIONS
from fcnm_bids.planning.input_settings import settings_of_store
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.seeds import Contrast, Focus, SeedMatrix, write_foci
from fcnm_bids.stats import t_to_z

SeedLike: TypeAlias = "Sequence[Sequence[float]] | nib.Nifti1Image | str | Path"
TableLike: TypeAlias = "pd.DataFrame | str | Path | Sequence[str | Path]"

_MAPPING = ("seeds", "selection", "denoising", *GROUP_SECTIONS, "resources")
"""Sections of options that apply to maps."""

_OF_THE_IMAGES = frozenset({"derivatives", "input_type", "input_variant", "bids_database_dir"})
"""Options of those sections that state how images are found; they do not apply to a store."""


class Connectome:
    """The projected runs of a group of participants, ready to be mapped.

    Parameters
    ----------
    store
        Folder of the store, ``<output folder>/connectome`` of a participant-level run.
    derivatives
        Preprocessed data set that the store was made from; needed only for data that are not in
        the store (grey matter, for ``analysis_mask="gm"`` and specificity).
    **options
        Options of the command line, by name with underscores, that apply to every map
        (``participant_label=["01", "02"]``, ``height_control="fdr"``).

    Raises
    ------
    TypeError
        There is no option of that name.
    RequestError
        The folder is not a store, or an option has an invalid value.

    Examples
    --------
    >>> from fcnm_bids import Connectome
    >>> connectome = Connectome("store/")
    >>> connectome
    Connectome of ... participants, ... mm, MNI152NLin6Asym
    >>> connectome.participants[:3]
    ('01', '02', '03')
    """

    def __init__(
        self, store: str | Path, *, derivatives: str | Path | None = None, **options: Any
    ) -> None:
        root = scratch_folder()
        request = Config(str(Path(store).absolute()), str(root / "results"), "group")
        request = request.update({"running": {"work_dir": str(root / "work")}})
        explicit = by_section(options)
        self._request = checked(settings_of_store(request.update(explicit), explicit))
        if derivatives is not None:
            self._request = replace(self._request, bids_dir=str(Path(derivatives).absolute()))

    @classmethod
    def from_derivatives(
        cls, derivatives: str | Path, output: str | Path, **options: Any
    ) -> Connectome:
        """Make or complete the store of preprocessed runs and open it.

        This runs the participant level of the command line; runs already stored are reused.

        Parameters
        ----------
        derivatives
            Folder of the preprocessed data set, such as fMRIPrep derivatives.
        output
            Output folder; the store is ``output/connectome``.
        **options
            Options of the command line, by name (``smoothing=6``, ``nprocs=2``); those of the
            group level apply to every map, as for `Connectome`.

        Warns
        -----
        UserWarning
            The warnings of the command line, such as that a run was excluded and why.

        Raises
        ------
        FcnmError
            The level failed; the message is that of the command line.
        """
        source, results = (str(Path(folder).absolute()) for folder in (derivatives, output))
        made = {"work_dir": f"{results}/work", **options, "connectome_only": True}
        sections = by_section(made)
        own = {name: section for name, section in sections.items() if name not in GROUP_SECTIONS}
        request = checked(Config(source, results, "participant").update(own))
        for warning in run_analysis_level(request):
            warnings.warn(warning, stacklevel=2)
        mapped = {
            name: value
            for section in _MAPPING
            for name, value in sections.get(section, {}).items()
            if name not in _OF_THE_IMAGES
        }
        return cls(request.connectome_path, derivatives=derivatives, **mapped)

    @property
    def participants(self) -> tuple[str, ...]:
        """Labels of the participants."""
        return tuple(label for label, _ in self._any_plan.participants)

    @property
    def grid(self) -> Grid:
        """Voxel grid of the runs."""
        return self._any_plan.grid

    def __repr__(self) -> str:
        try:
            plan = self._any_plan
        except RequestError as error:
            return f"Connectome that cannot be mapped: {error}"
        size = " x ".join(f"{edge:g}" for edge in dict.fromkeys(plan.grid.voxel_sizes.round(3)))
        return f"Connectome of {len(plan.participants)} participants, {size} mm, {plan.grid.space}"

    def _repr_html_(self) -> str:
        return paragraph(repr(self))

    def map(self, seed: SeedLike, *, radius: float | None = None, **options: Any) -> SeedMap:
        """Map the connectivity of one seed over the participants.

        Parameters
        ----------
        seed
            Positions (x, y, z) in mm in MNI space, whose spheres are joined, or a mask, given as a
            NIfTI image or as the path of its file.
        radius
            Radius of the spheres in mm; None for the default of the command line.
        **options
            Options of the group level, by name (``height_control``, ``alpha``, ``tail``,
            ``covariates``, ``analysis_mask`` ...).

        Raises
        ------
        TypeError
            There is no option of that name.
        RequestError
            The seed or an option cannot be used.

        Examples
        --------
        >>> from fcnm_bids import Connectome
        >>> seed = Connectome("store/").map([(0, -52, 26)], radius=6)
        >>> seed.t_img.shape == seed.mask_img.shape == seed.mean_z_img.shape
        True
        >>> seed.plot("pcc.png").name
        'pcc.png'
        """
        if radius is not None:
            options["radius"] = radius
        if isinstance(seed, str | Path) or hasattr(seed, "get_fdata"):
            options["masks"] = (str(self._mask_file(seed)),)
        else:
            places = np.atleast_2d(np.asarray(seed, dtype=np.float64))
            if places.ndim != 2 or places.shape[1] != 3:
                raise RequestError(f"a seed has positions (x, y, z), not an array {places.shape}")
            foci = [
                Focus(x, y, z, "MNI152", "seed", "seed", "seed", None, f"position {number}")
                for number, (x, y, z) in enumerate(places.tolist(), start=1)
            ]
            path = scratch_folder() / "seed.tsv"
            write_foci(foci, path)
            options["coordinates"] = str(path)
        request, plan = self._plan(options)
        seeds, found = _mapped(request, plan)
        return _seed_map(seeds.contrasts[0], found.contrasts[0], found, plan, request)

    def network(
        self,
        table: TableLike,
        *,
        effect: str | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> NetworkResult:
        """Map the network that the contrasts of one effect share.

        Parameters
        ----------
        table
            Coordinate table: a file of any format that the command line reads, or a DataFrame
            with the columns study, x, y, z, space and, optionally, contrast, effect and n.
            Alternatively, lesion or ROI masks, each of which is a contrast: a folder of NIfTI
            files, or their paths.
        effect
            The effect whose network is returned; by default the first in the table, with a
            warning if there are several (`networks` returns all).
        threshold
            Share of the contrasts whose masks must include a voxel (``network_threshold``).
        **options
            Options of the group level, by name.

        Raises
        ------
        TypeError
            There is no option of that name.
        RequestError
            The table or an option cannot be used, or the table has no such effect.

        Examples
        --------
        >>> from fcnm_bids import Connectome
        >>> network = Connectome("store/").network("peaks.tsv", effect="increase", threshold=0.5)
        >>> network
        NetworkResult 'increase': ... contrasts, ... voxels (... cm3) that at least 50% of them hold
        >>> list(network.at(12, -18, 8))
        ['contrast', 'study', 'holds', 't', 'mean_z', 'focus_mm', 'region']
        """
        networks = self.networks(table, threshold=threshold, **options)
        named = ", ".join(repr(name) for name in networks)
        if effect is None:
            effect = next(iter(networks))
            if len(networks) > 1:
                warnings.warn(
                    f"the table has the effects {named}: this is the network of {effect!r} "
                    "(effect= names another, networks() returns all)",
                    stacklevel=2,
                )
        if effect not in networks:
            raise RequestError(f"{effect!r} is not in the table; effect= takes one of {named}")
        return networks[effect]

    def networks(
        self, table: TableLike, *, threshold: float | None = None, **options: Any
    ) -> dict[str, NetworkResult]:
        """Map the networks of all effects of a table; parameters as in `network`.

        Returns
        -------
        dict
            A `NetworkResult` for each effect, in the order of the table.
        """
        if threshold is not None:
            options["network_threshold"] = threshold
        request, plan = self._plan({**options, **_seed_options(table)})
        seeds, found = _mapped(request, plan)
        return {
            effect: _network(effect, seeds, found, plan, request) for effect in found.probability
        }

    @cached_property
    def _any_plan(self) -> GroupPlan:
        """A plan of the group without seeds of its own."""
        path = scratch_folder() / "any.tsv"
        write_foci([Focus(0, 0, 0, "MNI152", "any", "any", "any", None, "any")], path)
        return self._plan({"coordinates": str(path)})[1]

    def _plan(self, options: dict[str, Any]) -> tuple[Config, GroupPlan]:
        explicit = by_section(options)
        request = checked(self._request.update(explicit))
        return request, plan_group_level(request)

    def _mask_file(self, seed: Any) -> Path:
        if isinstance(seed, str | Path):
            return Path(seed)
        path = scratch_folder() / "seed.nii.gz"
        nib.save(seed, path)
        return path


def _seed_options(table: TableLike) -> dict[str, Any]:
    """Return the options of the command line that name the seeds."""
    if isinstance(table, pd.DataFrame):
        path = scratch_folder() / "table.tsv"
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")
        return {"coordinates": str(path)}
    if isinstance(table, str | Path):
        return {"masks" if Path(table).is_dir() else "coordinates": str(table)}
    return {"masks": tuple(str(path) for path in table)}


def _mapped(request: Config, plan: GroupPlan) -> tuple[SeedMatrix, NetworkMap]:
    """Run the one mapping function on what the group level would run it on."""
    seeds = make_seeds(request.seeds, plan.grid)
    participants = [stored_participant(label, runs) for label, runs in plan.participants]
    index = group_voxels(
        participants, plan.grid, request.group, [str(path) for path in plan.mask_files]
    )
    found = map_network(
        seeds,
        participants,
        mapping_rule(request),
        index,
        covariates=plan.design.columns if plan.design.names else None,
        weights=contrast_weights(request.group, seeds.contrasts),
    )
    return seeds, found


def _seed_map(
    contrast: Contrast, mapped: MappedContrast, found: NetworkMap, plan: GroupPlan, request: Config
) -> SeedMap:
    clipped = mapped.counted & ~mapped.test.tested
    mapped = without_clipped(mapped, clipped)

    def image(values: Any) -> nib.Nifti1Image:
        return as_image(values, plan.grid, index=found.index)

    return SeedMap(
        name=contrast.name,
        effect=contrast.effect,
        studies=contrast.studies,
        foci=tuple((focus.x, focus.y, focus.z) for focus in contrast.foci),
        n_participants=int(mapped.test.n.max(initial=0)),
        threshold=mapped.mask.threshold,
        tail=request.group.tail,
        t_img=image(mapped.test.t),
        z_img=image(t_to_z(mapped.test.t, mapped.test.df)),
        mean_z_img=image(mapped.test.mean),
        mask_img=image(mapped.mask.significant),
    )


def _network(
    effect: str, seeds: SeedMatrix, found: NetworkMap, plan: GroupPlan, request: Config
) -> NetworkResult:
    rows = network_parts(request, seeds.contrasts, effect).rows
    maps = tuple(
        _seed_map(seeds.contrasts[n], found.contrasts[n], found, plan, request) for n in rows
    )
    probability = found.probability[effect]
    counted = [n for n in rows if found.contrasts[n].counted.any()]
    means = [found.contrasts[n] for n in counted]
    mean = np.full(found.index.size, np.nan)
    if means:
        mean = np.stack([_mean(mapped) for mapped in means]).mean(axis=0)

    def image(values: Any) -> nib.Nifti1Image:
        return as_image(values, plan.grid, index=found.index)

    return NetworkResult(
        effect=effect,
        threshold=request.group.network_threshold,
        probability_img=image(probability),
        mask_img=image(network_rule(request.group, plan.grid, found.index)(probability)),
        mean_z_img=image(mean),
        contrasts=maps,
        request=request,
        space=plan.grid.space,
    )


def _mean(mapped: MappedContrast) -> NDArray[np.float64]:
    """Mean Fisher z of a contrast; NaN where a seed of one voxel met itself."""
    return without_clipped(mapped, mapped.counted & ~mapped.test.tested).test.mean
