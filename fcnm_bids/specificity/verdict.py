"""One verdict on a network: what each kind of evidence gives, in the order of its weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
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


@dataclass(frozen=True)
class Halves:
    """Agreement of the networks of random halves of the participants.

    Parameters
    ----------
    median_dice
        Over the pairs that can be compared; None without any.
    n_pairs
        Pairs of halves.
    n_compared
        Those of them with a Dice: the others have no networks.
    """

    median_dice: float | None
    n_pairs: int
    n_compared: int

    @classmethod
    def of(cls, dice: Sequence[float]) -> Halves:
        """Sum up the Dice of each pair; NaN is one without networks."""
        compared = [value for value in dice if math.isfinite(value)]
        return cls(median(compared) if compared else None, len(dice), len(compared))


def verdict(
    effect: str,
    n_voxels: int,
    volume: float,
    tests: Mapping[str, Mapping[str, Any]],
    reliability: float,
    lowest_dice: float | None,
    without: Sequence[tuple[str, int]] = (),
    halves: Sequence[float] = (),
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
    halves
        Dice of the two networks of each random split of the participants; NaN where there are none
        to compare.

    Returns
    -------
    content
        With a `Line` that holds everything in short.
    """
    split = Halves.of(halves)
    content: dict[str, Any] = {
        "Effect": effect,
        "Voxels": n_voxels,
        "Volume": round(volume, 1),
        "VolumeUnits": "mm3",
        "StrengthReliability": _rounded(reliability),
        "LowestDiceWithoutAStudy": _rounded(lowest_dice),
        "StudiesOfLowestDice": [study for study, _ in without],
        "VoxelsWithoutThem": [remaining for _, remaining in without],
        "MedianDiceOfHalves": _rounded(split.median_dice),
        "PairsOfHalves": split.n_pairs,
        "PairsOfHalvesCompared": split.n_compared,
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
    parts.append(f"robustness: {robustness_text(lowest_dice, without, split)}")
    content["Line"] = "; ".join(parts) if n_voxels else f"{effect}: no network"
    return content


def robustness_text(
    lowest_dice: float | None,
    without: Sequence[tuple[str, int]] = (),
    halves: Halves | None = None,
) -> str:
    """Return how a network changes without a study, and with half of the participants.

    Parameters
    ----------
    lowest_dice, without
        As `verdict`.
    halves
        Agreement of halves of the participants; None where it is not known.
    """
    parts = []
    if lowest_dice is not None:
        parts.append(_without_a_study(lowest_dice, without))
    if halves is not None and halves.n_pairs:
        parts.append(_of_halves(halves))
    return ", and ".join(parts) or CANNOT


def _without_a_study(lowest_dice: float, without: Sequence[tuple[str, int]]) -> str:
    if lowest_dice == 0:
        vanishes = without and not any(remaining for _, remaining in without)
        what = "no network remains" if vanishes else "no overlap with the network"
        return f"{what} when {_one_of([study for study, _ in without])} is left out (Dice 0)"
    return f"Dice at least {_rounded_down(lowest_dice)} whichever study is left out"


def _of_halves(halves: Halves) -> str:
    others = halves.n_pairs - halves.n_compared
    if halves.median_dice is None:
        return f"random halves of the participants have no networks to compare ({others} pairs)"
    counted = f"{halves.n_pairs} pairs"
    if others:
        counted = (
            f"{halves.n_compared} of {counted}, with no networks to compare in the other {others}"
        )
    return (
        f"median Dice {_rounded_down(halves.median_dice)} between random halves of the "
        f"participants ({counted})"
    )


def _rounded_down(dice: float) -> str:
    """Write a Dice with two decimals: 0.996 is not 1.00, and 0 has none."""
    return "0" if dice == 0 else f"{math.floor(100 * dice + 1e-9) / 100:.2f}"


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
