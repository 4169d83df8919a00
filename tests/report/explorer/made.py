"""A result folder made up of smooth noise, with the files that the explorer reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from fcnm_bids.bids.names import to_label
from fcnm_bids.grid import Grid
from fcnm_bids.network import cluster_table, network_mask

PLACE = "space-MNI152NLin6Asym"


def make_results(
    root: Path,
    *,
    voxel: float = 6.0,
    contrasts: int = 6,
    effect: str = "increase",
    threshold: float = 0.5,
    seed: int = 0,
    names: tuple[str, ...] = (),
) -> Path:
    """Write networks and contrasts; about a third of the brain's voxels is significant."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(np.ceil(size / voxel)) for size in (180, 216, 180))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    i, j, k = np.indices(shape)
    x, y, z = (affine[a, 3] + voxel * n for a, n in enumerate((i, j, k)))
    brain = (x / 68) ** 2 + ((y + 18) / 86) ** 2 + ((z - 10) / 62) ** 2 < 1
    group = root / "group"
    group.mkdir(parents=True)
    rows, masks = [], []
    common = gaussian_filter(rng.standard_normal(shape), 8 / voxel)
    for number in range(contrasts):
        name = names[number] if number < len(names) else f"Study {number + 1}: drug > placebo"
        noise = gaussian_filter(rng.standard_normal(shape), 6 / voxel)
        t = 5 * common / common.std() + 4 * noise / noise.std()
        t[~brain] = np.nan
        mask = np.nan_to_num(t) > 4.5
        label = to_label(name) or f"c{number}"
        label = f"{number:02d}{label}"[:40]
        stem = group / f"seed-{label}_{PLACE}"
        write(stem, "stat-t_statmap", t.astype(np.float32), affine)
        write(stem, "stat-n_statmap", np.where(brain, 30 - (i % 3), np.nan), affine)
        foci = rng.uniform((-50, -80, -30), (50, 50, 60), (3, 3)).round(1)
        sidecar = {"Contrast": name, "Effect": effect, "Threshold": 4.5, "Tail": "positive"}
        sidecar |= {"Foci": foci.tolist(), "SampleSize": 20 + number}
        write(stem, "desc-significant_mask", mask.astype(np.uint8), affine, sidecar)
        rows += [
            [name.split(":")[0], name, effect, *focus, "MNI152", 20 + number] for focus in foci
        ]
        masks.append(mask)
    columns = ["study", "contrast", "effect", "x", "y", "z", "space", "n"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "foci.tsv", sep="\t", index=False)
    share = np.where(brain, np.mean(masks, axis=0), np.nan).astype(np.float32)
    grid = Grid(shape, affine, "MNI152NLin6Asym")
    network = np.zeros(brain.size, bool)
    index = np.flatnonzero(brain.ravel(order="F"))
    network[index] = network_mask(
        share.ravel(order="F")[index],
        threshold=threshold,
        min_cluster_volume=810,
        grid=grid,
        index=index,
    )
    network = network.reshape(shape, order="F")
    stem = group / f"network-{to_label(effect)}_{PLACE}"
    settings = {"Effect": effect, "Threshold": threshold, "NumberOfContrasts": contrasts}
    settings |= {"MinimumClusterVolume": 810}
    write(stem, "probseg", share, affine, settings)
    write(stem, "mask", network.astype(np.uint8), affine, settings)
    mean = np.where(brain, common, np.nan)
    write(stem, "stat-effect_statmap", (0.1 * mean / np.nanstd(mean)).astype(np.float32), affine)
    convergence = np.where(brain, 1.1 * common / np.nanstd(mean), np.nan)
    write(stem, "stat-convergence_statmap", convergence.astype(np.float32), affine)
    p = np.where(brain, rng.integers(1, 1001, shape) / 1000, np.nan)
    write(stem, "desc-random_stat-p_statmap", p.astype(np.float32), affine)
    table = cluster_table(network, np.nan_to_num(share), grid)
    table.to_csv(
        group / f"network-{to_label(effect)}_desc-clusters_clusters.tsv", sep="\t", index=False
    )
    return root


def write(
    stem: Path,
    ending: str,
    values: np.ndarray,
    affine: np.ndarray,
    sidecar: dict[str, Any] | None = None,
) -> None:
    """Write an image and its sidecar."""
    nib.save(nib.Nifti1Image(values, affine), f"{stem}_{ending}.nii.gz")
    Path(f"{stem}_{ending}.json").write_text(json.dumps(sidecar or {}))


def specification_rows() -> list[dict[str, Any]]:
    """Rows of four specifications that differ in their confounds, the primary one first."""
    rows = []
    for number, (dice, common) in enumerate([(1.0, 1.0), (0.8, 0.7), (0.2, 0.3), (0.5, 0.6)]):
        measures = {"n_contrasts": 3, "n_voxels": 9, "volume_mm3": 72.0, "correlation": dice}
        measures |= {"n_participants": 12 - number, "n_runs": 20, "share_Vis": 0.25}
        rows.append(
            {
                "specification": "primary" if number == 0 else str(number + 1),
                **{"radius": 4.0, "sphere": "mm", "unit": "contrast", "dummy_scans": "auto"},
                **{"fd_threshold": 0.5, "height_control": "fwe", "weights": "none"},
                "nuisance_regressors": ("27P", "26P", "24P", "36P")[number],
                "network_threshold": 0.6,
                "global_signal": number in (0, 3),
                **{"n_left_out": number, "left_out": ""},
                **measures,
                "dice": dice,
                **{f"common_{name}": value for name, value in measures.items()},
                **{"common_n_participants": 9, "common_dice": common},
            }
        )
    return rows
