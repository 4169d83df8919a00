"""Examples of the docstrings, and the block of code that the front page promises."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pandas as pd
import pytest

import fcnm_bids.api
from fcnm_bids.api import results
from fcnm_bids.api.level import run_analysis_level
from fcnm_bids.config import Config
from tests.api.conftest import Analysed, write_literature

MODULES = [module.name for module in pkgutil.iter_modules(fcnm_bids.api.__path__)]
WITH_EXAMPLES = {"connectome", "results"}

PROMISED = """
from fcnm_bids import Connectome, load_results
connectome = Connectome("store/")                      # or .from_derivatives(path, ...)
seed = connectome.map([(0, -52, 26)], radius=6)        # SeedMap: .t_img, .z_img, .mask_img, .threshold, .plot()
network = connectome.network("peaks.tsv", threshold=0.5)   # NetworkResult: .probability_img, .clusters, .at(x, y, z), .report(path)
network.specificity("labels", n=1000);  network.robustness(); network.outcomes(scores)
results = load_results("fcnm/")                        # what the command line wrote, as the same objects
"""  # noqa: E501


@pytest.fixture
def desk(analysed: Analysed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the names that the examples use."""
    (tmp_path / "store").symlink_to(analysed.results.parent / "store" / "connectome")
    (tmp_path / "fcnm").symlink_to(analysed.results)
    write_literature(tmp_path)
    monkeypatch.chdir(tmp_path)

    def without_reports(request: Config) -> tuple[str, ...]:
        return run_analysis_level(request.update({"running": {"reports": "none"}}))

    monkeypatch.setattr(results, "run_analysis_level", without_reports)  # no example shows one
    return tmp_path


def examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder().find(importlib.import_module(f"fcnm_bids.api.{module}"))
    return [test for test in found if test.examples]


def test_modules_with_examples_are_known() -> None:
    assert {module for module in MODULES if examples(module)} == WITH_EXAMPLES


@pytest.mark.parametrize("module", sorted(WITH_EXAMPLES))
def test_examples_of_docstrings_run(module: str, desk: Path) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples(module):
        runner.run(test)
    assert runner.summarize().failed == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the table has the effects")
def test_the_block_that_was_promised_runs_as_printed(desk: Path) -> None:
    names = {"scores": pd.read_csv("scores.tsv", sep="\t")}
    exec(PROMISED, names)
    assert names["network"].effect == "increase"
    assert names["seed"].n_participants == len(names["connectome"].participants)
    assert list(names["results"]) == ["increase", "decrease"]
