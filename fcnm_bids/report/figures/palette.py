"""Colours that readers with any kind of colour vision can tell apart.

Categories use the palette of Okabe and Ito (2008, Color universal design). Maps go from dark to
light, so that their order survives in grey.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

INK = "#1b1f24"
SOFT = "#57606a"
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
GREY = "#8c959f"
CATEGORIES = (PURPLE, "#56b4e9", GREEN, "#f0e442", "#e69f00", ORANGE, BLUE, GREY)

RISING = ("#5b0f4d", "#a01d5b", "#dc4a3d", "#f98e09", "#fcd748")
"""From low to high, on grey anatomy and on white paper."""

FALLING = ("#0b2a6b", "#1356a3", "#2a85c9", "#5fb4e5", "#a5dcf6", "#e6f8ff")
"""The same for what is below zero, from near zero to far."""

OUTLINE = (255, 255, 255)


def _stops(name: str) -> list[str]:
    return list(RISING) if name == "rising" else [*FALLING[::-1], *RISING]


@cache
def colormap(name: str) -> Any:
    """A matplotlib colour map: "rising", or "diverging" around zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"fcnm_{name}", _stops(name))


@cache
def color_table(name: str) -> NDArray[np.float32]:
    """Return 256 colours of `colormap` from low to high, shape (256, 3), from 0 to 1."""
    stops = np.array([list(bytes.fromhex(color[1:])) for color in _stops(name)]) / 255
    at, places = np.linspace(0, 1, 256), np.linspace(0, 1, len(stops))
    return np.stack([np.interp(at, places, part) for part in stops.T], axis=1).astype(np.float32)
