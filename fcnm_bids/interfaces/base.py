"""Base class of the interfaces, and the inputs and outputs that they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)
from threadpoolctl import threadpool_limits

from fcnm_bids.bids.outputs import OutputNames, sidecar_files
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid

_FILES = partial(traits.List, File(exists=True))
_NUMBERS = partial(traits.List, traits.Int())
_TEXTS = partial(traits.List, traits.Str())

PORTS: Mapping[str, tuple[Any, str]] = {
    "affine": (partial(traits.List, traits.List(traits.Float())), "affine of the grid"),
    "after": (traits.List, "files that have to be there before"),
    "at_once": (traits.Int, "how many seeds in one pass over the participants"),
    "block_file": (traits.Str, "maps of draws; not there if time was up or no contrast counts"),
    "blocks": (traits.Dict, "block files of each null with their numbers of draws, by null"),
    "cache_dir": (traits.Str, "folder in which the result is kept for later runs"),
    "coding": (_TEXTS, "how each covariate was taken"),
    "config_file": (File, "the request, as TOML"),
    "contrasts": (_TEXTS, "labels of the network's contrasts"),
    "covariates": (traits.List, "row of the design of each participant"),
    "deadline": (traits.Float, "seconds since 1970 after which no draws are begun; 0 for none"),
    "effect": (traits.Str, "name of the network, or of the effect"),
    "effect_file": (File, "probability map, mean Fisher z and convergence of a network"),
    "effect_files": (_FILES, "one file per network"),
    "effects": (_TEXTS, "names of the networks"),
    "entities": (traits.Dict, "entities space, res and task of the data"),
    "excluded": (traits.List, "runs left out: participant or place, name, and reason"),
    "first": (traits.Int, "number of the first draw"),
    "folder": (traits.Str, "where the manifest goes"),
    "grey_files": (_TEXTS, "images of the grey matter"),
    "halves": (partial(traits.List, traits.Float()), "Dice of each pair of participants' halves"),
    "index_file": (File, "has the voxel numbers of the analysis"),
    "key": (traits.Str, "hash of what the files were made for"),
    "label": (traits.Str, "BIDS label of the network, the effect or the outcome"),
    "mapped_file": (File, "mask, voxels that count as tested, and their numbers"),
    "mapped_files": (_FILES, "one file per contrast"),
    "mask_files": (_TEXTS, "images that the analysis mask is made from"),
    "memory_gb": (traits.Float, "memory for draws that are mapped at once"),
    "missing": (_TEXTS, "files that are not there"),
    "model": (traits.Dict, "what the sidecars say about participants and design"),
    "moments_dir": (Directory, "one file of sums per contrast, by its label"),
    "moments_dirs": (_TEXTS, "such folders of all slabs of voxels, in their order"),
    "n_draws": (traits.Int, "how many draws"),
    "network": (_TEXTS, "files of the network"),
    "notes": (_TEXTS, "specifications that are dropped, and why"),
    "null": (traits.Str, "random, strength, or observed"),
    "nulls_file": (File, "what all draws share"),
    "number": (traits.Int, "row of the seed matrix"),
    "numbers": (_NUMBERS, "rows of the seed matrix to sum"),
    "out_files": (traits.List, "files that should now be there; of several nodes, a list of each"),
    "outcome": (traits.Dict, "fields of a `PlannedOutcome`"),
    "outcomes": (partial(traits.List, traits.Dict()), "fields of each `PlannedOutcome`"),
    "participants": (traits.List, "participant labels with their runs: path and key"),
    "qc_file": (traits.Str, "where the table of all runs goes"),
    "rows_file": (File, "rows of the table of specificity, by network"),
    "runs": (partial(traits.List, traits.Dict()), "fields of `RunInput`, one dict a run"),
    "samples": (traits.List, "participants, covariates, mask_files, n_left_out and left_out"),
    "seeds_file": (File, "the seed matrix"),
    "shape": (_NUMBERS, "shape of the grid"),
    "sign": (partial(traits.Enum, 1, -1), "sign of the network's connectivity"),
    "slab": (_NUMBERS, "number of the slab of voxels, and of all slabs"),
    "specifications": (traits.List, "name, settings, own and common sample"),
    "store_dir": (traits.Str, "where coarser runs go"),
    "stored": (_TEXTS, "projected runs"),
    "strength_file": (File, "degree maps and places of foci"),
    "subject": (traits.Str, "participant label"),
    "validation_file": (File, "probability maps on a second connectome, by the network's label"),
    "variants_file": (File, "masks and voxels that count as tested, packed, by variant"),
    "variants_files": (_FILES, "one file per contrast"),
}
"""Type and meaning of the inputs and outputs; one name means the same in all interfaces."""


def _spec(base: type, owner: type, name: str, ports: Mapping[str, Mapping[str, Any]]) -> type:
    """Return a specification of an interface, which pickle finds as an attribute of it."""
    place = {"__module__": owner.__module__, "__qualname__": f"{owner.__qualname__}.{name}"}
    own = {port: PORTS[port][0](desc=PORTS[port][1], **more) for port, more in ports.items()}
    return type(name, (base,), {"__doc__": f"`{name}` of `{owner.__name__}`.", **place, **own})


class ConfiguredInterface(SimpleInterface):
    """An interface that reads its settings from the saved request.

    Subclasses name their inputs and outputs, which `PORTS` declares: `takes`, `may_take` (inputs
    that may be missing) and `gives`. Whether something is made again is decided from the content
    keys of inputs and outputs before the workflow is built, so nipype's own cache is not asked.
    """

    takes: ClassVar[tuple[str, ...]] = ()
    may_take: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ("out_files",)

    _always_run = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        inputs = {
            port: {
                **({"exists": True} if PORTS[port][0] in (File, Directory) else {}),
                "mandatory": port not in cls.may_take,
            }
            for port in ("config_file", *cls.takes, *cls.may_take)
        }
        outputs: dict[str, dict[str, Any]] = {port: {} for port in cls.gives}
        cls.input_spec = _spec(BaseInterfaceInputSpec, cls, "input_spec", inputs)
        cls.output_spec = _spec(TraitedSpec, cls, "output_spec", outputs)

    @property
    def config(self) -> Config:
        """The request."""
        return Config.read(Path(self.inputs.config_file))

    @property
    def grid(self) -> Grid:
        """The grid of the data, of the inputs `shape`, `affine` and `entities`."""
        space = self.inputs.entities["space"]
        return Grid(tuple(self.inputs.shape), np.array(self.inputs.affine), space)

    def _run_interface(self, runtime: Any) -> Any:
        config = self.config
        with threadpool_limits(config.resources.omp_nthreads):
            self._make(config, Path(runtime.cwd))
        return runtime

    def _make(self, config: Config, folder: Path) -> None:
        """Read inputs, call a function of a numeric package, write outputs."""
        raise NotImplementedError

    def _names(self, config: Config) -> OutputNames:
        """The outputs' names, from the input `entities`."""
        return OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))

    def _expect(self, described: Sequence[Path], others: Iterable[Path] = ()) -> None:
        """Expect images and tables with the sidecars beside them, and files without any."""
        files = (*described, *sidecar_files(described), *others)
        self._results["out_files"] = [str(path) for path in files]
