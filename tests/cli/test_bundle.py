"""``fcnm-bundle`` says where the bundle is, or what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.cli.bundle import main
from fcnm_bids.cli.run import DONE, WRONG_REQUEST
from tests.report.explorer.made import make_results


def test_the_bundle_stands_beside_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fcnm_bids.report.bundle.build.draw_figures", lambda *_: ([], []))
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=2)
    assert main([str(root)]) == DONE
    assert (tmp_path / "out_bundle" / "ro-crate-metadata.json").is_file()
    assert str(tmp_path / "out_bundle") in capsys.readouterr().out
    assert main([str(root), "--output", str(tmp_path / "b"), "--license", "https://a.b"]) == DONE
    assert "https://a.b" in (tmp_path / "b" / "ro-crate-metadata.json").read_text()


def test_a_folder_without_a_network_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == WRONG_REQUEST
    assert "no network of a group level" in capsys.readouterr().err
