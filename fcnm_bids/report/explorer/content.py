"""Content of the explorer's page: result folders, ready for its script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.atlas import find_atlas, read_atlas
from fcnm_bids.network.threshold import min_cluster_voxels
from fcnm_bids.readers.volume import read_volume_image
from fcnm_bids.report.explorer.packing import pack_bits, pack_bytes, pack_volume
from fcnm_bids.report.explorer.surface import template_surface
from fcnm_bids.report.figures.charts import counts_contrasts
from fcnm_bids.report.figures.palette import FALLING, RISING
from fcnm_bids.report.figures.template_slices import BOX, anatomy
from fcnm_bids.report.results.group import ContrastOutputs, GroupOutputs, NetworkOutputs
from fcnm_bids.report.results.specificity import SpecificityResult
from fcnm_bids.specificity.nulls import ALL_NULLS, FOCUS_NULLS

STEPS = {"t": 0.1, "z": 0.01, "n": 1.0, "p": 1e-4, "pfwe": 1e-4}
"""Step to which the values of a map are stored, by its statistic; three digits for others."""

_SHARE_STEP = 1e-4
_ANATOMY_MM = 1.5
_SAME_PLACE = 1e-3

_STATISTICS = {
    "t": "t",
    "z": "z",
    "p": "p",
    "pfwe": "family-wise p",
    "effect": "mean Fisher z",
    "convergence": "convergence",
    "difference": "difference of shares",
    "conjunction": "smaller share of both",
}
_DESCRIPTIONS = {
    **{name: f"against {null.asked}" for name, null in ALL_NULLS.items()},
    **{
        f"{name}convergence": f"convergence against {FOCUS_NULLS[name].asked}"
        for name in FOCUS_NULLS
    },
    "degreeremoved": "degree taken out",
    "bootstrapLow": "lower limit of the bootstrap",
    "bootstrapHigh": "upper limit of the bootstrap",
    "validation": "second connectome",
}


def explorer_content(roots: Sequence[Path]) -> dict[str, Any]:
    """Read result folders for the explorer.

    Parameters
    ----------
    roots
        Output folders with a group level.

    Returns
    -------
    content
        Numbers, texts, and arrays as texts (see `packing`); no path of this machine.

    Raises
    ------
    RequestError
        A folder has no network.
    """
    empty = [str(root) for root in roots if not GroupOutputs(root).networks]
    if empty:
        raise RequestError(
            [f"{root}: no network in it; run the group level first" for root in empty]
        )
    names = _names(roots)
    return {
        "box": BOX,
        "rising": RISING,
        "falling": FALLING,
        "anatomy": _anatomy(),
        "surface": template_surface(),
        "folders": [
            _Folder(GroupOutputs(r), n).content() for r, n in zip(roots, names, strict=True)
        ],
    }


def _names(roots: Sequence[Path]) -> list[str]:
    """Short names that tell the folders apart."""
    plain = [root.resolve().name for root in roots]
    return [
        name if plain.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(plain, start=1)
    ]


def _three_digits(values: NDArray[np.floating]) -> float:
    """A step that keeps at least three digits of the largest value."""
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    return 10.0 ** math.floor(math.log10(largest) - 2) if largest else 1.0


def _anatomy() -> dict[str, Any]:
    axes = [np.arange(low, high + _ANATOMY_MM / 2, _ANATOMY_MM) for low, high in BOX]
    grey = anatomy().between(axes)
    coded = np.rint(255 * np.clip(np.nan_to_num(grey), 0, 1)).astype(np.uint8)
    return {
        "step": _ANATOMY_MM,
        "shape": list(coded.shape),
        "bytes": pack_bytes(coded.ravel(order="F")),
    }


@dataclass(frozen=True)
class _Folder:
    """One result folder; its maps share a grid, of which the part with values is stored."""

    results: GroupOutputs
    name: str

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        return read_volume_image(self.results.networks[0].probability, "as the map").grid.affine

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Voxels where any share or t is defined."""
        maps = [network.probability for network in self.results.networks]
        maps += [contrast.map("t") for contrast in self.results.contrasts]
        values = (np.isfinite(self._read(path)) for path in maps if path.is_file())
        return np.logical_or.reduce([*values])

    @cached_property
    def corner(self) -> tuple[slice, ...]:
        """The smallest box around the voxels with values."""
        box = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            used = np.flatnonzero(self.known.any(axis=others))
            box.append(slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1))
        return tuple(box)

    def content(self) -> dict[str, Any]:
        inside = self.known[self.corner]
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [part.start for part in self.corner]
        used = [c for n in self.results.networks for c in self.results.members(n.effect)]
        contrasts = [c for c in self.results.contrasts if c in used]
        masks = [self._values(c.mask) > 0.5 for c in contrasts]
        return {
            "name": self.name,
            "shape": list(inside.shape),
            "affine": affine[:3].tolist(),
            "voxel": float(abs(np.linalg.det(affine[:3, :3]))),
            "inside": pack_bits(inside.ravel(order="F")),
            "regions": self._regions(),
            "masks": pack_bits(np.array(masks)) if masks else None,
            "contrasts": [self._contrast(contrast) for contrast in contrasts],
            "networks": [self._network(network, contrasts) for network in self.results.networks],
        }

    def _contrast(self, contrast: ContrastOutputs) -> dict[str, Any]:
        asked = next((c for c in self.results.asked if c.name == contrast.name), None)
        maps = {stat: contrast.map(stat) for stat in ("t", "n")}
        return {
            "label": contrast.label,
            "name": contrast.name,
            "studies": list(asked.studies) if asked else [],
            "foci": [[round(float(v), 2) for v in focus] for focus in contrast.foci],
            "size": contrast.sidecar.get("SampleSize"),
            "threshold": contrast.threshold,
            "tail": str(contrast.sidecar.get("Tail", "positive")),
            **{stat: self._map(path, stat) for stat, path in maps.items() if path.is_file()},
        }

    def _network(
        self, network: NetworkOutputs, contrasts: Sequence[ContrastOutputs]
    ) -> dict[str, Any]:
        sidecar = network.sidecar
        values = self._values(network.probability)
        n_contrasts = int(sidecar.get("NumberOfContrasts", 1))
        counted = counts_contrasts(values[np.isfinite(values)], n_contrasts)
        least = float(sidecar.get("MinimumClusterVolume", 0))
        share = {
            "title": "share of contrasts",
            "stat": "share",
            "of": n_contrasts if counted else 0,
            "values": self._pack(values, 1 / n_contrasts if counted else _SHARE_STEP),
        }
        return {
            "label": network.label,
            "effect": network.effect,
            "threshold": float(sidecar.get("Threshold", 0)),
            "fewest": min_cluster_voxels(least, float(abs(np.linalg.det(self.affine[:3, :3])))),
            "smallest": least,
            "contrasts": [contrasts.index(c) for c in self.results.members(network.effect)],
            "maps": [share, *self._further(network)],
        }

    def _further(self, network: NetworkOutputs) -> list[dict[str, Any]]:
        """All other maps of a network, by the entities in their names.

        Those of a null that nothing can be concluded from are not shown.
        """
        found = []
        result = SpecificityResult(network)
        withheld = {
            f"{null}{more}"
            for null in FOCUS_NULLS
            for more in ("", "convergence")
            if result.withheld(null)
        }
        descriptions = _DESCRIPTIONS | {
            f"versus{other.label}": f"compared with {other.effect}"
            for other in self.results.networks
        }
        for path in sorted(network.mask.parent.glob(f"network-{network.label}_*.nii.gz")):
            entities = parse_entities(path)
            stat, desc = str(entities.get("stat", "")), str(entities.get("desc", ""))
            no_map = path.name.endswith(("_mask.nii.gz", "_dseg.nii.gz"))
            if path == network.probability or no_map or desc in withheld:
                continue
            kind = stat or "share"
            title = _STATISTICS.get(stat, stat or "share of contrasts")
            more = descriptions.get(desc, desc)
            entry = {"title": f"{title}, {more}" if more else title, "stat": kind, "of": 0}
            found.append({**entry, "values": self._map(path, stat)})
        return [entry for entry in found if entry["values"] is not None]

    def _regions(self) -> dict[str, Any] | None:
        """The atlas that the group level used, where it is on this machine."""
        record = self.results.record
        named = record.config.group.network_atlas if record else ()
        space = str(parse_entities(self.results.networks[0].probability).get("space"))
        grid = Grid(self.known.shape, self.affine, space)
        try:
            atlas = read_atlas(find_atlas(named, space), grid)
        except RequestError:
            return None
        if atlas is None:
            return None
        box = self.known[self.corner]
        labels = atlas.labels.reshape(self.known.shape, order="F")[self.corner]
        numbers = labels.ravel(order="F")[box.ravel(order="F")]
        return {
            "atlas": atlas.name,
            "names": {str(n): name for n, name in atlas.regions.items() if (numbers == n).any()},
            "labels": pack_volume(numbers.astype(np.float32), 1, box),
        }

    def _map(self, path: Path, stat: str) -> dict[str, Any] | None:
        grid = read_volume_image(path, "as the map").grid
        if grid.shape != self.known.shape or not np.allclose(
            grid.affine, self.affine, atol=_SAME_PLACE
        ):
            return None
        values = self._values(path)
        return self._pack(values, STEPS.get(stat) or _three_digits(values))

    def _pack(self, values: NDArray[np.float32], step: float) -> dict[str, Any]:
        return pack_volume(values, step, self.known[self.corner])

    def _values(self, path: Path) -> NDArray[np.float32]:
        """Values of the known voxels, those along x beside each other."""
        box = self.known[self.corner].ravel(order="F")
        return self._read(path)[self.corner].ravel(order="F")[box]

    def _read(self, path: Path) -> NDArray[np.float32]:
        return read_volume_image(path, "as the map").values.astype(np.float32)
