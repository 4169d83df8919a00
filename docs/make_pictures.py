"""The annotated pictures of the pages, made from the reports of the demonstration.

``python -m fcnm_bids.cli.demo --output demo``, then the group level once more with ``--specificity
labels random --null-resolution 8 --n-permutations 99 --overwrite``, then ``python
docs/make_pictures.py demo/results``. Needs Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
NETWORK = "#effect-increase"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_MARK, _MARGIN, _WIDTH = 15, 12, 1150
_RED = (193, 39, 45)
_PATIENCE_MS = 300_000
_UNFOLD = "document.querySelectorAll('details:not(#explore *)').forEach(d => d.open = true)"
_FILLED = "() => !document.querySelector('#held').textContent.includes('\u2026')"


@dataclass(frozen=True)
class Picture:
    """A part of a report with numbers beside what the text explains.

    Parameters
    ----------
    name
        File in ``docs/images``.
    report
        File of the results folder.
    parts
        Selectors of the elements that it shows.
    marks
        Selectors of what is numbered, in order.
    """

    name: str
    report: str
    parts: tuple[str, ...]
    marks: tuple[str, ...] = ()


PICTURES = (
    Picture("demo_network", "group.html", (f"{NETWORK} > figure:nth-of-type(1) img",)),
    Picture("report_front", "group.html", ("header", f"{NETWORK} > figure:nth-of-type(1)")),
    Picture(
        "report_summary",
        "group.html",
        ("#summary",),
        ("#summary .findings dd", "#summary .facts"),
    ),
    Picture(
        "report_network",
        "group.html",
        (f"{NETWORK} > figure:nth-of-type(1)", f"{NETWORK} > figure:nth-of-type(2)"),
        (f"{NETWORK} > figure:nth-of-type(1) img", f"{NETWORK} > figure:nth-of-type(2) img"),
    ),
    Picture(
        "report_specificity",
        "group.html",
        tuple(f"{NETWORK}-specificity {part}" for part in ("h3", "figure")),
        tuple(f"{NETWORK}-specificity {part}" for part in (".findings", "table", "figure")),
    ),
    Picture(
        "report_robustness",
        "group.html",
        (f"{NETWORK}-robustness figure",),
        (f"{NETWORK}-robustness figure img",),
    ),
    Picture(
        "report_contrast",
        "group.html",
        (f"{NETWORK}-contrasts details:first-of-type, {NETWORK}-contrasts figure",),
        (f"{NETWORK}-contrasts figure img",),
    ),
    Picture(
        "report_participant", "sub-01.html", ("main section:nth-of-type(2)",), ("section img",)
    ),
)


def make(results: Path) -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": _WIDTH, "height": 900})
        page.set_default_timeout(_PATIENCE_MS)
        for picture in PICTURES:
            page.goto((results / picture.report).resolve().as_uri())
            if page.locator("#explorer").count():  # it moves what is below it
                page.wait_for_selector("#explorer[data-ready]")
                page.wait_for_function(_FILLED)
            page.evaluate(_UNFOLD)
            path = IMAGES / f"{picture.name}.png"
            save(numbered(page, picture), path)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()


def numbered(page: Page, picture: Picture) -> Image.Image:
    """Return the parts of a report below each other, its marks numbered at their upper left."""
    boxes = [box for part in picture.parts if (box := _box(page, part))]
    margin = _MARGIN if picture.marks else 0
    left = min(box["x"] for box in boxes) - (2 * _MARK if picture.marks else 0) - margin
    top = min(box["y"] for box in boxes) - margin
    right = max(box["x"] + box["width"] for box in boxes) + margin
    bottom = max(box["y"] + box["height"] for box in boxes) + margin
    left = max(left, 0)
    clip = {"x": left, "y": max(top, 0), "width": right - left, "height": bottom - max(top, 0)}
    shot = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True))).convert("RGB")
    draw = ImageDraw.Draw(shot)
    font = ImageFont.load_default(size=17)
    for number, mark in enumerate(picture.marks, start=1):
        box = _box(page, mark)
        if box is None:
            raise SystemExit(f"{picture.name}: nothing is at {mark}")
        x, y = box["x"] - clip["x"] - _MARK - 6, box["y"] - clip["y"] + _MARK
        draw.ellipse((x - _MARK, y - _MARK, x + _MARK, y + _MARK), fill=_RED)
        draw.text((x, y), str(number), fill="white", font=font, anchor="mm")
    return shot


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture with 256 colours."""
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _box(page: Page, selector: str) -> dict[str, Any] | None:
    found = page.locator(selector)
    if found.count() == 0:
        return None
    box = found.first.bounding_box()
    if box is None:
        return None
    return {**box, "y": box["y"] + page.evaluate("window.scrollY")}


if __name__ == "__main__":
    make(Path(sys.argv[1]))
