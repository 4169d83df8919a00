"""Sheets of pictures and texts, saved as SVG or PNG without the cost of plot axes."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.report.figures.palette import INK
from fcnm_bids.report.figures.style import PRINT_DPI, drawn, save_tiff

_FONT = "DejaVu Sans"
_COLORS = 256
"""Colours of a PNG, which is then a third of the size."""

_ALMOST_WHITE = 252


def round_numbers(low: float, high: float, most: int) -> list[float]:
    """Return round numbers of a range, at equal steps, of which there are `most` at most.

    Matplotlib chooses the same, but takes long to be imported for them.
    """
    if not low < high:
        return [low]
    least = (high - low) / most * (1 - 1e-9)
    power = 10.0 ** math.floor(math.log10(least))
    steps = [step * power for step in (1, 2, 2.5, 5, 10)]
    fitting = [step for step in steps if step >= least]
    found: list[float] = []
    for step in (fitting[0], *reversed([step for step in steps if step < least]), power / 2):
        first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
        found = [number * step for number in range(first, last + 1)]
        if len(found) > 1:
            break
    return found


@dataclass(frozen=True, eq=False)
class _Picture:
    left: float
    top: float
    width: float
    height: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class _Text:
    x: float
    y: float
    text: str
    size: float
    anchor: str
    upright: bool


@dataclass(frozen=True)
class _Line:
    points: tuple[tuple[float, float], ...]
    width: float
    color: str
    dashed: bool


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    width: float
    height: float
    color: str


@dataclass(frozen=True)
class _Ring:
    x: float
    y: float
    radius: float


_Shape = _Picture | _Text | _Line | _Box | _Ring


@dataclass(eq=False)
class Sheet:
    """A drawing in points (1/72 inch) from its upper left corner.

    Parameters
    ----------
    width, height
        In points.
    scale
        Pixels per point of a PNG.
    """

    width: float
    height: float
    scale: float
    _shapes: list[_Shape] = field(default_factory=list)

    def picture(
        self, left: float, top: float, width: float, height: float, pixels: NDArray[np.uint8]
    ) -> None:
        """Add an RGB picture, shape (rows, columns, 3)."""
        self._shapes.append(_Picture(left, top, width, height, pixels))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        anchor: str = "start",
        upright: bool = False,
    ) -> None:
        """Add a line of text whose middle has the height `y`, or that is read upwards at `x`.

        Parameters
        ----------
        x, y
            Where it is anchored.
        text
            What is written; markup in it is none.
        size
            In points.
        anchor
            ``start``, ``middle`` or ``end``.
        upright
            Turn it by a quarter to the left, around its middle.
        """
        self._shapes.append(_Text(x, y, text, size, anchor, upright))

    def line(
        self,
        points: Sequence[tuple[float, float]],
        *,
        width: float,
        color: str = INK,
        dashed: bool = False,
    ) -> None:
        """Add a line through points; dashes are seen in an SVG only."""
        self._shapes.append(_Line(tuple(points), width, color, dashed))

    def box(self, left: float, top: float, width: float, height: float, color: str) -> None:
        """Add a filled rectangle."""
        self._shapes.append(_Box(left, top, width, height, color))

    def ticks(
        self,
        low: float,
        high: float,
        place: Callable[[float], tuple[float, float]],
        *,
        across: bool,
        most: int = 4,
    ) -> None:
        """Add round numbers along a scale, below it or to the right of it.

        Parameters
        ----------
        low, high
            Ends of the scale.
        place
            Returns the position of a value in points.
        across
            True for numbers below the scale, False for numbers to the right.
        most
            Number of steps at most.
        """
        for value in round_numbers(low, high, most):
            x, y = place(value)
            written = f"{round(value, 10) + 0.0:g}".replace("-", "\N{MINUS SIGN}")
            if across:
                self.line([(x, y), (x, y + 2)], width=0.6)
                self.text(x, y + 7, written, size=7, anchor="middle")
            else:
                self.line([(x, y), (x + 2, y)], width=0.6)
                self.text(x + 3.5, y, written, size=7)

    def ring(self, x: float, y: float, radius: float) -> None:
        """Add a white ring with black borders, which is seen on light and on dark."""
        self._shapes.append(_Ring(x, y, radius))

    def save(self, path: Path) -> None:
        """Save the sheet as SVG, PNG, PDF or TIFF by the name of the file, whole or not at all."""
        with atomic_path(path) as temporary:
            if path.suffix == ".svg":
                temporary.write_text(self._svg(), encoding="utf-8")
            elif path.suffix == ".pdf":
                self._save_pdf(temporary)
            elif path.suffix == ".tiff":
                save_tiff(temporary, self._painted(PRINT_DPI / 72))
            else:
                self._save_png(temporary)

    def _svg(self) -> str:
        size = f'width="{self.width:.2f}pt" height="{self.height:.2f}pt"'
        box = f'viewBox="0 0 {self.width:.2f} {self.height:.2f}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{_FONT}, '
            f'Verdana, sans-serif" fill="{INK}" stroke="none">',
            f'<rect width="{self.width:.2f}" height="{self.height:.2f}" fill="#ffffff"/>',
            *map(_svg_shape, self._shapes),
            "</svg>\n",
        ]
        return "\n".join(parts)

    def _save_pdf(self, path: Path) -> None:
        """Draw the shapes into a matplotlib figure, which embeds its fonts."""
        with drawn(path, self.width / 72, self.height / 72, scaled=False) as figure:
            axes = figure.add_axes((0, 0, 1, 1))
            axes.axis("off")
            for shape in self._shapes:
                _draw_shape(axes, shape)
            axes.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="auto")

    def _painted(self, scale: float) -> Any:
        """Return the sheet as a Pillow image with a number of pixels per point."""
        from PIL import Image, ImageDraw

        size = (round(scale * self.width), round(scale * self.height))
        canvas = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(canvas)
        for shape in self._shapes:
            if isinstance(shape, _Picture):
                own = Image.fromarray(shape.pixels)
                wanted = (
                    max(1, round(scale * shape.width)),
                    max(1, round(scale * shape.height)),
                )
                if own.size != wanted:
                    own = own.resize(wanted, Image.Resampling.BOX)
                canvas.paste(own, (round(scale * shape.left), round(scale * shape.top)))
            elif isinstance(shape, _Text):
                _write(canvas, draw, shape, scale)
            elif isinstance(shape, _Line):
                points = [(scale * x, scale * y) for x, y in shape.points]
                draw.line(points, fill=shape.color, width=max(1, round(scale * shape.width)))
            elif isinstance(shape, _Box):
                corner = shape.left + shape.width, shape.top + shape.height
                ends = [round(scale * x) for x in (shape.left, shape.top, *corner)]
                draw.rectangle((ends[0], ends[1], ends[2] - 1, ends[3] - 1), fill=shape.color)
            else:
                for radius, color, width in ((1, "black", 3), (0.5, "white", 1)):
                    r = scale * shape.radius + radius
                    x, y = scale * shape.x, scale * shape.y
                    draw.ellipse((x - r, y - r, x + r, y + r), outline=color, width=width)
        return canvas

    def _save_png(self, path: Path) -> None:
        from PIL import Image

        scale = self.scale
        canvas = self._painted(scale)
        small = canvas.quantize(_COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        palette = small.getpalette() or []
        # an octree holds a light grey for white
        small.putpalette([255 if value >= _ALMOST_WHITE else value for value in palette])
        small.save(path, format="PNG", dpi=(72 * scale, 72 * scale), compress_level=3)


def _draw_shape(axes: Any, shape: _Shape) -> None:
    """Draw a shape into axes whose units are points from the upper left corner."""
    from matplotlib.patches import Circle, Rectangle

    if isinstance(shape, _Picture):
        ends = shape.left, shape.left + shape.width, shape.top + shape.height, shape.top
        axes.imshow(shape.pixels, extent=ends, interpolation="none")
    elif isinstance(shape, _Text):
        aligned = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
        turned: Any = {"rotation": 90, "ha": "center"} if shape.upright else {"ha": aligned}
        axes.text(shape.x, shape.y, shape.text, fontsize=shape.size, va="center", **turned)
    elif isinstance(shape, _Line):
        x, y = zip(*shape.points, strict=True)
        style = (0, (4, 2)) if shape.dashed else "-"
        axes.plot(x, y, color=shape.color, linewidth=shape.width, linestyle=style)
    elif isinstance(shape, _Box):
        corner = shape.left, shape.top
        axes.add_patch(Rectangle(corner, shape.width, shape.height, facecolor=shape.color))
    else:
        for color, width in (("black", 1.9), ("white", 1.0)):
            ring = Circle((shape.x, shape.y), shape.radius, fill=False, edgecolor=color, lw=width)
            axes.add_patch(ring)


def _write(canvas: Any, draw: Any, shape: _Text, scale: float) -> None:
    from PIL import Image, ImageDraw

    font = _font(max(6, round(scale * shape.size)))
    x, y = scale * shape.x, scale * shape.y
    if not shape.upright:
        anchor = {"start": "lm", "middle": "mm", "end": "rm"}[shape.anchor]
        draw.text((x, y), shape.text, fill=INK, font=font, anchor=anchor)
        return
    left, top, right, bottom = font.getbbox(shape.text)
    own = Image.new("RGB", (int(right - left) + 2, int(bottom - top) + 2), "white")
    ImageDraw.Draw(own).text((1 - left, 1 - top), shape.text, fill=INK, font=font)
    turned = own.transpose(Image.Transpose.ROTATE_90)
    canvas.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))


@cache
def _font(pixels: int) -> Any:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    # read as a file: matplotlib takes long to be imported, and all else is drawn without it
    folder = Path(next(iter(spec.submodule_search_locations))) / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"{_FONT.replace(' ', '')}.ttf"), pixels)


def _svg_shape(shape: _Shape) -> str:
    if isinstance(shape, _Picture):
        from PIL import Image

        stream = BytesIO()
        Image.fromarray(shape.pixels).save(stream, format="PNG", compress_level=6)
        content = base64.b64encode(stream.getvalue()).decode("ascii")
        return (
            f'<image x="{shape.left:.2f}" y="{shape.top:.2f}" width="{shape.width:.2f}" '
            f'height="{shape.height:.2f}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{content}"/>'
        )
    if isinstance(shape, _Text):
        turned = f' transform="rotate(-90 {shape.x:.2f} {shape.y:.2f})"' if shape.upright else ""
        anchor = "middle" if shape.upright else shape.anchor
        return (
            f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" font-size="{shape.size:g}" '
            f'text-anchor="{anchor}" dominant-baseline="central"{turned}>'
            f"{escape(shape.text)}</text>"
        )
    if isinstance(shape, _Line):
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in shape.points)
        dashes = ' stroke-dasharray="4 2"' if shape.dashed else ""
        return (
            f'<polyline points="{points}" fill="none" stroke="{shape.color}" '
            f'stroke-width="{shape.width:g}"{dashes}/>'
        )
    if isinstance(shape, _Box):
        return (
            f'<rect x="{shape.left:.2f}" y="{shape.top:.2f}" width="{shape.width:.2f}" '
            f'height="{shape.height:.2f}" fill="{shape.color}"/>'
        )
    return "".join(
        f'<circle cx="{shape.x:.2f}" cy="{shape.y:.2f}" r="{shape.radius:g}" fill="none" '
        f'stroke="{color}" stroke-width="{width}"/>'
        for color, width in (("#000000", 1.9), ("#ffffff", 1.0))
    )
