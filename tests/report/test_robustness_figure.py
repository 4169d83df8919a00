from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.report import draw_robustness

ROWS = [
    ("radius", "7", None, 40, 0.9),
    ("threshold", "0.5", None, 60, 0.8),
    ("threshold", "0.6", None, 50, 1.0),
    ("leave-one-study-out", "Smith <2001> & co", None, 45, 0.95),
    ("bootstrap", None, 0, 30, 0.7),
    ("bootstrap", None, 1, 0, float("nan")),
    ("people", "0.25", 0, 10, 0.3),
    ("split-half", "0.5", 0, 20, 0.5),
]


@pytest.mark.parametrize("n_rows", [len(ROWS), 4])
def test_the_same_table_gives_the_same_figure(tmp_path: Path, n_rows: int) -> None:
    table = pd.DataFrame(ROWS[:n_rows], columns=["check", "level", "draw", "n_voxels", "dice"])
    for name in ("a.svg", "b.svg"):
        draw_robustness(tmp_path / name, table, 0.6)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"Smith &lt;2001&gt; &amp; co" in first
    assert (b"split halves" in first) == (n_rows > 4)
