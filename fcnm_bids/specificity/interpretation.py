"""Verdicts of the tests, in fixed sentences that name their null."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.specificity.assess import NullAssessment
from fcnm_bids.specificity.labels import LabelTest, SplitTest
from fcnm_bids.specificity.map_comparison import MapComparison
from fcnm_bids.specificity.strength import Strength
from fcnm_bids.specificity.study_similarity import SimilarityTest

_PER_CENT = 0.01
_TIED = 1e-9
_NOISE = 1e-6

_ACCOUNTS = {
    "r_positive": "the positive strength",
    "r_signed": "the signed strength",
    "r_eigenvector": "the first eigenvector",
    "r_eigenvector2": "the second eigenvector",
    "r_eigenvector3": "the third eigenvector",
}
"""The measures of degree, by their column of the degree audit."""


def degree_sentence(
    rows: Mapping[str, Mapping[str, float]], in_draws: MapComparison | None = None
) -> str:
    """State what the degree audit finds of the probability map and of the mean map.

    Parameters
    ----------
    rows
        Rows of the audit, by ``probability`` and ``mean``.
    in_draws
        The probability map's correlations with the same accounts, by their columns, against those
        of draws of random foci; None without draws.
    """
    parts = []
    for name, named in (("probability", "the probability map"), ("mean", "the mean map")):
        row = rows[name]
        known = {text: row[key] for key, text in _ACCOUNTS.items() if np.isfinite(row[key])}
        if not np.isfinite(row["r2"]) or not known:
            parts.append(f"an undefined share of the variance of {named}")
            continue
        strongest = max(known, key=lambda text: abs(known[text]))
        parts.append(
            f"{row['r2']:.0%} of the variance of {named} across voxels (strongest correlation: "
            f"{strongest}, r = {known[strongest]:.2f}{_among_draws(strongest, in_draws, name)})"
        )
    return f"Two strengths and three eigenvectors explain {' and '.join(parts)}."


def _among_draws(account: str, found: MapComparison | None, name: str) -> str:
    if found is None or name != "probability" or not len(found.draws):
        return ""
    number = [_ACCOUNTS[column] for column in found.names].index(account)
    if not np.isfinite(found.p[number]):
        return ""
    median = float(np.median(found.draws[:, number]))
    more = float(found.observed[number]) - median
    side = "equal to" if abs(more) < _TIED else "above" if more > 0 else "below"
    return (
        f", {side} the median of {median:.2f} in {len(found.draws):,} draws of random foci; "
        "two-sided "
        f"p = {p_text(found.p[number])}, for this measure alone"
    )


def withheld_sentence(strength: Strength, cut: float) -> str | None:
    """State why foci of equal strength give no verdict, where strength is not reliable enough.

    Foci that follow the hubs of other participants are taken for agreement if the strength of those
    mapped is a poor measure of it.

    Parameters
    ----------
    strength
        The connectome's strength.
    cut
        Least reliability.

    Returns
    -------
    sentence
        None where the reliability reaches the cut.
    """
    own, n = strength.reliability, strength.n_participants
    if own >= cut:
        return None
    opening = (
        f"With {n} participants it cannot be determined whether foci of equal strength explain the "
        "network"
    )
    if not np.isfinite(own):
        return f"{opening}: the reliability of strength is unknown."
    needed = strength.participants_for(cut)
    remedy = "" if needed is None else f" (about {needed:,} participants would reach it)"
    return (
        f"{opening}: the reliability of strength is {reliability_text(own)}, below {cut:g}{remedy}."
    )


def reliability_text(reliability: float) -> str:
    """Return a reliability with three decimals, rounded down so that it stays below a cut."""
    return f"{math.floor(1000 * reliability + 1e-9) / 1000:.3f}"


def p_text(p: float) -> str:
    """Return a p-value with three significant digits, rounded up so that it is not below itself."""
    if not 0 < p < 1:
        return f"{p:.3g}"
    decimals = 2 - math.floor(math.log10(p))
    return f"{math.ceil(p * 10.0**decimals - _NOISE) / 10.0**decimals:.3g}"


def share_text(share: float) -> str:
    """Return a share in per cent, which is not 0% where it is not 0."""
    return "less than 1%" if 0 < share < _PER_CENT else f"{share:.0%}"


def null_sentence(foci: str, result: NullAssessment, network: np.ndarray, alpha: float) -> str:
    """Return the sentence on a network, shape (V,), and the `foci` of a null."""
    than = f"expected for {foci}"
    beyond = np.nan_to_num(result.p_fwe, nan=1.0) <= alpha
    inside = np.count_nonzero(beyond & network)
    tail = f"(family-wise p at most {alpha:g}, {result.n_draws:,} draws)."
    if result.smallest_p > alpha:
        return f"{result.n_draws} draws cannot reach p = {alpha:g}, so no conclusion is possible."
    if not network.any():
        return "There is no network to compare."
    share = share_text(inside / np.count_nonzero(network)) if inside else "no part"
    share = share[:1].upper() + share[1:]
    return f"{share} of the network is shown to be shared by more contrasts than {than} {tail}"


def label_sentence(
    first: str,
    second: str,
    result: LabelTest,
    networks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    alpha: float,
) -> str:
    """State what exchanging labels finds of two effects, inside the network of each.

    Parameters
    ----------
    first, second
        The effects.
    result
        The test.
    networks
        Their networks, shape (V,).
    alpha
        Family-wise error rate.
    """
    if result.smallest_p > alpha >= 1 / result.n_possible and result.limited_by_draws:
        return (
            f"Only {result.n_labellings - 1:,} of the {result.n_possible:,} ways to exchange the "
            "labels "
            f"{first} and {second} were drawn. The smallest possible p is therefore "
            f"{p_text(result.smallest_p)}, and whether the map is specific cannot be determined: "
            "raise --n-permutations."
        )
    if result.smallest_p > alpha:
        return (
            f"The labels {first} and {second} can be exchanged in only {result.n_possible} ways: "
            f"the smallest possible p is {p_text(result.smallest_p)}, so this test cannot reject "
            "at all, and whether the map is specific cannot be determined."
        )
    beyond = np.nan_to_num(result.p_fwe, nan=1.0) <= alpha
    sides = (
        (first, second, networks[0], beyond & (result.difference > 0)),
        (second, first, networks[1], beyond & (result.difference < 0)),
    )
    tail = f"(labels exchanged between studies, family-wise p at most {alpha:g})"
    if not beyond.any():
        return (
            f"{first} and {second} are not shown to differ at any voxel {tail}, so neither "
            "network is "
            "shown to be specific."
        )
    parts = []
    for own, other, network, higher in sides:
        inside, size = int((higher & network).sum()), int(network.sum())
        if not size:
            parts.append(f"{own} has no network")
        elif inside:
            parts.append(
                f"{inside:,} of {_voxels(size)} in the network of {own} "
                f"{'is' if inside == 1 else 'are'} "
                f"specific to {own} compared with {other}"
            )
        else:
            parts.append(f"no voxel in the network of {own} is shown to be specific to {own}")
    outside = sum(int((higher & ~network).sum()) for _, _, network, higher in sides)
    if outside:
        parts.append(f"{_voxels(outside)} outside the networks differ")
    return f"{'; '.join(parts)} {tail}."


def similarity_sentence(first: str, second: str, result: SimilarityTest, alpha: float) -> str:
    """State whether left-out studies are more like those of their own effect.

    Parameters
    ----------
    first, second
        The effects.
    result
        The test.
    alpha
        Error rate.
    """
    if not np.isfinite(result.p):
        return (
            f"Whether studies of {first} and {second} are more similar to those of their own "
            "effect "
            "cannot be determined: too few voxels lie away from their foci, or too few studies "
            "remain."
        )
    both = np.isfinite(result.within) & np.isfinite(result.between)
    within, between = result.within[both].mean(), result.between[both].mean()
    found = (
        f"mean r = {within:.2f} with their own effect and {between:.2f} with the other, p = "
        f"{p_text(result.p)} over {result.n_labellings:,} ways to exchange the labels"
    )
    if result.p <= alpha:
        return (
            f"Left-out studies of {first} and {second} are more similar to the other studies of "
            "their "
            f"own effect than to those of the other effect ({found})."
        )
    if 1 / result.n_labellings > alpha:
        return (
            f"The labels {first} and {second} can be exchanged in too few ways for left-out "
            f"studies to distinguish the effects ({found})."
        )
    return (
        f"Left-out studies of {first} and {second} are not shown to be more similar to the other "
        f"studies of their own effect than to those of the other effect ({found})."
    )


def _voxels(n: int) -> str:
    return f"{n:,} voxel" + ("" if n == 1 else "s")


def split_sentence(first: str, second: str, result: SplitTest) -> str:
    """Return the verdict of the random halves on two effects."""
    return (
        f"In {result.share:.0%} of {result.n_draws:,} random splits of the contrasts, regardless "
        "of "
        "label, one half shares a cluster that the other half does not. The effects themselves "
        f"show {result.observed[0]} such clusters for {first} against {second} and "
        f"{result.observed[1]} for {second} against {first}."
    )
