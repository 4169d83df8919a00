"""Residual degrees of freedom of many runs, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def median_dof(dofs: Sequence[float]) -> str:
    """The median to one decimal, the same in the log, the report and the methods text.

    Parameters
    ----------
    dofs
        One per run, or per person; at least one.
    """
    return f"{np.median(dofs):.1f}".removesuffix(".0")
