"""Result folders, and a browser with the explorer open."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-background-networking"]
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-3d-apis"]


def _made() -> Any:
    spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("made.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_results() -> Callable[..., Path]:
    return _made().make_results  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def first(make_results: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("one") / "first")


@pytest.fixture(scope="session")
def second(make_results: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On another grid."""
    folder = tmp_path_factory.mktemp("two") / "second"
    return make_results(folder, voxel=8.0, effect="decrease", seed=1)


@pytest.fixture(scope="module")  # one of Playwright's drivers at a time in a process
def browser() -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium here (apt-get install chromium)")
    with driver.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *WEBGL])
        yield found
        found.close()
