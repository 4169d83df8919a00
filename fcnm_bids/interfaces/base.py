"""What all interfaces share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)
from threadpoolctl import threadpool_limits

from fcnm_bids.bids import OutputNames, sidecar_files
from fcnm_bids.config import Config

AS_PREPROCESSED = {"Resolution": "as the preprocessed data"}
"""What BIDS wants to be said of a derivative's grid: here it is that of the input."""


class ConfiguredInputSpec(BaseInterfaceInputSpec):
    """Inputs of every interface."""

    config_file = File(exists=True, mandatory=True, desc="the request, as TOML")


class SeededInputSpec(ConfiguredInputSpec):
    """Inputs of interfaces that name their outputs after the rows of the seed matrix."""

    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class PromisingOutputSpec(TraitedSpec):
    """Outputs of interfaces that write into the output folder."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class ConfiguredInterface(SimpleInterface):
    """An interface that reads its settings from the saved request.

    Whether something is made again is decided from the content keys of inputs and outputs
    before the workflow is built, so nipype's own cache is not asked.
    """

    _always_run = True

    @property
    def config(self) -> Config:
        """The request."""
        return Config.read(Path(self.inputs.config_file))

    def _run_interface(self, runtime: Any) -> Any:
        config = self.config
        with threadpool_limits(config.resources.omp_nthreads):
            self._make(config, Path(runtime.cwd))
        return runtime

    def _make(self, config: Config, folder: Path) -> None:
        """Read inputs, call a function of a numeric room, write outputs."""
        raise NotImplementedError

    def _names(self, config: Config) -> OutputNames:
        """The outputs' names, from the input `entities`."""
        return OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))

    def _promise(self, described: Sequence[Path], others: Iterable[Path] = ()) -> None:
        """Promise images and tables with the sidecars beside them, and files without any."""
        files = (*described, *sidecar_files(described), *others)
        self._results["promised"] = [str(path) for path in files]


__all__ = [
    "AS_PREPROCESSED",
    "ConfiguredInputSpec",
    "ConfiguredInterface",
    "File",
    "PromisingOutputSpec",
    "SeededInputSpec",
    "traits",
]
