"""Options that requests on finished results would ignore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.app.unused_options import refuse_unused
from fcnm_bids.cli.parser import parse
from fcnm_bids.errors import RequestError


def refused(root: Path, *words: str) -> list[str]:
    request = parse(["bids", str(root), *words])
    try:
        refuse_unused(request.config, request.explicit)
    except RequestError as error:
        return list(error.problems)
    return []


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An output folder whose group level was made with an alpha of 0.01."""
    config = parse(["bids", str(tmp_path), "group", "--alpha", "0.01"]).config
    logs = tmp_path / "logs" / "20260101-000000_a"
    logs.mkdir(parents=True)
    (logs / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("group", "--reports-only", "--alpha", "0.05"), "--alpha"),
        (("group", "--reports-only", "--smoothing", "3"), "--smoothing"),
        (("group", "--reports-only", "--overwrite"), "--overwrite"),
        (("group", "--reports-only", "--dry-run"), "--dry-run"),
        (("group", "--rethreshold", "0.4", "--min-cluster-volume", "0"), "--min-cluster-volume"),
        (("group", "--rethreshold", "0.4", "--reports-only"), "--reports-only"),
        (("participant", "--rethreshold", "0.4"), "--rethreshold"),
        (("group", "--reports-only", "--participant-label", "01"), "--participant-label"),
    ],
)
def test_an_option_that_would_be_ignored_is_named(made: Path, words: Any, option: str) -> None:
    (problem,) = refused(made, *words)
    assert problem.startswith(option)


@pytest.mark.parametrize(
    "words",
    [
        ("group", "--reports-only", "--alpha", "0.01", "--nprocs", "3", "-w", "elsewhere"),
        ("group", "--reports-only", "--reports", "qc", "-v"),
        ("group", "--rethreshold", "0.4"),
        ("participant", "--reports-only", "--participant-label", "01"),
    ],
)
def test_options_as_before_and_on_resources_are_taken(made: Path, words: Any) -> None:
    assert refused(made, *words) == []
