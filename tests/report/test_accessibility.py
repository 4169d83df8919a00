"""The reports against the rules of axe-core: WCAG 2 A and AA, and good practice."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.cli.view import main as view
from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.pages.group import write_group_page
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results
from tests.report.pages.test_outcomes import outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def populated(finished: Path, folder: Path) -> Path:
    return finished / "group.html"


def participant(finished: Path, folder: Path) -> Path:
    return finished / "sub-01.html"


def empty(finished: Path, folder: Path) -> Path:
    return written(make_results(folder / "out", voxel=12.0, threshold=1.1), finished)


def many_contrasts(finished: Path, folder: Path) -> Path:
    return written(make_results(folder / "out", voxel=12.0, contrasts=40), finished)


def of_outcomes(finished: Path, folder: Path) -> Path:
    root = make_results(folder / "out", voxel=12.0, contrasts=3)
    outcome(root)
    return written(root, finished)


def explorer_alone(finished: Path, folder: Path) -> Path:
    one = make_results(folder / "one", voxel=12.0, contrasts=3)
    two = make_results(folder / "two", voxel=12.0, contrasts=3, effect="decrease", seed=1)
    assert view([str(one), str(two), "--output", str(folder / "view.html")]) == 0
    return folder / "view.html"


def written(root: Path, finished: Path) -> Path:
    """Write the report of results whose one figure is that of others."""
    (network,) = GroupOutputs(root).networks
    figure = network_figure(root, network.label, "slices")
    figure.parent.mkdir()
    other = GroupOutputs(finished).networks[0].label
    shutil.copy(network_figure(finished, other, "slices"), figure)
    return write_group_page(root)


@pytest.mark.parametrize(
    "page", [populated, participant, empty, many_contrasts, of_outcomes, explorer_alone]
)
def test_no_rule_is_violated(
    browser: Any, axe: str, finished: Path, tmp_path: Path, page: Any
) -> None:
    context = browser.new_context(bypass_csp=True)  # for the script of axe alone
    context.add_init_script(axe)
    opened = context.new_page()
    opened.set_default_timeout(120_000)  # WebGL without a graphics card takes its time
    opened.goto(page(finished, tmp_path).as_uri())
    if opened.locator("#explorer").count():
        opened.wait_for_selector("#explorer[data-ready]")
    opened.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = {}
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        for width in (1280, 390):
            opened.set_viewport_size({"width": width, "height": 900})
            opened.evaluate("dispatchEvent(new Event('resize'))")  # a busy machine takes its time
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
            violations = opened.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
            for rule in violations:
                nodes = [node["html"][:200] for node in rule["nodes"]]
                found[rule["id"], scheme, width] = (rule["help"], nodes)
    assert found == {}
    context.close()
