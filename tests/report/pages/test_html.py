"""Pages hold everything inside, and text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from jinja2 import UndefinedError

from fcnm_bids.report.pages.html import (
    _IN_DATA_URI,
    Code,
    Explorer,
    Facts,
    Figure,
    Findings,
    Folded,
    Html,
    Note,
    Place,
    Places,
    Prose,
    Row,
    Section,
    Table,
    _quoted,
    render_page,
    template,
)

HOSTILE = "</script><img src=x onerror=alert(1)> & 'x' \"y\" {{ 7 * 7 }}"
BLOCKS = (
    Prose((HOSTILE,)),
    Note(HOSTILE, "warning"),
    Facts(((HOSTILE, HOSTILE),)),
    Findings(((HOSTILE, HOSTILE),)),
    Places(HOSTILE, ((HOSTILE, Place(HOSTILE, (1.0, 2.0, 3.0))),)),
    Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), frozenset({0})),
    Table("", ("a",), ((HOSTILE,),), places=(Place(HOSTILE, contrast=HOSTILE),)),
    Code(HOSTILE, HOSTILE),
    Folded(HOSTILE, (Row((Prose((HOSTILE,)), Prose((HOSTILE,)))),)),
    Explorer({"name": HOSTILE}),
)


def page(*blocks: object, title: str = "T") -> str:
    return render_page(title, "S", [Section("own", "Own", blocks)])


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_text_stays_text_in_every_block(block: object) -> None:
    text = page(block, title=HOSTILE)
    assert "<img src=x" not in text
    assert "49" not in re.sub(r"(?s)<(style|script).*?</\1>", "", text)
    empty = page(Explorer({}) if isinstance(block, Explorer) else Prose(("x",)))
    assert text.count("</script>") == empty.count("</script>")


def test_what_the_explorer_reads_comes_back() -> None:
    content = {"name": HOSTILE, "values": [1, 2.5, None], "ä": "研究"}
    text = page(Explorer(content))
    (found,) = re.findall(r'(?s)<script[^>]*type="application/json"[^>]*>(.*?)</script>', text)
    assert json.loads(found) == content
    with pytest.raises(ValueError, match="JSON compliant"):
        page(Explorer({"x": float("nan")}))


def test_the_policy_lets_the_pages_own_script_run_alone() -> None:
    text = page(Prose(("x",)))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    script = re.findall(r"(?s)<script>(.*?)</script>", text)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{digest}" in policy.replace("&#43;", "+").replace("&#39;", "'")
    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert not re.findall(r'(?:src|href)="https?:', text)


def test_a_figure_is_a_copy_of_its_file_and_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "group" / "figures" / "a.svg"
    path.parent.mkdir(parents=True)
    content = "<svg a=\"100%\" b='#&,;'>é</svg>\n".encode()
    path.write_bytes(content)
    figure = Figure(path, "what it shows", "caption", tmp_path)
    kind, coded = figure.source.split(",", 1)
    assert kind == "data:image/svg+xml"
    assert unquote_to_bytes(coded) == content
    assert figure.place == "group/figures/a.svg"
    text = page(figure)
    assert figure.source in unescape(text)
    assert 'alt="what it shows"' in text


def test_own_markup_is_kept_and_sections_have_their_anchors() -> None:
    inner = Section("inner", "Inner", (Html("<b>bold</b>"),))
    text = render_page("T", "S", [Section("outer", "Outer", (), (inner,))])
    assert "<b>bold</b>" in text
    assert {'id="outer"', 'id="inner"'} <= set(re.findall(r'id="\w+"', text))
    assert 'href="#outer"' in text


def test_a_template_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        template("page.html.jinja").render(title="T")


@pytest.mark.parametrize(
    "content", [b"", b"%%25%", bytes(range(256)), "<path d='M 1%' ü>".encode()]
)
def test_quotes_are_those_of_urllib(content: bytes) -> None:
    assert _quoted(content) == quote(content, safe=_IN_DATA_URI)
