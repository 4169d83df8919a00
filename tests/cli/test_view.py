"""The command that writes the explorer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.cli.view import main
from tests.report.explorer.made import make_results


def test_a_folder_without_networks_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no network in it" in capsys.readouterr().err


def test_the_page_goes_into_the_first_folder_with_licences_and_without_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_results(tmp_path / "results", voxel=16.0, contrasts=2)
    assert main([str(folder)]) == 0
    page = folder / "explorer.html"
    assert capsys.readouterr().out == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert "Copyright (c) 2021, Niivue" in text
    assert "Louis Collins" in text
    assert str(tmp_path) not in text
    assert "connect-src data: blob:" in text
