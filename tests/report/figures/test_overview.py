"""All contrasts of a network side by side."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from fcnm_bids.report.figures.overview import draw_overview
from fcnm_bids.report.figures.style import page_width
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> GroupOutputs:
    root = tmp_path_factory.mktemp("overview") / "out"
    return GroupOutputs(make_results(root, voxel=16.0, contrasts=5, names=("a < b",)))


def test_every_contrast_has_its_slices_below_its_name(
    results: GroupOutputs, tmp_path: Path
) -> None:
    (network,) = results.networks
    draw_overview(tmp_path / "o.svg", network, results.contrasts)
    root = ElementTree.parse(tmp_path / "o.svg").getroot()
    texts = [own.text or "" for own in root.iter(f"{SVG}text")]
    assert {contrast.name for contrast in results.contrasts} <= set(texts)
    *slices, _bar = root.iter(f"{SVG}image")
    assert len(slices) == 5
    assert len({own.attrib["width"] for own in slices}) == 1
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for own in slices:
        assert float(own.attrib["x"]) + float(own.attrib["width"]) < width
        assert float(own.attrib["y"]) + float(own.attrib["height"]) < height
    (heights,) = (text for text in texts if text.startswith("z = "))
    assert len(heights.partition(" mm")[0].split(",")) == 3


def test_names_are_legible_where_the_page_is_narrower_than_the_figure(
    results: GroupOutputs, tmp_path: Path
) -> None:
    (network,) = results.networks
    draw_overview(tmp_path / "o.svg", network, results.contrasts)
    root = ElementTree.parse(tmp_path / "o.svg").getroot()
    width = float(root.attrib["viewBox"].split()[2])
    shown = 1280 - (17 + 5) * 16  # without the table of contents and margins
    names = {contrast.name for contrast in results.contrasts}
    sizes = [float(t.attrib["font-size"]) for t in root.iter(f"{SVG}text") if t.text in names]
    assert len(sizes) == 5
    assert min(sizes) * shown / width >= 11


def test_other_names_and_widths_are_for_print(results: GroupOutputs, tmp_path: Path) -> None:
    (network,) = results.networks
    names = [f"Seed {n}" for n in range(5)]
    with page_width(3.5):
        draw_overview(tmp_path / "o.svg", network, results.contrasts, names)
        draw_overview(tmp_path / "o.tiff", network, results.contrasts, names)
    root = ElementTree.parse(tmp_path / "o.svg").getroot()
    assert "Seed 4" in [own.text for own in root.iter(f"{SVG}text")]
    with Image.open(tmp_path / "o.tiff") as picture:
        assert picture.info["dpi"] == (300, 300)
        assert picture.width == pytest.approx(3.5 * 300, abs=1)
