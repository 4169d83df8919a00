"""Maps of the interactive viewer: small grey pictures that its script reads back."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.report.figures.charts import counts_contrasts
from fcnm_bids.report.figures.palette import FALLING, RISING
from fcnm_bids.report.figures.slices import BOX, Volume, anatomy
from fcnm_bids.report.results.group import GroupOutputs

_ANATOMY_MM = 2.0
_NETWORK_MM = 2.0
_CONTRAST_MM = 4.0
_LEVELS = 254
_T_PERCENTILE = 99


def viewer_content(results: GroupOutputs) -> dict[str, Any]:
    """Anatomy, networks and contrasts, on grids of 2 mm (contrasts: 4 mm, to keep pages small).

    Each map is a PNG file in which the slices along z stand below each other; value 0 is
    nothing, 1 to 255 go from `low` to `high`.
    """
    maps = []
    for network in results.networks:
        volume = Volume.read(network.probability)
        step = max(_NETWORK_MM, min(volume.finest, 4.0))
        n_contrasts = int(network.sidecar.get("NumberOfContrasts", 1))
        finite = volume.values[np.isfinite(volume.values)]
        maps.append(
            {
                "name": f"{network.effect}: share of contrasts",
                "unit": "share",
                "low": 0.0,
                "high": 1.0,
                "levels": n_contrasts if counts_contrasts(finite, n_contrasts) else 0,
                "threshold": float(network.sidecar.get("Threshold", 0)),
                **_sampled(volume, step, 0.0, 1.0, order=0, hide_zero=True),
            }
        )
    for contrast in results.contrasts:
        path = contrast.map("t")
        if not path.is_file():
            continue
        volume = Volume.read(path)
        threshold = contrast.threshold
        high = float(f"{volume.limit(_T_PERCENTILE, threshold):.3g}")
        maps.append(
            {
                "name": f"{contrast.name}: t",
                "unit": "t",
                "low": -high,
                "high": high,
                "levels": 0,
                "threshold": 0.0 if threshold is None else threshold,
                **_sampled(volume, _CONTRAST_MM, -high, high, order=1, hide_zero=False),
            }
        )
    return {
        "box": BOX,
        "anatomy": _sampled(anatomy(), _ANATOMY_MM, 0.0, 1.0, order=1, hide_zero=True),
        "maps": maps,
        "rising": RISING,
        "falling": FALLING,
    }


def _sampled(
    volume: Volume, step: float, low: float, high: float, *, order: int, hide_zero: bool
) -> dict[str, Any]:
    axes = [np.arange(start, stop + step / 2, step) for start, stop in BOX]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = volume.at(points, order)
    coded = np.zeros(values.shape, np.uint8)
    shown = np.isfinite(values)
    if hide_zero:
        shown &= values > 0
    scaled = np.clip((values[shown] - low) / (high - low), 0, 1)
    coded[shown] = 1 + np.rint(_LEVELS * scaled).astype(np.uint8)
    return {"step": step, "shape": list(coded.shape), "picture": _picture(coded)}


def _picture(coded: NDArray[np.uint8]) -> str:
    from PIL import Image

    nx, ny, nz = coded.shape
    sheet = coded.transpose(2, 1, 0).reshape(nz * ny, nx)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(sheet)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
