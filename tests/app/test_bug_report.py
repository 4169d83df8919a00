"""A bug report has what helps, and nobody's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids import __version__
from fcnm_bids.app.bug_report import bug_report
from fcnm_bids.cli.parser import build_parser
from fcnm_bids.config import Config

CRASH = """\
cause: {out}/connectome/sub-MUELLER07/func/sub-MUELLER07_task-rest.h5: Unable to open
node: fcnm_participants_wf.sub_MUELLER07_wf.project
participant MUELLER07, original Mueller-07, and MUELLER07's neighbour sub-SCHMIDT
machine: node17.clinic.example, 2026-11-20 10:00:00
  bold: {bids}/sub-MUELLER07/func/x.nii.gz
  other: /data/mueller/atlas.nii.gz
  File "/data/mueller/venv/lib/python3.12/site-packages/h5py/_hl/files.py", line 231, in make_fid
OSError: Unable to open file
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with a crash."""
    bids, out = tmp_path / "charite" / "fmriprep", tmp_path / "out"
    logs = out / "logs" / "20261120-100000_abc"
    logs.mkdir(parents=True)
    config = Config(str(bids), str(out), "participant").update(
        {
            "selection": {"participant_label": ("MUELLER07", "SCHMIDT")},
            "denoising": {"smoothing": 4.0},
            "seeds": {"coordinates": "/data/mueller/peaks.tsv"},
            "running": {"work_dir": str(tmp_path / "work")},
        }
    )
    (logs / "config.toml").write_text(config.to_toml())
    (logs / "crash-x.sub_MUELLER07_wf.project.txt").write_text(CRASH.format(out=out, bids=bids))
    rows = "participant_id\toriginal_id\nsub-MUELLER07\tMueller-07\n"
    (out / "participants.tsv").write_text(rows)
    return out


def test_it_names_nobody_and_no_folder(output: Path) -> None:
    text = bug_report(output)
    for name in ("MUELLER", "Mueller", "mueller", "SCHMIDT", "charite", "clinic", str(output)):
        assert name not in text, name


def test_it_has_the_cause_the_settings_and_the_versions(output: Path) -> None:
    text = bug_report(output)
    assert f"fcnm_bids {__version__}" in text
    assert "* --smoothing 4.0" in text
    assert "* --coordinates (given)" in text
    assert "<output_dir>/connectome/sub-P1/func/sub-P1_task-rest.h5: Unable to open" in text
    assert "sub_P1_wf.project" in text
    assert "site-packages/h5py/_hl/files.py" in text
    assert "## Level group\n\nNo run is recorded." in text


def test_versions_alone_need_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["--report-bug"])
    assert ended.value.code == 0
    assert "numpy" in capsys.readouterr().out
