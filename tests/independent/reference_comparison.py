"""Maps of the independent reference, and how the program's files are held against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np

LARGEST_R_DIFFERENCE = 1e-4
LARGEST_T_DIFFERENCE = 1e-3


@dataclass
class ContrastMaps:
    """Fisher z of one contrast in every participant, with the voxels where judging is relaxed.

    Attributes
    ----------
    clipped : voxels that the seed equals (r = 1) in somebody; their t means nothing.
    constant : per participant, in-mask voxels without any variance in time.
    """

    name: str
    seed: np.ndarray
    affine: np.ndarray
    z: dict[str, np.ndarray] = field(default_factory=dict)
    constant: dict[str, np.ndarray] = field(default_factory=dict)
    clipped: np.ndarray | None = None

    @property
    def label(self) -> str:
        return "".join(letter for letter in self.name if letter.isascii() and letter.isalnum())

    def add(
        self, participant: str, z: np.ndarray, clipped: np.ndarray, constant: np.ndarray
    ) -> None:
        self.z[participant] = z
        self.constant[participant] = constant
        self.clipped = clipped if self.clipped is None else self.clipped | clipped


@dataclass
class Verdict:
    """What was seen while one kind of map was compared."""

    largest: float = 0.0
    only_reference: int = 0
    only_program: int = 0
    excused: int = 0
    problems: list[str] = field(default_factory=list)

    def defined(self, ours: np.ndarray, theirs: np.ndarray, excuse: np.ndarray) -> np.ndarray:
        """Count voxels that only one side defines; return those that both do."""
        missing, extra = np.isfinite(ours) & np.isnan(theirs), np.isnan(ours) & ~np.isnan(theirs)
        self.only_reference += int((missing & ~excuse).sum())
        self.only_program += int((extra & ~excuse).sum())
        self.excused += int(((missing | extra) & excuse).sum())
        if (np.isinf(theirs) & ~excuse).any():
            self.problems.append("infinite values")
        return np.isfinite(ours) & np.isfinite(theirs)

    def agrees(self, tolerance: float) -> bool:
        undefined = self.only_reference + self.only_program
        return self.largest <= tolerance and not undefined and not self.problems


def _read_one(folder: Path, pattern: str, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} files match {folder.name}/{pattern}")
    image = nib.load(found[0])
    if image.shape[:3] != shape or not np.allclose(image.affine, affine, atol=1e-4):
        raise FileNotFoundError(f"{found[0].name}: another grid than the data set")
    return image.get_fdata(dtype=np.float64).reshape(shape)


def _compare_participants(contrast: ContrastMaps, output: Path) -> Verdict:
    verdict = Verdict()
    pattern = f"*_seed-{contrast.label}_stat-fisherz_statmap.nii.gz"
    known = set(contrast.z)
    for path in output.glob(f"sub-*/func/{pattern}"):
        if path.parts[-3] not in known:
            verdict.problems.append(
                f"{path.parts[-3]}: a map of a participant the reference left out"
            )
    for participant, z in contrast.z.items():
        covered = np.isfinite(z).any()
        folder = output / participant / "func"
        if not covered and not list(folder.glob(pattern)):
            continue
        try:
            theirs = np.tanh(_read_one(folder, pattern, z.shape, contrast.affine))
        except FileNotFoundError as error:
            verdict.problems.append(f"{participant}: {error}")
            continue
        ours = np.tanh(z)
        both = verdict.defined(ours, theirs, contrast.constant[participant])
        if both.any():
            verdict.largest = max(verdict.largest, float(np.abs(ours - theirs)[both].max()))
    return verdict


def _compare_group(
    contrast: ContrastMaps,
    group_t: Callable[[Sequence[np.ndarray]], np.ndarray],
    output: Path,
    min_subjects: float,
) -> Verdict:
    verdict = Verdict()
    z = np.stack(list(contrast.z.values()))
    enough = np.isfinite(z).sum(axis=0) >= max(2, math.ceil(min_subjects * len(z) - 1e-9))
    pattern = f"seed-{contrast.label}_*_stat-t_statmap.nii.gz"
    if not enough.any() and not list((output / "group").glob(pattern)):
        return verdict
    try:
        theirs = _read_one(output / "group", pattern, z.shape[1:], contrast.affine)
    except FileNotFoundError as error:
        verdict.problems.append(str(error))
        return verdict
    ours = np.where(enough, group_t(list(z)), np.nan)
    constant = np.any(list(contrast.constant.values()), axis=0)
    both = verdict.defined(ours, theirs, contrast.clipped | constant) & ~contrast.clipped
    if both.any():
        relative = np.abs(ours - theirs)[both] / np.maximum(np.abs(ours[both]), 1)
        verdict.largest = float(relative.max())
    return verdict


def compare_contrast(
    contrast: ContrastMaps,
    group_t: Callable[[Sequence[np.ndarray]], np.ndarray],
    output: Path,
    min_subjects: float,
) -> bool:
    """Print how the program's r and t maps of one contrast differ; True when they agree.

    The program's maps are ``sub-*/func/*_seed-<label>_stat-fisherz_statmap.nii.gz`` and
    ``group/seed-<label>_*_stat-t_statmap.nii.gz``. r may differ by 1e-4, t by 1e-3 of
    ``max(|t|, 1)``. Both must be defined at the same voxels, except those that are constant in
    time and, in t, those where the seed is the voxel itself.
    """
    if not contrast.z:
        print(f"{contrast.label}: nobody is left")
        return False
    participants = _compare_participants(contrast, output)
    group = _compare_group(contrast, group_t, output, min_subjects)
    agreed = participants.agrees(LARGEST_R_DIFFERENCE) and group.agrees(LARGEST_T_DIFFERENCE)
    print(
        f"{'ok  ' if agreed else 'FAIL'} {contrast.label} ({int(contrast.seed.sum())} seed voxels, "
        f"{len(contrast.z)} participants): max |dr| {participants.largest:.2e}, "
        f"max relative dt {group.largest:.2e}"
    )
    for kind, verdict in (("r", participants), ("t", group)):
        if verdict.only_reference or verdict.only_program or verdict.excused:
            print(
                f"     {kind} defined by the reference only {verdict.only_reference}, by the "
                f"program only {verdict.only_program}, excused {verdict.excused} voxels"
            )
        for problem in verdict.problems:
            print(f"     {kind}: {problem}")
    return agreed
