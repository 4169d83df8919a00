"""What is said of foci that the image cannot hold as they are."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.bids.write import write_text
from fcnm_bids.config import Config
from fcnm_bids.interfaces.seeds import MakeSeeds

FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace
Far 2020\ta\tup\t0\t0\t0\tMNI152
Far 2020\ta\tup\t90\t0\t0\tMNI152
Near 2021\tb\tup\t2\t4\t6\tMNI152
"""


def test_foci_outside_of_the_image_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_text(tmp_path / "foci.tsv", FOCI)
    config = Config(str(tmp_path), str(tmp_path / "out"), "group").update(
        {"seeds": {"coordinates": str(tmp_path / "foci.tsv")}}
    )
    write_text(tmp_path / "config.toml", config.to_toml())
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -20
    monkeypatch.setattr(logging.getLogger("fcnm_bids"), "propagate", True)
    made = MakeSeeds(
        config_file=str(tmp_path / "config.toml"),
        shape=[20, 20, 20],
        affine=affine.tolist(),
        entities={"space": "MNI152NLin6Asym", "task": "rest"},
    ).run(cwd=str(tmp_path))
    assert "1 of 3 foci lie outside the image" in caplog.text
    assert "Far 2020 (90, 0, 0)" in caplog.text
    assert "Near 2021" not in caplog.text
    assert Path(made.outputs.seeds_file).is_file()
