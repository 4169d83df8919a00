"""The scale of a t map reaches beyond its threshold, on the page as in the viewer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids.report.figures.contrast import draw_contrast
from fcnm_bids.report.figures.template_slices import Overlay
from fcnm_bids.report.results.group import GroupOutputs


def set_in_masks(results: Path, **said: object) -> None:
    for path in (results / "group").glob("seed-*_desc-significant_mask.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


@pytest.mark.parametrize(
    ("tail", "marked"),
    [("positive", (222.0,)), ("negative", (-222.0,)), ("two-sided", (222.0, -222.0))],
)
def test_the_figure_marks_it_on_a_bar_that_holds_it(
    results: Path, monkeypatch: pytest.MonkeyPatch, tail: str, marked: tuple[float, ...]
) -> None:
    drawn: list[Overlay] = []
    monkeypatch.setattr(
        "fcnm_bids.report.figures.contrast.draw_mosaic",
        lambda _, own, *__, **___: drawn.append(own),
    )
    set_in_masks(results, Threshold=222.0, Tail=tail)
    draw_contrast(results, GroupOutputs(results).contrasts[0])
    (overlay,) = drawn
    assert overlay.thresholds == marked
    assert overlay.high == -overlay.low == pytest.approx(1.2 * 222)
