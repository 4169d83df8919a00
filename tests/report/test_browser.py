"""The reports in a real browser, from the file system."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.report.results.group import GroupOutputs

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


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
        return [url for url in self.requests[1:] if not url.startswith("data:")]


@pytest.fixture
def group(browser: Any, finished: Path) -> Iterator[Visit]:
    visit = Visit(browser, finished / "group.html")
    visit.page.wait_for_selector("#viewer-box[data-ready=yes]")
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


def test_the_viewer_answers_a_click(group: Visit) -> None:
    before = group.page.inner_text("#viewer-position")
    group.page.click("#viewer-axial", position={"x": 40, "y": 60})
    after = group.page.inner_text("#viewer-position")
    assert before != after
    assert after.startswith("x ")


def test_the_viewer_answers_keys(group: Visit) -> None:
    def z() -> int:
        text = group.page.inner_text("#viewer-position")
        return int(text.split("z ")[1].removesuffix(" mm"))

    group.page.focus("#viewer-coronal")
    before = z()
    group.page.keyboard.press("ArrowUp")
    assert z() == before + 1
    group.page.keyboard.press("Shift+ArrowDown")
    assert z() == before - 4


def test_the_viewer_opens_at_the_highest_value_that_the_file_has(
    group: Visit, finished: Path
) -> None:
    network = GroupOutputs(finished).networks[0]
    option = group.page.locator("#viewer-map option").first
    assert option.inner_text() == f"{network.effect}: share of contrasts"
    highest = np.nanmax(np.asarray(nib.load(network.probability).dataobj))
    n = network.sidecar["NumberOfContrasts"]
    assert group.page.inner_text("#viewer-value") == f"{round(highest * n)} of {n} contrasts"


def test_another_map_can_be_chosen(group: Visit) -> None:
    options = group.page.locator("#viewer-map option")
    assert options.count() > 2
    group.page.select_option("#viewer-map", str(options.count() - 1))
    group.page.wait_for_function(
        "document.getElementById('viewer-range').textContent.endsWith(' t')"
    )
    assert group.complaints == []


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
