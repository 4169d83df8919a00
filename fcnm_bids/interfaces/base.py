"""Base classes of the interfaces."""

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

from fcnm_bids.bids.outputs import OutputNames, sidecar_files
from fcnm_bids.config import Config


class ConfiguredInputSpec(BaseInterfaceInputSpec):
    """Inputs of every interface."""

    config_file = File(exists=True, mandatory=True, desc="the request, as TOML")


class SeededInputSpec(ConfiguredInputSpec):
    """Inputs of interfaces that name their outputs after the rows of the seed matrix."""

    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class DerivativesOutputSpec(TraitedSpec):
    """Outputs of interfaces that write into the output folder."""

    out_files = traits.List(traits.Str(), desc="files that should now be there")


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

    def _expect(self, described: Sequence[Path], others: Iterable[Path] = ()) -> None:
        """Promise images and tables with the sidecars beside them, and files without any."""
        files = (*described, *sidecar_files(described), *others)
        self._results["out_files"] = [str(path) for path in files]


class ParticipantsInputSpec(ConfiguredInputSpec):
    """Inputs of interfaces that read the runs of participants."""

    participants = traits.List(
        mandatory=True, desc="participant labels with their runs: path and key"
    )


class DesignedParticipantsInputSpec(ParticipantsInputSpec):
    """Inputs of interfaces that fit the group model to participants."""

    covariates = traits.List(mandatory=True, desc="row of the design of each participant")


__all__ = [
    "ConfiguredInputSpec",
    "ConfiguredInterface",
    "DerivativesOutputSpec",
    "File",
    "SeededInputSpec",
    "traits",
]
