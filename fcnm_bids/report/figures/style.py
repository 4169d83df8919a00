"""Saving figures: the same data give the same file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.report.figures.palette import INK, SOFT

_STYLE: Any = {
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a name from a table may hold a dollar sign
    "svg.hashsalt": "fcnm_bids",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


PRINT_DPI = 300
"""Pixels per inch of a TIFF."""

PAGE_WIDTH: ContextVar[float | None] = ContextVar("page_width", default=None)
"""Width in inches of figures for a page of print; None for the width of each on a screen."""


@contextmanager
def page_width(inches: float) -> Iterator[None]:
    """Draw figures at a width in inches; sizes of texts stay as they are."""
    token = PAGE_WIDTH.set(inches)
    try:
        yield
    finally:
        PAGE_WIDTH.reset(token)


@contextmanager
def drawn(
    path: Path, width: float, height: float, dpi: int = 150, *, scaled: bool = True
) -> Iterator[Any]:
    """A matplotlib figure of a size in inches that is saved by the name of `path` at the end.

    The formats are SVG, PNG, and for print PDF and TIFF. Where `scaled`, it has the width of
    `page_width` within one.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        scale = (PAGE_WIDTH.get() or width) / width if scaled else 1.0
        figure = Figure(figsize=(scale * width, scale * height))
        FigureCanvasAgg(figure)
        yield figure
        with atomic_path(path) as temporary, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            if path.suffix == ".svg":
                figure.savefig(temporary, metadata={"Date": None})
            elif path.suffix == ".pdf":
                figure.savefig(temporary, metadata=PDF_METADATA)
            elif path.suffix == ".tiff":
                figure.dpi = PRINT_DPI
                save_tiff(temporary, _rendered(figure))
            else:
                figure.dpi = dpi
                _save_small(figure, temporary, dpi)


PDF_METADATA = {"Creator": "fcnm_bids", "Producer": None, "CreationDate": None}


def save_tiff(path: Path, picture: Any) -> None:
    """Save a Pillow image as RGB for print, compressed without loss."""
    size = (PRINT_DPI, PRINT_DPI)
    picture.convert("RGB").save(path, format="TIFF", compression="tiff_lzw", dpi=size)


def _rendered(figure: Any) -> Any:
    """Return a drawn figure as a Pillow image."""
    from PIL import Image

    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    return Image.frombuffer("RGBA", (width, height), figure.canvas.buffer_rgba())


def _save_small(figure: Any, path: Path, dpi: int) -> None:
    """Save a figure as PNG with 256 colours, a third of the size."""
    from PIL import Image

    small = (
        _rendered(figure)
        .convert("RGB")
        .quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    )
    small.save(path, dpi=(dpi, dpi), compress_level=6)
