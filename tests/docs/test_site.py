"""The site that Sphinx makes of the pages: whole, and nothing in it comes from elsewhere."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fcnm_bids.cli.parser import build_parser
from tests.docs.pages import REPOSITORY, name_of

pytestmark = pytest.mark.slow

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"),
            *("-b", "html", "-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_every_option_is_on_its_page_with_its_default(site: Path) -> None:
    shown = " ".join(text_of(site / "options.html").split())
    for action in build_parser()._actions:
        for name in action.option_strings or [action.dest]:
            # spellings with underscores are told once, above all options
            assert name in shown or name.replace("_", "-") in shown, name
        if action.help and action.dest != "help":
            told = " ".join((action.help % vars(action)).split())
            assert told in shown, f"{action.dest}: {told}"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r"<(?:script|link|img|iframe|source|object)\b[^>]*?\b(?:src|href|data)=[\"']([^\"']+)",
            text,
        )
        assert not [address for address in loaded if re.match(r"(?:https?:)?//", address)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet


def test_every_page_is_on_the_site_and_in_its_contents(site: Path) -> None:
    front = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        made = page.relative_to(DOCS).with_suffix(".html")
        assert (site / made).is_file(), name_of(page)
        if made.parent == Path() and made.stem != "index":
            assert f'href="{made}"' in front, name_of(page)


def test_pages_that_are_named_are_links(site: Path) -> None:
    for page, named in (("specificity", "power"), ("contributing", "changes"), ("faq", "reruns")):
        article = (site / f"{page}.html").read_text(encoding="utf-8").split("<article", 1)[1]
        assert f'href="{named}.html"' in article.split("</article>", 1)[0], page


@pytest.mark.parametrize(
    ("level", "nodes"),
    [
        ("Participant", ("seeds", "project", "map", "report", "manifest")),
        (
            "Group",
            (
                *("sums", "contrast", "variants", "network", "robustness", "strength", "draws"),
                *("labels", "specificity", "compare", "report", "manifest"),
            ),
        ),
    ],
)
def test_the_workflows_are_drawn(site: Path, level: str, nodes: tuple[str, ...]) -> None:
    page = (site / "workflows.html").read_text(encoding="utf-8")
    drawing = page.split(f"Workflow of the {level.lower()} level", 1)[1].split("</svg>", 1)[0]
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", drawing)
    assert set(nodes) <= set(shown)
    assert drawing.count('class="edge"') >= len(nodes) - 1


def test_every_room_has_a_page_of_its_functions(site: Path) -> None:
    for room, name in {
        "seeds": "sphere_seeds",
        "denoise": "band_basis",
        "stats": "fwe_threshold",
        "mapping": "map_network",
        "specificity": "label_test",
    }.items():
        page = (site / "api" / f"{room}.html").read_text(encoding="utf-8")
        assert re.search(rf'id="fcnm_bids\.{room}[\w.]*\.{name}"', page), name
        assert "Parameters" in page


def test_pages_of_the_gallery_show_what_ran(site: Path) -> None:
    pages = [page for page in (DOCS / "gallery").glob("*.md") if page.stem != "index"]
    assert len(pages) >= 9
    for page in pages:
        made = (site / "gallery" / f"{page.stem}.html").read_text(encoding="utf-8")
        n_examples = page.read_text(encoding="utf-8").count("```{example}")
        assert n_examples, page
        assert made.count('class="example-output"') >= n_examples - 1, page


def test_the_report_of_the_demonstration_is_in_the_site(site: Path) -> None:
    for name in ("group.html", "sub-01.html"):
        assert "<h1>" in (site / "example_report" / name).read_text(encoding="utf-8")


def test_links_within_the_site_lead_somewhere(site: Path) -> None:
    anchors = {
        page: set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))
        for page in site.rglob("*.html")
    }
    broken = []
    for page in anchors:
        if page.parent.name in ("example_report", "_static"):
            continue
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', page.read_text(encoding="utf-8")):
            address, _, anchor = html.unescape(link).partition("#")
            if re.match(r"[a-z]+:", address):
                continue
            target = (page.parent / address).resolve() if address else page
            if not target.exists() or (anchor and anchor not in anchors.get(target, set())):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert not broken
