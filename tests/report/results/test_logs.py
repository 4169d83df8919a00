"""Logs of an output folder: the last run of a level, and the tracebacks of nodes."""

from __future__ import annotations

import os
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.report.results.logs import latest_run, subject_crashes


def logged(root: Path, name: str, level: str, alpha: float = 0.05, age: int = 0) -> Path:
    logs = root / "logs" / name
    logs.mkdir(parents=True)
    config = Config("in", str(root), level).update({"group": {"alpha": alpha}})
    (logs / "config.toml").write_text(config.to_toml())
    os.utime(logs / "config.toml", (age, age))
    return logs


def alpha(root: Path, level: str = "group") -> float | None:
    record = latest_run(root, level)
    return record.config.group.alpha if record else None


def test_the_last_run_of_the_level_counts(tmp_path: Path) -> None:
    assert alpha(tmp_path) is None
    logged(tmp_path, "20260102-000000_a", "group", 0.02)
    logged(tmp_path, "20260101-000000_b", "group", 0.01)
    logged(tmp_path, "20260103-000000_c", "participant", 0.03)
    assert (alpha(tmp_path), alpha(tmp_path, "participant")) == (0.02, 0.03)
    # of the same second, the one that was written last
    logged(tmp_path, "20260104-000000_z", "group", 0.04, age=1)
    logged(tmp_path, "20260104-000000_a", "group", 0.05, age=2)
    assert alpha(tmp_path) == 0.05


def test_logs_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    logged(tmp_path, "20260101-000000_a", "group", 0.01)
    for number, text in enumerate(("", "analysis_level = ", "[group]\nalpha = 'x'", "\xff")):
        logs = tmp_path / "logs" / f"2026010{number + 2}-000000_x"
        logs.mkdir()
        (logs / "config.toml").write_bytes(text.encode("latin-1"))
    (tmp_path / "logs" / "20260109-000000_empty").mkdir()
    assert alpha(tmp_path) == 0.01


def test_crashes_are_cut_to_their_end_and_belong_to_participants(tmp_path: Path) -> None:
    logs = logged(tmp_path, "20260101-000000_a", "participant")
    (logs / "crash-b.txt").write_text("x" * 9000 + "\nnode: wf.sub_01_wf.map\nthe end")
    (logs / "crash-a.txt").write_text("node: wf.sub_012_wf.map")
    (logs / "other.txt").touch()
    record = latest_run(tmp_path, "participant")
    assert record is not None
    (first, _), (second, text) = record.crashes()
    assert (first, second) == ("crash-a.txt", "crash-b.txt")
    assert text.startswith("...\nxxx")
    assert text.endswith("the end")
    assert len(text) < 6100
    assert [name for name, _ in subject_crashes(tmp_path, "01")] == ["crash-b.txt"]
    assert subject_crashes(tmp_path / "nothing", "01") == []


def test_an_environment_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    logs = logged(tmp_path, "20260101-000000_a", "group")
    for content, expected in ((None, {}), ("[", {}), ("[1]", {}), ('{"a": 1}', {"a": 1})):
        if content is not None:
            (logs / "environment.json").write_text(content)
        record = latest_run(tmp_path, "group")
        assert record is not None
        assert record.environment == expected
