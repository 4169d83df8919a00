"""A sheet puts the same shapes at the same places of an SVG and of a PNG."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator
from PIL import Image

from fcnm_bids.report.figures.sheet import Sheet, round_numbers

SVG = "{http://www.w3.org/2000/svg}"
RED = np.full((5, 10, 3), (255, 0, 0), dtype=np.uint8)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_picture_fills_its_place(tmp_path: Path) -> None:
    sheet = Sheet(50, 40, 2)
    sheet.picture(10, 20, 5, 2.5, RED)
    sheet.save(tmp_path / "a.png")
    found = pixels(tmp_path / "a.png")
    assert found.shape == (80, 100, 3)
    assert (found[0, 0] == 255).all()
    rows, columns = (found[..., 1] < 128).nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 44, 20, 29)


def test_an_svg_holds_the_picture_as_it_is(tmp_path: Path) -> None:
    own = np.random.default_rng(1).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    sheet = Sheet(50, 40, 2)
    sheet.picture(10, 20, 18, 14, own)
    sheet.save(tmp_path / "a.svg")
    (image,) = ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}image")
    assert [float(image.attrib[name]) for name in ("x", "y", "width", "height")] == [10, 20, 18, 14]
    content = base64.b64decode(image.attrib["href"].partition(",")[2])
    with Image.open(BytesIO(content)) as stored:
        np.testing.assert_array_equal(np.asarray(stored), own)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'a "b" & c', "$x_2$ 脳", "z = 8 mm"])
def test_texts_are_texts(text: str, tmp_path: Path) -> None:
    sheet = Sheet(200, 40, 1)
    sheet.text(100, 20, text, size=9, anchor="middle")
    sheet.save(tmp_path / "a.svg")
    (found,) = ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}text")
    assert found.text == text
    assert len(list(found)) == 0
    sheet.save(tmp_path / "a.png")
    rows, columns = (pixels(tmp_path / "a.png").sum(axis=-1) < 400).nonzero()
    assert abs((columns.min() + columns.max()) / 2 - 100) < 3
    assert abs((rows.min() + rows.max()) / 2 - 20) < 4


def test_a_text_read_upwards_is_higher_than_wide(tmp_path: Path) -> None:
    sheet = Sheet(60, 100, 1)
    sheet.text(30, 50, "share of contrasts", size=8, upright=True)
    sheet.save(tmp_path / "a.png")
    rows, columns = (pixels(tmp_path / "a.png").sum(axis=-1) < 400).nonzero()
    assert np.ptp(rows) > 4 * np.ptp(columns)
    assert abs((rows.min() + rows.max()) / 2 - 50) < 2


def test_rings_lines_and_boxes(tmp_path: Path) -> None:
    sheet = Sheet(60, 60, 1)
    sheet.box(0, 0, 20, 10, "#0000ff")
    sheet.line([(0, 30), (59, 30)], width=1, color="#00ff00")
    sheet.ring(40, 45, 4)
    sheet.save(tmp_path / "a.png")
    found = pixels(tmp_path / "a.png")
    blue = (found[..., 2] > 200) & (found[..., 0] < 60)
    assert blue.sum() == 200
    assert ((found[30, :, 1] > 200) & (found[30, :, 0] < 60)).all()
    around = found[39:52, 34:47].sum(axis=-1)
    assert around.min() < 100
    assert found[45, 40].sum() > 740  # nothing inside of the ring
    sheet.save(tmp_path / "a.svg")
    tree = ElementTree.parse(tmp_path / "a.svg")
    assert len(list(tree.iter(f"{SVG}circle"))) == 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0", "0.25", "0.5", "0.75", "1"]),
        (-2, 2, ["−2", "−1", "0", "1", "2"]),
        (-0.38, 0.38, ["−0.2", "0", "0.2"]),
    ],
)
def test_ticks_are_round_and_inside(
    low: float, high: float, expected: list[str], tmp_path: Path
) -> None:
    sheet = Sheet(60, 60, 1)
    sheet.ticks(low, high, lambda value: (10, 50 - 40 * value), across=False)
    sheet.save(tmp_path / "a.svg")
    texts = list(ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}text"))
    assert [own.text for own in texts] == expected
    for own in texts:
        value = float(str(own.text).replace("−", "-"))
        assert float(own.attrib["y"]) == pytest.approx(50 - 40 * value, abs=0.01)


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_the_same_sheet_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        sheet = Sheet(60, 60, 1)
        sheet.picture(5, 5, 10, 5, RED)
        sheet.text(30, 30, "again", size=8)
        sheet.save(tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


@given(
    low=st.just(0.0) | st.floats(-1e3, 1e3),
    span=st.floats(1e-3, 1e4),
    most=st.sampled_from([4, 8]),
)
def test_round_numbers_are_those_of_matplotlib(low: float, span: float, most: int) -> None:
    high = low + span
    # where a step fits exactly, matplotlib takes the next one by what rounding happens to leave
    fitting = np.array([1, 2, 2.5, 5, 10]) * 10.0 ** np.floor(np.log10(span / most))
    assume((np.abs(span / most / fitting - 1) > 1e-6).all())
    ticks = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    # an end counts as reached to a millionth of a step; no tick lies where this is rounding
    beyond = np.maximum(low - ticks, ticks - high) / (ticks[1] - ticks[0])
    assume(not ((beyond > 1e-7) & (beyond < 1e-5)).any())
    expected = ticks[beyond <= 1e-6]
    found = round_numbers(low, high, most)
    np.testing.assert_allclose(found, expected, atol=1e-6 * span)


def test_a_scale_without_extent_has_one_number() -> None:
    assert round_numbers(2.0, 2.0, 4) == [2.0]
