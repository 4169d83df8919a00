"""Residual degrees of freedom of runs, and of runs that were filtered before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_EMPTY_SHARE = 0.01
"""Share of the power above a frequency below which the frequencies above it count as removed."""

_HIGHEST_EDGE = 0.8
"""Share of the Nyquist frequency above which a falling spectrum is no sign of a filter."""


def median_dof(dofs: Sequence[float]) -> str:
    """Return the median to one decimal, the same in the log, the report and the methods text.

    Parameters
    ----------
    dofs
        One per run, or per participant; at least one.
    """
    return f"{np.median(dofs):.1f}".removesuffix(".0")


def upper_band_edge(series: NDArray[np.floating], repetition_time: float) -> float | None:
    """Find the frequency above which series were filtered away.

    Filtered series have fewer degrees of freedom than volumes, so that Fisher's z of their
    correlations varies more than 1 / (volumes - 3) promises.

    Parameters
    ----------
    series
        Shape (volumes, voxels), in any units. Mean, linear trend and scale of each are ignored;
        series that do not vary are left out.
    repetition_time
        TR in seconds.

    Returns
    -------
    float or None
        The lowest frequency in Hz above which less than 1 % of the power lies; None where that
        is above 0.8 of the Nyquist frequency, so that nothing shows of a filter.
    """
    values = np.array(series, dtype=np.float64)
    values = values[:, np.isfinite(values).all(axis=0)]
    if len(values) < 4 or not values.size:
        return None
    values -= values.mean(axis=0)
    time = np.linspace(-1, 1, len(values))
    values -= np.outer(time, time @ values / (time @ time))  # scipy.signal takes a second to import
    spread = np.sqrt(np.einsum("ij,ij->j", values, values))
    varies = spread > 1e-9 * spread.max()
    if not varies.any():
        return None
    power = (np.abs(np.fft.rfft(values[:, varies] / spread[varies], axis=0)) ** 2).sum(axis=1)
    above = 1 - np.cumsum(power) / power.sum()
    frequencies = np.fft.rfftfreq(len(values), repetition_time)
    edge = float(frequencies[np.argmax(above < _EMPTY_SHARE)])
    return edge if edge <= _HIGHEST_EDGE * 0.5 / repetition_time else None


def effective_dof(operator: NDArray[np.floating]) -> float:
    """Return the degrees of freedom that a linear operator leaves of white noise.

    The number of independent values with the same variance of their correlations as the
    operator's output: (tr C)^2 / tr(C^2) for C = operator operator' (Satterthwaite 1946). It is
    the rank of a projection, and less than the rank of a filter whose gain varies over its band.

    Parameters
    ----------
    operator
        Shape (rows, volumes): regression and filter, applied to a series.
    """
    covariance = operator @ operator.T
    return float(np.trace(covariance) ** 2 / np.einsum("ij,ij->", covariance, covariance))
