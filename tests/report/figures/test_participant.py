"""Figures of a run, against the numbers that they are drawn from."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fcnm_bids.connectome import open_run
from fcnm_bids.report.figures.participant import (
    draw_carpet,
    draw_motion,
    draw_participant_figures,
    map_figure,
    run_figure,
)

SVG = "{http://www.w3.org/2000/svg}"


def test_figures_are_named_after_what_they_show(tmp_path: Path) -> None:
    stem = "sub-01_ses-a_task-rest_run-1_space-MNI_res-2"
    volumes = Path(f"sub-01/ses-a/func/{stem}_desc-volumes_timeseries.tsv")
    carpet = run_figure(tmp_path, volumes, "carpet")
    assert carpet == tmp_path / "sub-01" / "figures" / f"{stem}_desc-carpet_bold.png"
    assert run_figure(tmp_path, volumes, "motion").suffix == ".svg"
    path = Path("sub-01_task-rest_space-MNI_seed-a_stat-fisherz_statmap.nii.gz")
    assert map_figure(tmp_path, path).name == "sub-01_task-rest_seed-a_desc-slices_statmap.png"


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_dropped_volumes_are_shaded_and_the_threshold_is_named(
    tmp_path: Path, threshold: float
) -> None:
    use = ["dummy", "dummy", *["kept"] * 10, "censored", "kept", "censored", "kept"]
    displacement = ["n/a", *(f"{v:g}" for v in np.linspace(0.1, 1, 15))]
    table = pd.DataFrame({"framewise_displacement": displacement, "use": use})
    draw_motion(tmp_path / "m.svg", table, 2.0, threshold)
    root = ElementTree.parse(tmp_path / "m.svg").getroot()
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert ("threshold 0.5 mm" in texts) is (threshold > 0)
    assert "time in s" in texts
    widths = [float(e.attrib["width"]) for e in root.iter(f"{SVG}rect") if "fill" in e.attrib]
    wide, *single = sorted(widths, reverse=True)[-3:]
    assert wide == pytest.approx(
        1.5 * single[0], abs=0.02
    )  # half of the first volume lies before 0 s
    assert single[0] == pytest.approx(single[1])


def test_motion_without_any_number_is_still_drawn(tmp_path: Path) -> None:
    table = pd.DataFrame({"framewise_displacement": ["n/a"] * 5, "use": ["kept"] * 5})
    draw_motion(tmp_path / "m.svg", table, 2.0, 0.5)
    ElementTree.parse(tmp_path / "m.svg")


def test_a_carpet_is_grey_and_pale_where_volumes_were_dropped(
    projected: Path, tmp_path: Path
) -> None:
    run = open_run(next(projected.rglob("*.h5")))
    draw_carpet(tmp_path / "c.png", run)
    pixels = np.asarray(Image.open(tmp_path / "c.png").convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=-1).max() > 30  # the blank columns
    dropped = run.attributes["n_volumes"] - run.attributes["n_kept"]
    assert dropped > 0
    pale = (np.abs(pixels - (245, 217, 191)).max(axis=-1) < 12).any(axis=0).sum()
    share = pale / (0.86 * pixels.shape[1])
    assert share == pytest.approx(dropped / run.attributes["n_volumes"], abs=0.03)


def test_a_folder_without_results_has_no_figures(tmp_path: Path) -> None:
    assert draw_participant_figures(tmp_path, "01") == []
