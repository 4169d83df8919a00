"""Rich text: headings, paragraphs and tables that a word processor opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.bids.write import write_text

_HEAD = (
    r"{\rtf1\ansi\ansicpg1252\uc1\deff0{\fonttbl{\f0\froman Times New Roman;}}"
    r"\paperw11906\paperh16838\margl1134\margr1134\margt1134\margb1134\fs22"
)
_PAGE_TWIPS = 9638
"""Width of the text in twentieths of a point."""

_WIDEST = 30
"""Letters beyond which a column becomes no wider."""


class RichText:
    """A document that grows from top to bottom."""

    def __init__(self) -> None:
        self._parts = [_HEAD]

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(rf"{{\pard\keepn\sb240\sa120\b\fs28 {escape(text)}\par}}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(rf"{{\pard\sa120 {escape(text)}\par}}")

    def table(self, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table below its caption."""
        self._parts.append(rf"{{\pard\keepn\sb120\sa60\b\fs20 {escape(caption)}\par}}")
        ends = _column_ends([columns, *rows])
        self._parts.append(self._row(columns, ends, r"\b "))
        self._parts += [self._row(row, ends, "") for row in rows]
        self._parts.append(r"\pard\par")

    @staticmethod
    def _row(cells: Sequence[str], ends: Sequence[int], style: str) -> str:
        places = "".join(rf"\clbrdrb\brdrs\brdrw5\cellx{end}" for end in ends)
        shown = "".join(
            rf"\pard\intbl\fs16 {{{style}{escape(cell)}}}\cell" + "\n" for cell in cells
        )
        return rf"\trowd\trgaph60{places}" + "\n" + shown + r"\row"

    def save(self, path: Path) -> None:
        """Write the document."""
        write_text(path, "\n".join([*self._parts, "}"]) + "\n")


def _column_ends(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return where columns end in twips, each as wide as its content asks for."""
    widths = [min(max(map(len, column)), _WIDEST) + 3 for column in zip(*rows, strict=True)]
    return [round(_PAGE_TWIPS * sum(widths[: n + 1]) / sum(widths)) for n in range(len(widths))]


def escape(text: str) -> str:
    """Return a text in ASCII in which nothing is a control word of rich text."""
    shown = []
    for letter in text:
        code = ord(letter)
        if letter in "\\{}":
            shown.append(f"\\{letter}")
        elif letter == "\n":
            shown.append("\\line ")
        elif letter == "\t":
            shown.append("\\tab ")
        elif 32 <= code < 127:
            shown.append(letter)
        elif code >= 160 and not 0xD800 <= code < 0xE000:
            units = letter.encode("utf-16-le")
            for low, high in zip(units[::2], units[1::2], strict=True):
                unit = low + 256 * high
                shown.append(f"\\u{unit - 65536 if unit > 32767 else unit}?")
    return "".join(shown)
