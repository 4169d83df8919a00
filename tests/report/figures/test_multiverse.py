"""The specification curve."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fcnm_bids.report.figures.multiverse import draw_multiverse
from tests.report.explorer.made import specification_rows


def texts() -> pd.DataFrame:
    return pd.DataFrame(specification_rows()).astype(str).replace("nan", "n/a")


def test_the_curve_names_the_choices_that_differ_alone(tmp_path: Path) -> None:
    draw_multiverse(tmp_path / "curve.svg", texts())
    drawn = (tmp_path / "curve.svg").read_text()
    assert all(f">{name}<" in drawn for name in ("confounds 27P", "confounds 26P", "primary"))
    assert ">4 specifications<" in drawn
    assert "radius" not in drawn
    assert "common participants" in drawn


def test_an_empty_primary_network_is_stated(tmp_path: Path) -> None:
    table = texts()
    table.loc[0, "n_voxels"] = "0"
    draw_multiverse(tmp_path / "curve.svg", table)
    assert "has no voxel" in (tmp_path / "curve.svg").read_text()
