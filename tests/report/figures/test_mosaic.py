"""Slices lie in their rows, circles at their foci, colours on their bar."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.palette import color_table
from fcnm_bids.report.figures.template_slices import BOX, Overlay, Volume

SVG = "{http://www.w3.org/2000/svg}"
AFFINE = np.diag([8.0, 8, 8, 1])
AFFINE[:3, 3] = (-92, -128, -76)
POSITIONS = (-16, 8, 34)


def overlay(value: float = 0.5) -> Overlay:
    values = Volume(np.full((24, 28, 24), value, dtype=np.float32), AFFINE)
    return Overlay(values, None, "rising", 0, 1, 0, outside=0.5, thresholds=(0.6,))


def drawn(path: Path, marks: list[tuple[float, float, float]]) -> ElementTree.Element:
    rows = ((2, POSITIONS), (0, (-8, 8)))
    draw_mosaic(path, overlay(), "share", rows=rows, marks=marks, step=2)
    return ElementTree.parse(path).getroot()


def attributes(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


@pytest.mark.parametrize("mark", [(-20.0, -40.0, 10.0), (30.0, 20.0, 30.0), (0.0, 0.0, -90.0)])
def test_a_focus_is_circled_on_the_nearest_slice(
    mark: tuple[float, float, float], tmp_path: Path
) -> None:
    root = drawn(tmp_path / "a.svg", [mark])
    picture = next(root.iter(f"{SVG}image"))
    left, top, width, height = attributes(picture, "x", "y", "width", "height")
    x, y = attributes(next(root.iter(f"{SVG}circle")), "cx", "cy")
    n_columns = (BOX[0][1] - BOX[0][0]) / 2 + 1
    pixel = width / (3 * n_columns + 2 * 2)
    number = int(np.argmin([abs(at - mark[2]) for at in POSITIONS]))
    assert (x - left) / pixel == pytest.approx(
        number * (n_columns + 2) + (mark[0] - BOX[0][0]) / 2, abs=0.05
    )
    assert (y - top) / height == pytest.approx(
        (BOX[1][1] - mark[1]) / (BOX[1][1] - BOX[1][0]), abs=0.02
    )


def test_rows_have_their_titles_and_do_not_overlap(tmp_path: Path) -> None:
    root = drawn(tmp_path / "a.svg", [])
    texts = [own.text for own in root.iter(f"{SVG}text")]
    for expected in ("z = -16 mm", "z = 34 mm", "x = -8 mm", "L", "share", "0.5"):
        assert expected in texts
    first, second, _ = (attributes(own, "y", "height") for own in root.iter(f"{SVG}image"))
    assert sum(first) < second[0]
    assert sum(second) < float(root.attrib["viewBox"].split()[3])


def test_a_value_has_the_colour_of_the_bar(tmp_path: Path) -> None:
    root = drawn(tmp_path / "a.svg", [])
    slices, *_, bar = root.iter(f"{SVG}image")
    pictures = []
    for own in (slices, bar):
        with Image.open(BytesIO(base64.b64decode(own.attrib["href"].partition(",")[2]))) as image:
            pictures.append(np.asarray(image).astype(float))
    np.testing.assert_array_equal(pictures[1][:, 0], np.rint(255 * color_table("rising")[::-1]))
    middle = color_table("rising")[128] * 255
    colored = pictures[0][np.ptp(pictures[0], axis=-1) > 40]
    assert len(colored) > 1000
    # anatomy shines through by 8 %
    assert np.abs(colored - middle).max() < 0.08 * 255 + 1
