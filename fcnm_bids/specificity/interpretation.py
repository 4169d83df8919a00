"""What a test says, in a fixed sentence that names its null."""

from __future__ import annotations

import numpy as np

from fcnm_bids.specificity.assess import NullAssessment
from fcnm_bids.specificity.labels import LabelTest, SplitTest

_PER_CENT = 0.01


def degree_sentence(r2: float, r_positive: float, r_signed: float) -> str:
    """What the degree audit says of the mean map.

    Parameters
    ----------
    r2
        Share of the map's variance that the degree maps explain together.
    r_positive, r_signed
        Correlation of the map with the positive and with the signed strength.
    """
    if not np.isfinite(r2):
        return "What the connectome's degree explains of the mean map cannot be said."
    sentence = (
        f"The connectome's own degree maps explain {r2:.0%} of the variance of the mean map over "
        f"voxels (r = {r_positive:.2f} with the positive strength, {r_signed:.2f} with the signed "
        "one)."
    )
    if r_positive < 0:
        sentence += " The map does not follow the hubs: it is lower where strength is higher."
    return sentence


def null_sentence(foci: str, result: NullAssessment, network: np.ndarray, alpha: float) -> str:
    """Return the sentence on a network, shape (V,), and the `foci` of a null."""
    than = f"{foci} would give"
    beyond = np.nan_to_num(result.p_fwe, nan=1.0) <= alpha
    inside = np.count_nonzero(beyond & network)
    tail = f"(family-wise p at most {alpha:g}, {result.n_draws:,} draws)."
    if result.smallest_p > alpha:
        return f"{result.n_draws} draws cannot reach p = {alpha:g}: nothing can be said."
    if not network.any():
        return "There is no network to compare."
    if not inside:
        return f"No part of the network is shared by more contrasts than {than} {tail}"
    share = inside / np.count_nonzero(network)
    told = f"{share:.0%}" if share >= _PER_CENT else "Less than 1%"
    return f"{told} of the network is shared by more contrasts than {than} {tail}"


def label_sentence(first: str, second: str, result: LabelTest, alpha: float) -> str:
    """What exchanging labels says of two effects."""
    if result.smallest_p > alpha >= 1 / result.n_possible and result.limited_by_draws:
        return (
            f"{result.n_labellings - 1:,} of {result.n_possible:,} ways to exchange the labels "
            f"{first} and {second} were drawn; with so few the smallest p is "
            f"{result.smallest_p:.3g}, and whether the map is specific cannot be said: raise "
            "--n-permutations."
        )
    if result.smallest_p > alpha:
        return (
            f"The labels {first} and {second} can be exchanged in {result.n_possible} ways only: "
            f"the smallest possible p is {result.smallest_p:.3f}, so that this test cannot reject "
            "at all, and whether the map is specific cannot be said."
        )
    beyond = np.nan_to_num(result.p_fwe, nan=1.0) <= alpha
    higher = np.count_nonzero(beyond & (result.difference > 0))
    lower = np.count_nonzero(beyond & (result.difference < 0))
    if not higher and not lower:
        return (
            f"No voxel tells {first} from {second} when studies exchange their labels "
            f"(family-wise p at most {alpha:g}): the map is not shown to be specific to either."
        )
    return (
        f"The map is specific: {higher:,} voxels belong to {first} and {lower:,} to {second} "
        f"beyond what exchanged labels give (family-wise p at most {alpha:g})."
    )


def split_sentence(first: str, second: str, result: SplitTest) -> str:
    """What random halves say of two effects."""
    return (
        f"{result.share:.0%} of {result.n_draws:,} random halves of the contrasts, whatever their "
        f"label, show a cluster that one half shares and the other does not; {first} against "
        f"{second} shows {result.observed[0]}, {second} against {first} {result.observed[1]}."
    )
