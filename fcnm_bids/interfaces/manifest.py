"""The list of promised files, written after all of them."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import Manifest
from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, traits


class WriteManifestInputSpec(ConfiguredInputSpec):
    """Inputs of `WriteManifest`."""

    folder = traits.Str(mandatory=True, desc="where the manifest goes")
    key = traits.Str(mandatory=True, desc="hash of what the files were made for")
    promised = traits.List(traits.List(traits.Str()), desc="files per node")


class WriteManifestOutputSpec(TraitedSpec):
    """Outputs of `WriteManifest`."""

    missing = traits.List(traits.Str(), desc="files that are not there")


class WriteManifest(ConfiguredInterface):
    """Write the manifest of a person or of the group."""

    input_spec = WriteManifestInputSpec
    output_spec = WriteManifestOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        manifest = Manifest(Path(self.inputs.folder), Path(config.output_dir))
        promised = [Path(path) for paths in self.inputs.promised for path in paths]
        # maps that this run does not make may still be wanted
        partial = config.analysis_level == "participant" and not config.makes_subject_maps
        missing = manifest.write(
            promised, self.inputs.key, {}, remove_others=config.running.overwrite or not partial
        )
        self._results["missing"] = [str(path) for path in missing]
