"""Published coordinates as a literature on the planted networks would report them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.simulate.anatomy import networks_of, sites_of
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.head import Head, load_head

_STREAM = 1


def simulate_foci(design: SimulationDesign) -> pd.DataFrame:
    """Draw the studies' foci.

    Returns
    -------
    DataFrame
        One row per focus: study, contrast, effect, x, y, z (whole mm, MNI152), space, n
        (participants in the study), and on_network (whether the focus was placed in its effect's
        network).
    """
    rng = design.generator(_STREAM)
    head = load_head(design.space, design.voxel_size)
    planted = np.zeros(head.grid.shape, dtype=bool)
    for effect in design.effects:
        planted |= networks_of(design).planted(effect)
    elsewhere = _positions(head, head.grey_mask & ~planted)
    anywhere = _positions(head, head.grey_mask)

    rows = []
    for study, effects in enumerate(_effects_of_studies(design), start=1):
        n = int(rng.integers(12, 61))
        for effect in effects:
            n_foci = int(rng.integers(design.foci_per_contrast[0], design.foci_per_contrast[1] + 1))
            if design.coordinates == "random":
                foci = rng.choice(anywhere, n_foci, replace=False)
                on_network = np.zeros(n_foci, dtype=bool)
            else:
                foci, on_network = _planted_foci(rng, design, effect, n_foci, elsewhere)
            for focus, on in zip(np.rint(foci).astype(int), on_network, strict=True):
                rows.append(
                    {
                        "study": f"Simulated_{study:02d}",
                        "contrast": f"Simulated_{study:02d} {effect}",
                        "effect": effect,
                        "x": focus[0],
                        "y": focus[1],
                        "z": focus[2],
                        "space": "MNI152",
                        "n": n,
                        "on_network": bool(on),
                    }
                )
    return pd.DataFrame(rows)


def _effects_of_studies(design: SimulationDesign) -> list[tuple[str, ...]]:
    shared = [design.effects] * design.n_shared_studies
    rest = design.n_studies - design.n_shared_studies
    return shared + [(effect,) for _ in range(rest) for effect in design.effects]


def _planted_foci(
    rng: np.random.Generator,
    design: SimulationDesign,
    effect: str,
    n_foci: int,
    elsewhere: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    nodes = sites_of(design, effect)
    picked = nodes[rng.choice(len(nodes), n_foci, replace=n_foci > len(nodes))]
    shift = rng.normal(scale=design.focus_jitter / np.sqrt(3), size=(n_foci, 3))
    # Rounding to whole mm moves a focus by up to 0.9 mm: it must not leave its sphere by it.
    farthest = design.node_radius / 2
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    shift *= np.minimum(1, farthest / np.maximum(length, 1e-12))
    on_network = np.ones(n_foci, dtype=bool)
    n_off = min(int(rng.binomial(n_foci, design.off_network)), n_foci // 3)
    off = rng.choice(n_foci, n_off, replace=False)
    on_network[off] = False
    foci = picked + shift
    foci[off] = rng.choice(elsewhere, n_off, replace=False)
    return foci, on_network


def _positions(head: Head, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return head.grid.positions(np.flatnonzero(head.grid.flatten(mask)))
