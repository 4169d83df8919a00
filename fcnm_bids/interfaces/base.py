"""What all interfaces share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    traits,
)
from threadpoolctl import threadpool_limits

from fcnm_bids.config import Config


class ConfiguredInputSpec(BaseInterfaceInputSpec):
    """Inputs of every interface."""

    config_file = File(exists=True, mandatory=True, desc="the request, as TOML")


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


__all__ = ["ConfiguredInputSpec", "ConfiguredInterface", "File", "traits"]
