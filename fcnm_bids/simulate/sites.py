"""Positions in MNI152 space: the box of voxels, and the nodes of the networks."""

from __future__ import annotations

from typing import Final

BOXES: Final[dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]] = {
    "MNI152NLin6Asym": ((-90.0, -126.0, -72.0), (182.0, 218.0, 182.0)),
    "MNI152NLin2009cAsym": ((-96.5, -132.5, -78.5), (194.0, 230.0, 194.0)),
}
"""Centre of the first voxel, and extent, in mm, of TemplateFlow's 2 mm images of a space."""

Site = tuple[float, float, float]

NETWORK_SITES: Final[dict[str, dict[str, Site]]] = {
    "increase": {
        "caudate": (14, 12, 10),
        "thalamus": (12, -18, 8),
        "medial prefrontal cortex": (12, 52, 6),
        "anterior cingulate cortex": (12, 32, 28),
    },
    "decrease": {
        "posterior cingulate cortex": (12, -50, 30),
        "angular gyrus": (46, -62, 32),
        "visual cortex": (14, -86, 4),
        "middle temporal gyrus": (56, -24, -12),
    },
}
"""Nodes of the network of each effect, in mm; each has its mirror image at -x."""

BACKGROUND_SITES: Final[dict[str, tuple[Site, ...]]] = {
    "somatomotor": ((42, -20, 52), (12, -4, 62)),
    "salience": ((38, 16, -2), (58, -34, 30)),
    "dorsal attention": ((28, -58, 56), (28, -4, 56)),
    "frontoparietal": ((42, 38, 20), (38, 24, 44)),
    "cerebellar": ((28, -64, -32), (12, -54, -14)),
    "limbic": ((36, 8, -34), (24, 34, -14)),
}
"""Nodes of networks that no effect belongs to; each has its mirror image at -x."""
