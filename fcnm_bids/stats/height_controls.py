"""Height controls: the error rates that a threshold on a t map may keep.

A control is one entry of `HEIGHT_CONTROLS`: its threshold function, what that needs, and its
phrase for the methods text. Sums, memory, forecast and nulls ask the entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.stats.fdr import fdr_threshold
from fcnm_bids.stats.moments import ContrastMoments
from fcnm_bids.stats.permutation import GroupMaps, MaxNull, max_t_null
from fcnm_bids.stats.rft import bonferroni_threshold, fwe_threshold, resel_counts
from fcnm_bids.stats.smoothness import RoughnessSums, Smoothness, estimate_smoothness
from fcnm_bids.stats.ttest import TMap, t_isf

_NO_RANDOM_FIELD = 3
"""A t field over three dimensions takes more degrees of freedom than this."""


@dataclass(frozen=True, eq=False)
class HeightInputs:
    """Everything that a threshold may depend on.

    Parameters
    ----------
    result
        The t test; at least one voxel is tested.
    moments
        The sums that it was computed from.
    value
        VALUE of a control that is given as ``name=VALUE``.
    alpha, tail
        Error rate, and ``positive``, ``negative`` or ``two-sided``.
    maps, n_permutations, random_seed
        Maps of the participants and the flips, for controls that need maps.
    smoothness
        Of the residuals, where it is known already; None to estimate it.
    """

    result: TMap
    moments: ContrastMoments | RoughnessSums
    value: float | None
    alpha: float
    tail: str
    maps: GroupMaps | None = None
    n_permutations: int | None = None
    random_seed: int | None = None
    smoothness: Smoothness | None = None

    @property
    def side_alpha(self) -> float:
        """Error rate of one side."""
        return self.alpha / 2 if self.tail == "two-sided" else self.alpha

    @property
    def df(self) -> int:
        """Smallest degrees of freedom among the tested voxels."""
        return int(self.result.df[self.result.tested].min())

    @property
    def n_tested(self) -> int:
        """Number of tested voxels."""
        return int(np.count_nonzero(self.result.tested))


@dataclass(frozen=True, eq=False)
class Height:
    """A threshold, and how it was found.

    Parameters
    ----------
    threshold
        Height in t (absolute value); no significant voxel lies below it.
    high
        Voxels that are high enough, shape (V,); None where the threshold alone decides.
    smoothness, resels, null
        What a control estimated on the way.
    basis
        Which of its bounds a control took; None for its own name.
    """

    threshold: float
    high: NDArray[np.bool_] | None = None
    smoothness: Smoothness | None = None
    resels: tuple[float, float, float, float] | None = None
    null: MaxNull | None = None
    basis: str | None = None


@dataclass(frozen=True)
class HeightControl:
    """A height control.

    Parameters
    ----------
    height
        The threshold function.
    methods
        Phrase for the methods text, a template of alpha, n_permutations and value.
    needs_smoothness, needs_maps
        Whether it takes sums for the smoothness, or the maps of all participants (and flips and
        a seed for them).
    needs_df
        Whether it takes the degrees of freedom of each voxel, and not the smallest alone.
    takes_value
        Whether it is given as ``name=VALUE``, with a VALUE above 0.
    """

    height: Callable[[HeightInputs], Height]
    methods: str
    needs_smoothness: bool = False
    needs_maps: bool = False
    needs_df: bool = False
    takes_value: bool = False


def _fwe(inputs: HeightInputs) -> Height:
    """Return the lower of the random-field and Bonferroni thresholds (Worsley et al. 1996)."""
    alpha, df, n_tested = inputs.side_alpha, inputs.df, inputs.n_tested
    bound = bonferroni_threshold(alpha, df, n_tested)
    if df <= _NO_RANDOM_FIELD:
        return Height(bound, basis="bonferroni")
    tested, moments = inputs.result.tested, inputs.moments
    smoothness = inputs.smoothness or estimate_smoothness(moments, tested)
    box = np.zeros(int(np.prod(moments.shape)), dtype=bool)
    box[moments.index] = tested
    points, length, area, volume = resel_counts(
        box.reshape(moments.shape, order="F"), smoothness.fwhm
    ).tolist()
    resels = (points, length, area, volume)
    threshold = fwe_threshold(alpha, df, resels, n_tested)
    basis = "random-field" if threshold < bound else "bonferroni"
    return Height(threshold, smoothness=smoothness, resels=resels, basis=basis)


def _bonferroni(inputs: HeightInputs) -> Height:
    """Return Bonferroni's threshold for the degrees of freedom of each voxel."""
    tested = inputs.result.tested
    levels, level_of = np.unique(inputs.result.df[tested], return_inverse=True)
    heights = t_isf(inputs.side_alpha / inputs.n_tested, levels)
    high = np.zeros(tested.shape, dtype=bool)
    high[tested] = np.abs(inputs.result.t)[tested] >= heights[level_of]
    return Height(float(heights.min()), high)


