"""A request runs a level, or writes its methods text, a check or reports."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.app.analysis_level import run_analysis_level
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError

Make = Callable[..., Config]


def test_the_methods_text_alone_leaves_logs_and_nothing_else(
    request_for: Make, tmp_path: Path
) -> None:
    config = request_for(running={"boilerplate_only": True}, denoising={"smoothing": 3.0})
    assert run_analysis_level(config, {"denoising": {"smoothing": 3.0}})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["logs"]
    (text,) = (tmp_path / "out" / "logs").glob("*/CITATION.md")
    assert "3 mm full width" in text.read_text(encoding="utf-8")


def test_checks_and_reports_need_results(request_for: Make) -> None:
    for running in ({"check": True}, {"reports_only": True}):
        with pytest.raises(RequestError):
            run_analysis_level(request_for(running=running), {})


def test_options_of_the_other_level_and_foci_as_units_are_warned_of(
    request_for: Make, said: pytest.LogCaptureFixture
) -> None:
    said.set_level(logging.WARNING)
    config = request_for(seeds={"unit": "focus"}, running={"dry_run": True})
    assert run_analysis_level(config, {"group": {"alpha": 0.01}})
    assert (
        "--unit focus: studies that report many foci dominate the network; --unit contrast "
        "weights contrasts equally" in said.text
    )
    assert "--alpha" in said.text


def test_the_group_level_inherits_or_says_what_to_run(request_for: Make, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="run the participant level first"):
        run_analysis_level(request_for(level="group"), {})
    assert not (tmp_path / "out").exists()
