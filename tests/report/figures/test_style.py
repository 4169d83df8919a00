"""The same data give the same file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fcnm_bids.report.figures.style import drawn


def draw(path: Path, title: str = "costs $5 and $6") -> bytes:
    with drawn(path, 1.0, 0.5, dpi=40) as figure:
        figure.text(0.1, 0.5, title)
    return path.read_bytes()


@pytest.mark.parametrize("extension", ["svg", "png"])
def test_the_same_data_give_the_same_bytes(tmp_path: Path, extension: str) -> None:
    first, second = (draw(tmp_path / f"{name}.{extension}") for name in "ab")
    assert first == second


def test_texts_stay_texts_and_dollars_dollars(tmp_path: Path) -> None:
    assert b"costs $5 and $6</text>" in draw(tmp_path / "a.svg")


def test_a_png_has_its_size_and_few_colours(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    picture = Image.open(tmp_path / "a.png")
    assert (picture.size, picture.mode) == ((40, 20), "P")


def test_a_figure_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    before = draw(tmp_path / "a.svg")

    def fail() -> None:
        with drawn(tmp_path / "a.svg", 1, 1):
            raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        fail()
    assert (tmp_path / "a.svg").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
