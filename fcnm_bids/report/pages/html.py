"""An HTML page that needs no other file: blocks, sections, and the template that shows them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote_from_bytes

_DATA = files("fcnm_bids.data") / "report"

NIIVUE = "niivue-0.69.0.umd.js"
NIIVUE_SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
"""Digest of the script as npm has it; a page's policy runs it with this digest only."""

_OPTION = re.compile(r"(?<![\w-])-(?:-[a-z][a-z0-9-]+|[a-zA-Z])(?![\w-])")
"""An option of the command line."""

_IN_DATA_URI = " /:;=?,.+-_()*!@$'"
_MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Prose:
    """Paragraphs of text."""

    paragraphs: tuple[str, ...]
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Note:
    """A remark that stands out; `tone` is "info", "warning" or "error"."""

    text: str
    tone: str = "info"
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Facts:
    """Short answers, each under its name."""

    entries: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Findings:
    """Sentences that answer a question, each under what it is about."""

    entries: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "findings"


@dataclass(frozen=True)
class Place:
    """A place in the explorer of the page: a position in mm, or the map of a contrast.

    Parameters
    ----------
    network
        BIDS label of the network.
    position
        x, y and z in mm; None for a contrast.
    contrast
        BIDS label of the contrast, whose map is shown at its peak; empty for a position.
    folder
        Number of the result folder among those of the explorer.
    """

    network: str
    position: tuple[float, ...] | None = None
    contrast: str = ""
    folder: int = 0

    @property
    def go(self) -> str:
        """The position as the page writes it."""
        return " ".join(f"{value:g}" for value in self.position or ())


@dataclass(frozen=True)
class Places:
    """Texts, each of which leads to a place in the explorer, behind a label."""

    label: str
    entries: tuple[tuple[str, Place], ...]
    kind: ClassVar[str] = "places"


@dataclass(frozen=True)
class Table:
    """A table; numbers are already texts.

    Parameters
    ----------
    caption
        What the table shows.
    columns
        Headings.
    rows
        Cells.
    numeric
        Columns whose cells are aligned to the right.
    file
        The table on disk, relative to the page; empty where there is none.
    places
        Where each row leads in the explorer; empty where they lead nowhere.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    file: str = ""
    places: tuple[Place, ...] = ()
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Figure:
    """A picture on disk; the page carries a copy of it.

    Parameters
    ----------
    path
        SVG or PNG file.
    alt
        What a participant who cannot see it should know.
    caption
        What stands below it.
    root
        The output folder, to which the file's place is told.
    size
        "wide", "half" or "small".
    inside
        False where the page has a link to the file alone.
    """

    path: Path
    alt: str
    caption: str
    root: Path
    size: str = "wide"
    inside: bool = True
    kind: ClassVar[str] = "figure"

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        content = self.path.read_bytes()
        if self.path.suffix == ".svg":  # its pictures are in base64 already
            return f"data:{_MEDIA_TYPES['.svg']},{_quoted(content)}"
        coded = base64.b64encode(content).decode("ascii")
        return f"data:{_MEDIA_TYPES[self.path.suffix]};base64,{coded}"

    @property
    def place(self) -> str:
        """Return the picture's path, relative to the output folder."""
        return self.path.relative_to(self.root).as_posix()


def _quoted(content: bytes) -> str:
    """Quote bytes for a data URI as `urllib` does, but many times faster: one value at a time."""
    quoted = content.replace(b"%", b"%25")
    for value in set(content) - {ord("%")}:
        one = bytes([value])
        other = quote_from_bytes(one, safe=_IN_DATA_URI).encode("ascii")
        if other != one:
            quoted = quoted.replace(one, other)
    return quoted.decode("ascii")


@dataclass(frozen=True)
class Row:
    """Blocks side by side where the page is wide enough."""

    blocks: tuple[Any, ...]
    kind: ClassVar[str] = "row"


@dataclass(frozen=True)
class Code:
    """Text as it is, in a fixed-width face."""

    text: str
    label: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks behind a heading that opens them; `printed`: on paper they are open too."""

    title: str
    blocks: tuple[Any, ...]
    open: bool = False
    printed: bool = True
    kind: ClassVar[str] = "folded"


@dataclass(frozen=True)
class Html:
    """Markup that this package made and escaped itself."""

    markup: str
    kind: ClassVar[str] = "html"


@dataclass(frozen=True)
class Explorer:
    """The explorer, once in a page; `content` is what its script reads."""

    content: Mapping[str, Any] = field(hash=False)
    kind: ClassVar[str] = "explorer"

    @property
    def niivue(self) -> str:
        """The script that draws brains, gzipped, in base64."""
        return base64.b64encode(_bytes(f"explorer/{NIIVUE}.gz")).decode("ascii")

    @property
    def notices(self) -> str:
        """Licences of what the explorer carries."""
        return _text("explorer/NOTICES.txt")


@dataclass(frozen=True)
class Section:
    """A heading with blocks, and perhaps sections below it.

    Parameters
    ----------
    anchor
        Its address within the page; letters, digits and hyphens.
    title
        Heading.
    blocks
        Its content.
    sections
        Sections one level below.
    printed
        False for what is of no use on paper.
    """

    anchor: str
    title: str
    blocks: tuple[Any, ...] = ()
    sections: tuple[Section, ...] = ()
    printed: bool = True


def render_page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The page as HTML, with styles, scripts and pictures inside.

    All text is escaped, and the page's own policy lets nothing run but its own scripts.

    Parameters
    ----------
    title, subtitle
        What the page is about.
    sections
        Its content.
    """
    explores = any(isinstance(block, Explorer) for s in sections for block in s.blocks)
    more = ("explorer/explorer",) if explores else ()
    scripts = [_text(f"{name}.js") for name in ("script", *more)]
    allowed = [hashlib.sha256(script.encode()).digest() for script in scripts]
    if explores:
        allowed.append(bytes.fromhex(NIIVUE_SHA256))
    page: str = template("page.html.jinja").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        style="".join(_text(f"{name}.css") for name in ("style", *more)),
        scripts=scripts,
        digests=[base64.b64encode(digest).decode("ascii") for digest in allowed],
        explores=explores,
    )
    return page


def _bytes(name: str) -> bytes:
    return (_DATA / name).read_bytes()


def _text(name: str) -> str:
    return _bytes(name).decode("utf-8")


@cache
def template(name: str) -> Any:
    """Return a template of the folder ``data/report``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["inert_json"] = _inert_json
    environment.filters["whole_options"] = _whole_options
    return environment.get_template(name)


def _inert_json(content: Any) -> Any:
    """JSON that cannot end the script element it stands in."""
    from markupsafe import Markup

    text = json.dumps(content, ensure_ascii=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _whole_options(text: str) -> Any:
    """Escape a text in which options are not broken after their hyphens."""
    from markupsafe import Markup, escape

    if "-" not in text:
        return text
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))
