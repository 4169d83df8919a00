"""The reports in a real browser, from the file system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.report.pages.html import Code, Note, Prose, Section, Table, render_page
from fcnm_bids.report.results.group import GroupOutputs

pytestmark = pytest.mark.slow


class Visit:
    """An opened page, and what it did that it should not."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1400, "height": 900})
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def _refuse(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def outside(self) -> list[str]:
        """Requests beyond the page itself and what it carries."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]


@pytest.fixture
def group(browser: Any, finished: Path) -> Iterator[Visit]:
    visit = Visit(browser, finished / "group.html")
    visit.page.set_default_timeout(120_000)  # WebGL without a graphics card takes its time
    visit.page.wait_for_selector("#explorer[data-ready]")
    yield visit
    visit.page.close()


@pytest.mark.parametrize("name", ["group.html", "sub-01.html"])
def test_nothing_complains_and_nothing_is_fetched(browser: Any, finished: Path, name: str) -> None:
    visit = Visit(browser, finished / name)
    visit.page.wait_for_load_state("networkidle")
    assert visit.complaints == []
    assert visit.outside == []
    visit.page.close()


@pytest.mark.parametrize("name", ["group.html", "sub-01.html"])
def test_every_picture_loads(browser: Any, finished: Path, name: str) -> None:
    visit = Visit(browser, finished / name)
    widths = visit.page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
    assert len(widths) > 2
    assert min(widths) > 50
    visit.page.close()


def test_the_table_of_contents_leads_where_it_says(group: Visit) -> None:
    links = group.page.locator("nav a")
    for number in range(links.count()):
        link = links.nth(number)
        target = str(link.get_attribute("href"))
        group.page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        link.click()
        assert group.page.url.endswith(target)
        heading = group.page.locator(f"{target}-title")
        assert heading.inner_text() == link.inner_text()
        assert heading.is_visible()


def test_the_explorer_opens_at_the_highest_value_that_the_file_has(
    group: Visit, finished: Path
) -> None:
    network = GroupOutputs(finished).networks[0]
    assert group.page.locator("#network option").first.inner_text() == network.effect
    highest = np.nanmax(np.asarray(nib.load(network.probability).dataobj))
    n = network.sidecar["NumberOfContrasts"]
    held = f"{round(highest * n)} of {n} contrasts hold this voxel"
    assert held in group.page.inner_text("#here")


def test_rows_contrasts_and_foci_lead_to_the_explorer(group: Visit, finished: Path) -> None:
    results = GroupOutputs(finished)
    frame = results.table(results.networks[0], "clusters")
    assert frame is not None
    row = group.page.locator("tr[data-go]").first
    row.locator("td").last.click()
    assert position(group) == [float(frame[f"peak_{axis}"].iloc[0]) for axis in "xyz"]
    assert group.page.url.endswith("#explore")
    contrast = results.contrasts[0]
    group.page.locator("tr[data-contrast]").first.locator("button").press("Enter")
    group.page.wait_for_function(
        "text => document.getElementById('unit').textContent === text", arg=f"t: {contrast.name}"
    )
    group.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    group.page.locator("span[data-go] button").first.click()
    assert np.abs(np.subtract(position(group), contrast.foci[0])).max() <= 2 + 1e-6
    assert group.complaints == []


def position(visit: Visit) -> list[float]:
    return [float(visit.page.input_value(f"#{axis}")) for axis in "xyz"]


def test_without_javascript_pictures_and_tables_stand(browser: Any, finished: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((finished / "group.html").as_uri())
    assert page.locator("noscript p").first.is_visible()
    assert not page.locator("#explorer").is_visible()
    assert page.locator("tr[data-go]").first.is_visible()
    assert page.locator("figure img").first.is_visible()
    context.close()


def test_the_keyboard_reaches_everything(group: Visit) -> None:
    group.page.keyboard.press("Tab")
    assert group.page.evaluate("document.activeElement.className") == "skip"
    group.page.keyboard.press("Enter")
    assert group.page.evaluate("document.activeElement.id") == "content"
    reached = set()
    for _ in range(400):
        group.page.keyboard.press("Tab")
        reached.add(group.page.evaluate("document.activeElement.tagName"))
    assert {"SUMMARY", "SELECT", "INPUT", "CANVAS"} <= reached


def test_it_prints_with_everything_unfolded(group: Visit, tmp_path: Path) -> None:
    group.page.emulate_media(media="print")
    assert not group.page.locator("nav").is_visible()
    group.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert group.page.locator("details:not([open]):not(.aside)").count() == 0
    assert len(group.page.pdf(path=str(tmp_path / "page.pdf"))) > 10_000


def test_two_effects_print_on_twelve_pages_at_most(group: Visit, tmp_path: Path) -> None:
    group.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = group.page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    assert 1 < len(re.findall(rb"/Type /Page\b", printed)) <= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(browser: Any, finished: Path, scheme: str) -> None:
    visit = Visit(browser, finished / "group.html")
    visit.page.emulate_media(color_scheme=scheme)
    ink, paper = visit.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 7  # AAA
    assert (luminance(paper) < 0.1) is (scheme == "dark")
    visit.page.close()


def luminance(color: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` (WCAG 2)."""
    shares = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_hostile_names_are_seen_and_do_nothing(group: Visit) -> None:
    text = group.page.inner_text("main")
    assert "<script>alert(1)</script>" in text
    assert "<img src=x onerror=alert(2)>" in text
    assert group.complaints == []


def test_it_fits_a_telephone(browser: Any, finished: Path) -> None:
    visit = Visit(browser, finished / "group.html")
    visit.page.set_viewport_size({"width": 400, "height": 800})
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 400
    visit.page.close()


def test_options_are_not_broken_after_their_hyphens(browser: Any, tmp_path: Path) -> None:
    text = "name it with --null-resolution 8, or --exclude-near 10 (-p 24P) <b>; " * 20
    section = Section("one", "One", (Prose((text,)), Note(text), Code(text, "Command")))
    path = tmp_path / "page.html"
    path.write_text(render_page("Title", "", [section]), encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(path.as_uri())
    lines = "all => all.map(own => [own.textContent, own.getClientRects().length])"
    found = page.eval_on_selector_all(".option", lines)
    named = ["--null-resolution", "--exclude-near", "-p"]
    assert found == [[name, 1] for name in named * 60]
    assert "<b>" in page.inner_text("main p:not(.note)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.parametrize(("rows", "shown"), [(15, 15), (16, 16), (17, 17), (18, 15), (40, 15)])
def test_a_table_never_hides_one_or_two_rows(
    browser: Any, tmp_path: Path, rows: int, shown: int
) -> None:
    table = Table("Numbers", ("n",), tuple((str(n),) for n in range(rows)), frozenset({0}))
    path = tmp_path / "page.html"
    section = Section("one", "One", (table,))
    path.write_text(render_page("Title", "", [section]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.locator("th button").click()
    page.locator("th button").click()
    cells = page.locator("tbody td:visible").all_inner_texts()
    assert cells == [str(n) for n in range(rows)][::-1][:shown]
    assert (f"{shown} of {rows} rows" in page.inner_text(".tools")) is (shown < rows)
    page.close()
