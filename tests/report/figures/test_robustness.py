from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.report.figures.robustness import draw_robustness

ROWS = [
    ("radius", "7", None, 40, 0.9),
    ("threshold", "0.5", None, 60, 0.8),
    ("threshold", "0.6", None, 50, 1.0),
    ("leave-one-study-out", "Smith <2001> & co", None, 45, 0.95),
    ("bootstrap", None, 0, 30, 0.7),
    ("bootstrap", None, 1, 0, float("nan")),
    ("participants", "0.25", 0, 10, 0.3),
    ("split-half", "0.5", 0, 20, 0.5),
]


@pytest.mark.parametrize("n_rows", [len(ROWS), 4])
def test_the_same_table_gives_the_same_figure(tmp_path: Path, n_rows: int) -> None:
    table = pd.DataFrame(ROWS[:n_rows], columns=["check", "level", "draw", "n_voxels", "dice"])
    for name in ("a.svg", "b.svg"):
        draw_robustness(tmp_path / name, table, 0.6, empty=False)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"Smith &lt;2001&gt; &amp; co" in first
    assert (b"split halves" in first) == (n_rows > 4)


def drawn_text(path: Path, rows: list[tuple[object, ...]], *, empty: bool) -> str:
    columns = ["check", "level", "draw", "n_contrasts", "n_voxels", "dice"]
    draw_robustness(path, pd.DataFrame(rows, columns=columns), 0.6, empty=empty)
    return path.read_text(encoding="utf-8")


MISSING = [
    ("radius", "7", None, 5, 40, 0.9),
    ("threshold", "0.6", None, 5, 50, 1.0),
    ("leave-one-study-out", "Only 2001", None, 0, None, float("nan")),
    ("bootstrap", None, 0, 5, 30, 0.7),
    ("bootstrap", None, 1, 5, 0, float("nan")),
    ("participants", "0.25", 0, 0, 0, float("nan")),
    ("split-half", "0.5", 0, 5, 0, float("nan")),
]


def test_what_has_no_dice_is_said_and_not_drawn_as_0(tmp_path: Path) -> None:
    text = drawn_text(tmp_path / "a.svg", MISSING, empty=False)
    assert text.count("too few participants for the model") == 1
    assert text.count("both networks are empty") == 1
    assert "(1 of 2 n/a)" in text
    assert "no map" in text


def test_an_empty_network_has_a_sentence_in_place_of_dice(tmp_path: Path) -> None:
    text = drawn_text(tmp_path / "a.svg", MISSING, empty=True)
    assert "The network has no voxel" in text
    assert "Dice" not in text
    assert "voxels of the network" in text
