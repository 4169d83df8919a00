"""The table of a dry run."""

from __future__ import annotations

import math
from collections.abc import Callable

from fcnm_bids.config import Config
from fcnm_bids.resources.forecast import Forecast, Needs, table_of

Make = Callable[..., Config]


def test_the_table_adds_up() -> None:
    nodes = [
        Forecast("project", 8, 0.5, 4, Needs(400.0, output=2e9)),
        Forecast("draws", 3, 2.0, 1, Needs()),
        Forecast("sums", 1, 1.0, 1, Needs(60.0, work=5e6)),
    ]
    assert nodes[0].seconds == 100
    assert math.isnan(nodes[1].seconds)
    *_, draws, _, last = (line.split() for line in table_of(nodes))
    assert draws[-1] == "?"
    assert last[:3] == ["all", "12", "2.00"]
    assert last[3:5] == ["2.0", "GB"]
    assert last[5:7] == ["5", "MB"]
    assert last[7:] == [">", "3", "min"]