def _false_discovery(inputs: HeightInputs) -> Height:
    """Return the threshold of Benjamini and Hochberg (1995)."""
    result = inputs.result
    admitted = fdr_threshold(result.t, result.df, alpha=inputs.alpha, tail=inputs.tail)
    return Height(admitted.threshold, admitted.significant)


def _sign_flips(inputs: HeightInputs) -> Height:
    """Return the threshold of the largest t over sign flips."""
    if inputs.maps is None or inputs.n_permutations is None or inputs.random_seed is None:
        raise ValueError("permutation takes participants' maps, a number of flips and a seed")
    null = max_t_null(
        inputs.maps,
        inputs.result.tested,
        tail=inputs.tail,
        n_permutations=inputs.n_permutations,
        seed=inputs.random_seed,
    )
    return Height(null.threshold(inputs.alpha), null=null)


def _fixed(inputs: HeightInputs) -> Height:
    """Return the threshold that was given."""
    return Height(math.inf if inputs.value is None else inputs.value)


_FAMILYWISE = "the familywise error rate was held at {alpha:g} with "

HEIGHT_CONTROLS: Mapping[str, HeightControl] = {
    "fwe": HeightControl(
        _fwe,
        _FAMILYWISE + "random field theory on the t field {{{{worsley1996}}}} or Bonferroni's "
        "bound, whichever was lower",
        needs_smoothness=True,
    ),
    "fdr": HeightControl(
        _false_discovery,
        "the false discovery rate was held at {alpha:g} over all tested voxels "
        "{{{{benjamini1995}}}}",
        needs_df=True,
    ),
    "permutation": HeightControl(
        _sign_flips,
        _FAMILYWISE + "the distribution of the maximum over {n_permutations} sign flips, or over "
        "all of them if there are fewer",
        needs_maps=True,
    ),
    "bonferroni": HeightControl(_bonferroni, _FAMILYWISE + "Bonferroni's bound", needs_df=True),
    "t": HeightControl(_fixed, "a threshold of t = {value} was used", takes_value=True),
}


def find_control(text: str) -> tuple[HeightControl, float | None] | None:
    """Return the control that a text names, and its value; None without such a control."""
    name, equals, given = text.partition("=")
    control = HEIGHT_CONTROLS.get(name)
    if control is None or bool(equals) is not control.takes_value:
        return None
    if not control.takes_value:
        return control, None
    try:
        value = float(given)
    except ValueError:
        return None
    return (control, value) if 0 < value < math.inf else None


def height_control(text: str) -> HeightControl:
    """Return the control that a usable text names.

    Raises
    ------
    KeyError
        There is no such control.
    """
    return HEIGHT_CONTROLS[text.partition("=")[0]]


def control_names() -> str:
    """Return the names of all controls, as an enumeration."""
    plain = [name for name, control in HEIGHT_CONTROLS.items() if not control.takes_value]
    valued = [f"{name}=VALUE" for name, control in HEIGHT_CONTROLS.items() if control.takes_value]
    return f"{', '.join(plain)} or {' or '.join(valued)}"
