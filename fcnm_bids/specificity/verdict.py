"""One verdict on a network: what each kind of evidence gives, in the order of its weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fcnm_bids.specificity.interpretation import reliability_text, share_text
from fcnm_bids.specificity.nulls import ALL_NULLS, FOCUS_NULLS

_FIRST = ("labels", "similarity", "strength", "random")

ORDER = (*_FIRST, *(null for null in ALL_NULLS if null not in _FIRST), "degree")
"""Tests in the order of the evidence: exchanged labels before foci of equal strength, then
scattered foci; nulls without a place of their own follow."""

_JUDGED = tuple(test for test in ORDER if test == "labels" or test in FOCUS_NULLS)

CANNOT = "cannot be determined"

_MOST_STUDIES = 3
"""Studies that a sentence names."""


def verdict(
    effect: str,
    n_voxels: int,
    volume: float,
    tests: Mapping[str, Mapping[str, Any]],
    reliability: float,
    lowest_dice: float | None,
    without: Sequence[tuple[str, int]] = (),
) -> dict[str, Any]:
    """Gather what is found of a network, each with its number.

    Parameters
    ----------
    effect
        The effect.
    n_voxels, volume
        Of its network, in cubic mm.
    tests
        Rows of the table of specificity, by test.
    reliability
        Of the connectome's strength.
    lowest_dice
        Dice with the network without the study that changes it most; None with one study.
    without
        Studies without which Dice is the lowest, each with the voxels that remain.

    Returns
    -------
    content
        With a `Line` that holds everything in short.
    """
    content: dict[str, Any] = {
        "Effect": effect,
        "Voxels": n_voxels,
        "Volume": round(volume, 1),
        "VolumeUnits": "mm3",
        "StrengthReliability": _rounded(reliability),
        "LowestDiceWithoutAStudy": _rounded(lowest_dice),
        "StudiesOfLowestDice": [study for study, _ in without],
        "VoxelsWithoutThem": [remaining for _, remaining in without],
    }
    plural = "" if n_voxels == 1 else "s"
    parts = [f"{effect}: {n_voxels:,} voxel{plural} ({volume / 1000:.1f} cm3)"]
    for test in _JUDGED:
        row = tests.get(test)
        share = None if row is None else row.get("share_surviving")
        withheld = row is not None and bool(row.get("withheld"))
        known = share is not None and share == share and not withheld
        lowest_p = None if row is None or withheld else row.get("min_pfwe")
        content[test] = {
            "ShareSurviving": _rounded(share) if known else None,
            "SmallestPFWE": _rounded(lowest_p),
            "Sentence": "Not tested." if row is None else row.get("verdict"),
        }
        said = "not tested" if row is None else CANNOT
        if share is not None and known:
            said = f"{share_text(share)} of the network survives"
        if test == "strength":
            of = reliability_text(reliability) if reliability == reliability else "unknown"
            said += f" (reliability {of})"
        if test == "random" and set(tests) & {"labels", "strength"} == set() and known:
            said += " (on its own, this rules out only scattered foci)"
        parts.append(f"{test}: {said}")
    parts.append(f"robustness: {robustness_text(lowest_dice, without)}")
    content["Line"] = "; ".join(parts) if n_voxels else f"{effect}: no network"
    return content


def robustness_text(lowest_dice: float | None, without: Sequence[tuple[str, int]] = ()) -> str:
    """Return what leaving out the study that changes a network most does to it; as `verdict`."""
    if lowest_dice is None:
        return CANNOT
    if lowest_dice == 0:
        vanishes = without and not any(remaining for _, remaining in without)
        what = "no network remains" if vanishes else "no overlap with the network"
        return f"{what} when {_one_of([study for study, _ in without])} is left out (Dice 0)"
    floor = math.floor(100 * lowest_dice + 1e-9) / 100  # 0.996 is not "at least 1.00"
    return f"Dice at least {floor:.2f} whichever study is left out"


def _one_of(studies: Sequence[str]) -> str:
    if not studies:
        return "one of its studies"
    if len(studies) > _MOST_STUDIES:
        return f"any one of {len(studies)} studies"
    *others, last = studies
    return f"{', '.join(others)} or {last}" if others else last


def _rounded(value: float | None) -> float | None:
    """Round to four significant digits; None for what is unknown."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
