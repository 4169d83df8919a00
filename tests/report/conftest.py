"""Result folders, those of both levels with hostile names among them, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.cli.run import DONE, main
from fcnm_bids.report.figures.group import draw_group_figures
from fcnm_bids.simulate import Truth

from .explorer.made import make_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-background-networking"]
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-3d-apis"]

HOSTILE = (
    "<script>alert(1)</script>",
    "../../x",
    "Α" + "β" * 199,
    "研究 一 {{boes2015}}",
    "a & b_c % $ # ~ ^ \\ \"quoted\" 'so'",
)


def hostile_coordinates(simulated: Truth, path: Path) -> Path:
    """The simulated foci under other names: studies, contrasts and effects."""
    table = pd.read_csv(simulated.coordinates, sep="\t", dtype=str, keep_default_na=False)
    for column in ("study", "contrast"):
        names = list(table[column].unique())
        new = {
            name: HOSTILE[i % len(HOSTILE)] + (f" {i}" if i >= len(HOSTILE) else "")
            for i, name in enumerate(names)
        }
        table[column] = table[column].map(new)
    effects = dict(
        zip(table["effect"].unique(), ("<img src=x onerror=alert(2)>", "增加 αύξηση"), strict=False)
    )
    table["effect"] = table["effect"].map(effects)
    table.to_csv(path, sep="\t", index=False)
    return path


@pytest.fixture(scope="session")
def finished(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both levels' results; not to be changed."""
    folder = tmp_path_factory.mktemp("reported")
    coordinates = hostile_coordinates(simulated, folder / "foci.tsv")
    shared = ["--work-dir", str(folder / "work"), "--nprocs", "1"]
    for level, options in (
        ("participant", ["--coordinates", str(coordinates)]),
        (
            "group",
            [
                *("--network-threshold", "0.5", "--height-control", "t=2"),
                *("--specificity", "--n-permutations", "19"),
            ],
        ),
    ):
        command = [str(simulated.fmriprep), str(folder / "out"), level, *options, *shared]
        assert main(command) == DONE
    return folder / "out"


@pytest.fixture(scope="session")
def redrawn(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A copy of the results whose group figures are drawn again, and those; not to be changed."""
    root = Path(shutil.copytree(finished, tmp_path_factory.mktemp("redrawn") / "out"))
    shutil.rmtree(root / "group" / "figures")
    return root, draw_group_figures(root)


@pytest.fixture
def results(finished: Path, tmp_path: Path) -> Path:
    """A copy of the results of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def run(results: Path, simulated: Truth, tmp_path: Path) -> Callable[..., int]:
    """Run the program on one's own copy."""

    def call(level: str, *options: str) -> int:
        work = str(tmp_path / "work")
        return main(
            [str(simulated.fmriprep), str(results), level, "-w", work, "--nprocs", "1", *options]
        )

    return call


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("one") / "first")


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
