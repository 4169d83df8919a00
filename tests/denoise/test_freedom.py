from __future__ import annotations

import pytest

from fcnm_bids.denoise import median_dof


@pytest.mark.parametrize(
    ("dofs", "said"), [([31], "31"), ([31, 34], "32.5"), ([31, 34, 40], "34"), ([80.0, 82.0], "81")]
)
def test_the_median_is_said_to_one_decimal(dofs: list[float], said: str) -> None:
    assert median_dof(dofs) == said
