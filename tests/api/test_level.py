"""A level run from Python ends in the error of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.api.level import run_analysis_level
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError


def test_a_wrong_request_is_the_error_of_the_command_line(tmp_path: Path) -> None:
    config = Config(str(tmp_path / "nothing"), str(tmp_path / "out"), "participant").update(
        {"running": {"work_dir": str(tmp_path / "work")}}
    )
    with pytest.raises(RequestError, match="nothing"):
        run_analysis_level(config)
    assert not (tmp_path / "out").exists()
