"""What was found, kept in the working folder between runs of the program.

A literature grows by a contrast at a time. The sums over people are large and are not kept; what
follows from them is small, and depends on nothing but the people, the settings and the contrast.
The connectome's degree depends on the people alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import write_json
from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits

_MAPPED, _VARIANTS, _STRENGTH = "mapped", "variants", "strength"


def mapped_file(folder: Path) -> Path:
    """Where a contrast's mask and the voxels that count as tested are kept."""
    return folder / f"{_MAPPED}.npz"


def variants_file(folder: Path) -> Path:
    """Where the masks of a contrast's variants are kept."""
    return folder / f"{_VARIANTS}.npz"


def strength_file(folder: Path) -> Path:
    """Where the connectome's degree is kept."""
    return folder / f"{_STRENGTH}.npz"


def keep_mapped(folder: Path, promised: Iterable[Path]) -> None:
    """Vouch for the kept file of a contrast, and for the outputs that were made with it."""
    _record(folder, _MAPPED, [mapped_file(folder), *promised])


def keep_variants(folder: Path) -> None:
    """Vouch for the kept file of a contrast's variants."""
    _record(folder, _VARIANTS, [variants_file(folder)])


def keep_strength(folder: Path, promised: Iterable[Path]) -> None:
    """Vouch for the kept file of the degree, and for the outputs that were made with it."""
    _record(folder, _STRENGTH, [strength_file(folder), *promised])


def is_kept(folder: Path) -> bool:
    """Whether all that was made of a contrast is still there, byte for byte."""
    return all(_unchanged(_recorded(folder, name)) for name in (_MAPPED, _VARIANTS))


def kept_strength(folder: Path) -> list[str] | None:
    """The outputs that the degree was written to, if all of it is still there."""
    record = _recorded(folder, _STRENGTH)
    return _others(record, strength_file(folder)) if _unchanged(record) else None


class RecallContrastInputSpec(ConfiguredInputSpec):
    """Inputs of `RecallContrast`."""

    kept_dir = traits.Str(mandatory=True, desc="folder in which the contrast is kept")


class RecallContrastOutputSpec(TraitedSpec):
    """Outputs of `RecallContrast`."""

    mapped_file = File(desc="as of the node that mapped the contrast")
    variants_file = File(desc="as of the node that varied it")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class RecallContrast(ConfiguredInterface):
    """Stand in for the nodes of a contrast whose results were kept."""

    input_spec = RecallContrastInputSpec
    output_spec = RecallContrastOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        kept = Path(self.inputs.kept_dir)
        own = mapped_file(kept)
        self._results["mapped_file"] = str(own)
        self._results["variants_file"] = str(variants_file(kept))
        self._results["promised"] = _others(_recorded(kept, _MAPPED), own)


def _record(folder: Path, name: str, files: Iterable[Path]) -> None:
    write_json(folder / f"{name}.json", {str(path): _hash(path) for path in files})


def _recorded(folder: Path, name: str) -> dict[str, str]:
    try:
        record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _unchanged(record: Mapping[str, str]) -> bool:
    return bool(record) and all(_hash(Path(name)) == wanted for name, wanted in record.items())


def _others(record: Mapping[str, str], own: Path) -> list[str]:
    return [name for name in record if name != str(own)]


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
