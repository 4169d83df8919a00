"""HTML of the objects for notebooks."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path


def figure(picture: Path, caption: str) -> str:
    """Return a picture with its caption; the picture is part of the text."""
    content = base64.b64encode(picture.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{content}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def paragraph(text: str) -> str:
    """Return a line of text."""
    return f"<p>{escape(text)}</p>"
