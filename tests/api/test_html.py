"""Pieces of HTML for notebooks."""

from __future__ import annotations

from pathlib import Path

from fcnm_bids.api.html import figure, paragraph


def test_text_is_escaped_and_the_picture_carried(tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"abc")
    shown = figure(tmp_path / "map.png", 'a < b "c"')
    assert "data:image/png;base64,YWJj" in shown
    assert "a &lt; b &quot;c&quot;" in shown
    assert paragraph("<b>") == "<p>&lt;b&gt;</p>"
