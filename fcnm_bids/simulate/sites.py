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

NETWORK_REGIONS: Final[dict[str, dict[str, Site]]] = {
    "increase": {
        "caudate": (13, 12, 10),
        "thalamus": (10, -18, 8),
        "anterior cingulate cortex": (6, 24, 30),
        "anterior insula": (36, 18, 0),
        "lateral prefrontal cortex": (32, 46, 24),
    },
    "decrease": {
        "posterior cingulate cortex": (7, -52, 28),
        "angular gyrus": (46, -64, 34),
        "medial prefrontal cortex": (7, 52, -4),
        "middle temporal gyrus": (58, -16, -16),
    },
}
"""The same for regions that follow grey matter."""

BACKGROUND_REGIONS: Final[dict[str, tuple[Site, ...]]] = {
    "visual": ((10, -88, 4), (28, -80, 10)),
    "somatomotor": ((42, -20, 54), (8, -14, 62), (58, -4, 26)),
    "dorsal attention": ((26, -58, 58), (28, -2, 56), (48, -36, 48)),
    "frontoparietal": ((46, 16, 34), (44, -46, 50)),
    "auditory": ((54, -22, 8),),
    "cerebellar": ((28, -66, -34), (12, -54, -14)),
    "limbic": ((36, 8, -34), (24, 34, -16)),
    "hippocampal": ((26, -20, -16),),
}

HUB_REGIONS: Final[dict[str, Site]] = {
    "precuneus": (6, -60, 40),
    "anterior insula": (38, 16, -2),
    "dorsal anterior cingulate cortex": (4, 16, 38),
    "temporoparietal junction": (54, -46, 26),
    "thalamus": (8, -16, 6),
    "lateral prefrontal cortex": (38, 34, 28),
    "occipital cortex": (18, -78, 10),
}
"""Places that are connected with nearly everything; each has its mirror image at -x."""
