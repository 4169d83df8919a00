"""Images and sidecars of seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import replaced
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.seeds import Contrast, SeedMatrix, write_foci


def is_binary(seeds: SeedMatrix, number: int) -> bool:
    """Whether the weights of a seed are all 1."""
    return bool((seeds.weights[[number]].data == 1).all())


def seed_image(names: OutputNames, label: str, seeds: SeedMatrix, number: int) -> Path:
    """The image of a seed: a mask, or a map of weights."""
    return names.seed(label, "mask" if is_binary(seeds, number) else "probseg")


def describe_contrast(contrast: Contrast, settings: SeedSettings) -> dict[str, Any]:
    """What the sidecars say about a seed."""
    described: dict[str, Any] = {
        "Contrast": contrast.name,
        "Effect": contrast.effect,
        "Studies": list(contrast.studies),
        "SampleSize": contrast.n,
    }
    if contrast.foci:
        described["Foci"] = [[focus.x, focus.y, focus.z] for focus in contrast.foci]
        described["FociUnits"] = "mm"
        described["SphereRadius"] = settings.radius
        described["SphereConvention"] = settings.sphere
    return described


def write_used_foci(seeds: SeedMatrix, config: Config) -> list[Path]:
    """Write the foci as they were used, once per table."""
    foci = [focus for contrast in seeds.contrasts for focus in contrast.foci]
    path = Path(config.output_dir) / "foci.tsv"
    if not foci:
        return []
    if config.seeds.coordinates and Path(config.seeds.coordinates).resolve() != path.resolve():
        with replaced(path) as temporary:
            write_foci(foci, temporary)
    return [path]
