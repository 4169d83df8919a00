"""Figures of a bundle are for print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image


def test_figures_have_their_widths_and_embedded_fonts(bundle: Path) -> None:
    for width, millimetres in (("1column", 85), ("2columns", 180)):
        found = sorted((bundle / "figures").glob(f"*_{width}.tiff"))
        assert len(found) >= 3
        for path in found:
            with Image.open(path) as picture:
                assert picture.info["dpi"] == (300, 300)
                assert picture.mode == "RGB"
                assert picture.width / 300 * 25.4 == pytest.approx(millimetres, abs=0.3)
            pdf = path.with_suffix(".pdf").read_bytes()
            (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
            assert float(box) / 72 * 25.4 == pytest.approx(millimetres, abs=0.3)
            assert pdf.count(b"/FontFile2") >= 1
            assert b"/Subtype /Type3" not in pdf


def test_legends_name_every_figure(bundle: Path) -> None:
    legends = (bundle / "legends.md").read_text(encoding="utf-8")
    figures = {re.sub(r"_(1column|2columns)$", "", p.stem) for p in bundle.glob("figures/*.pdf")}
    assert figures == set(re.findall(r"\*\*(\S+)\*\*", legends))
