"""A store of projected runs, opened for mapping."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.api.level import run_analysis_level
from fcnm_bids.api.results import NetworkResult, SeedMap
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
from fcnm_bids.planning.input_settings import settings_of_store
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.seeds import Contrast, Focus, SeedMatrix, write_foci
from fcnm_bids.stats import t_to_z

SeedLike: TypeAlias = "Sequence[Sequence[float]] | nib.Nifti1Image | str | Path"
TableLike: TypeAlias = "pd.DataFrame | str | Path"


class Connectome:
    """The projected runs of a group of participants, ready to be mapped.

    Parameters
    ----------
    store
        Folder of the store, ``<output folder>/connectome`` of a participant-level run.
    derivatives
        Preprocessed data set that the store was made from; needed only for what the store does
        not hold (grey matter, for ``analysis_mask="gm"`` and specificity).
    **options
        Options of the command line, by name with underscores, that hold for every map
        (``participant_label=["01", "02"]``, ``height_control="fdr"``).

    Raises
    ------
    TypeError
        There is no option of that name.
    RequestError
        The folder is no store, or an option has a value that cannot be used.

    Examples
    --------
    >>> connectome = Connectome(demo / "results" / "connectome")
    >>> connectome
    Connectome of 12 participants, 8 mm, MNI152NLin2009cAsym
    >>> seed = connectome.map([(0, -52, 26)], radius=6)
    >>> seed.t_img.shape == connectome.grid.shape
    True
    """

    def __init__(
        self, store: str | Path, *, derivatives: str | Path | None = None, **options: Any
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fcnm-")
        root = Path(self._folder.name)
        request = Config(str(store), str(root / "results"), "group")
        request = request.update({"running": {"work_dir": str(root / "work")}})
        explicit = by_section(options)
        self._request = checked(settings_of_store(request.update(explicit), explicit))
        if derivatives is not None:
            self._request = replace(self._request, bids_dir=str(derivatives))

    @classmethod
    def from_derivatives(
        cls, derivatives: str | Path, output: str | Path, **options: Any
    ) -> Connectome:
        """Make the store of preprocessed runs, or finish it, and open it.

        Runs the participant level of the command line; runs that are stored already are reused.

        Parameters
        ----------
        derivatives
            Folder of the preprocessed data set (fMRIPrep derivatives, say).
        output
            Output folder; the store is ``output/connectome``.
        **options
            Options of the participant level, by name (``smoothing=6``, ``nprocs=2``).

        Raises
        ------
        FcnmError
            The level did not end well; the message is the command line's.
        """
        sections = by_section({"work_dir": f"{output}/work", **options, "connectome_only": True})
        request = checked(Config(str(derivatives), str(output), "participant").update(sections))
        run_analysis_level(request)
        return cls(request.connectome_path, derivatives=derivatives)

    @property
    def participants(self) -> tuple[str, ...]:
        """Labels of the participants."""
        return tuple(label for label, _ in self._any_plan.participants)

    @property
    def grid(self) -> Grid:
        """Voxel grid of the runs."""
        return self._any_plan.grid

    def __repr__(self) -> str:
        size = " x ".join(f"{edge:g}" for edge in dict.fromkeys(self.grid.voxel_sizes.round(3)))
        return f"Connectome of {len(self.participants)} participants, {size} mm, {self.grid.space}"

    def map(self, seed: SeedLike, *, radius: float | None = None, **options: Any) -> SeedMap:
        """Map the connectivity of one seed over the participants.

        Parameters
        ----------
        seed
            Positions (x, y, z) in mm in MNI space, whose spheres are joined; or a mask, as a
            NIfTI image or its file.
        radius
            Radius of the spheres in mm; the command line's default where it is None.
        **options
            Options of the group level, by name (``height_control``, ``alpha``, ``tail``,
            ``covariates``, ``analysis_mask`` ...).

        Raises
        ------
        TypeError
            There is no option of that name.
        RequestError
            The seed or an option cannot be used.
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
            path = Path(self._folder.name) / "seed.tsv"
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
            with the columns study, x, y, z, space and, where there are any, contrast, effect, n.
        effect
            The effect whose network is mapped; needed where the table has several.
        threshold
            Share of the contrasts that must hold a voxel (``network_threshold``).
        **options
            Options of the group level, by name.

        Raises
        ------
        TypeError
            There is no option of that name.
        RequestError
            The table or an option cannot be used, or the effect is not named.
        """
        networks = self.networks(table, threshold=threshold, **options)
        if effect is None and len(networks) == 1:
            effect = next(iter(networks))
        if effect is None or effect not in networks:
            named = ", ".join(repr(name) for name in networks)
            asked = "is not named" if effect is None else f"{effect!r} is not in the table"
            raise RequestError(f"the effect {asked}; effect= takes one of {named}")
        return networks[effect]

    def networks(
        self, table: TableLike, *, threshold: float | None = None, **options: Any
    ) -> dict[str, NetworkResult]:
        """Map the networks of all effects of a table; parameters as in `network`.

        Returns
        -------
        dict
            A `NetworkResult` by effect, in the order of the table.
        """
        if threshold is not None:
            options["network_threshold"] = threshold
        if isinstance(table, pd.DataFrame):
            path = Path(self._folder.name) / "table.tsv"
            table.to_csv(path, sep="\t", index=False, na_rep="n/a")
            table = path
        request, plan = self._plan({**options, "coordinates": str(table)})
        seeds, found = _mapped(request, plan)
        return {
            effect: _network(effect, seeds, found, plan, request) for effect in found.probability
        }

    @cached_property
    def _any_plan(self) -> GroupPlan:
        """A plan of the group without seeds of its own."""
        path = Path(self._folder.name) / "any.tsv"
        write_foci([Focus(0, 0, 0, "MNI152", "any", "any", "any", None, "any")], path)
        return self._plan({"coordinates": str(path)})[1]

    def _plan(self, options: dict[str, Any]) -> tuple[Config, GroupPlan]:
        explicit = by_section(options)
        request = checked(self._request.update(explicit))
        return request, plan_group_level(request)

    def _mask_file(self, seed: Any) -> Path:
        if isinstance(seed, str | Path):
            return Path(seed)
        path = Path(self._folder.name) / "seed.nii.gz"
        nib.save(seed, path)
        return path


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
    )


def _mean(mapped: MappedContrast) -> NDArray[np.float64]:
    """Mean Fisher z of a contrast; NaN where a seed of one voxel met itself."""
    return without_clipped(mapped, mapped.counted & ~mapped.test.tested).test.mean
