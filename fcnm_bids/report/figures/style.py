"""Saving figures: the same data give the same file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.report.figures.palette import INK, SOFT

_STYLE: Any = {
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",
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


@contextmanager
def drawn(path: Path, width: float, height: float, dpi: int = 150) -> Iterator[Any]:
    """A matplotlib figure of a size in inches that is saved as `path` (SVG or PNG) at the end."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        yield figure
        with atomic_path(path) as temporary, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            if path.suffix == ".svg":
                figure.savefig(temporary, metadata={"Date": None})
            else:
                figure.dpi = dpi
                _save_small(figure, temporary, dpi)


def _save_small(figure: Any, path: Path, dpi: int) -> None:
    """Save a figure as PNG with 256 colours, a third of the size."""
    from PIL import Image

    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    picture = Image.frombuffer("RGBA", (width, height), figure.canvas.buffer_rgba())
    small = picture.convert("RGB").quantize(
        256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    small.save(path, dpi=(dpi, dpi), optimize=True)
