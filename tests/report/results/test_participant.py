"""A participant's files in an output folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.report.results.participant import ParticipantOutputs

MAP = "sub-01_task-rest_space-MNI_seed-{}_stat-fisherz_statmap.nii.gz"


@pytest.fixture
def func(tmp_path: Path) -> Path:
    folder = tmp_path / "sub-01" / "func"
    folder.mkdir(parents=True)
    for seed in ("a", "b", "c"):
        (folder / MAP.format(seed)).touch()
    return folder


def test_maps_come_in_the_order_of_the_coverage_table(func: Path, tmp_path: Path) -> None:
    def seeds() -> list[str]:
        maps = ParticipantOutputs(tmp_path, "01").maps()
        return [path.name.split("_seed-")[1][0] for path in maps]

    assert seeds() == ["a", "b", "c"]
    table = pd.DataFrame({"seed": ["c", "a", "c"], "run": "x"})
    table.to_csv(func / "sub-01_task-rest_desc-coverage_metrics.tsv", sep="\t", index=False)
    assert seeds() == ["c", "a"]  # b is of an earlier request


def test_tables_and_volumes_are_found_in_sessions_too(func: Path, tmp_path: Path) -> None:
    participant = ParticipantOutputs(tmp_path, "01")
    assert participant.table("qc") is None
    assert participant.volumes() == []
    for session in ("2", "1"):
        folder = tmp_path / "sub-01" / f"ses-{session}" / "func"
        folder.mkdir(parents=True)
        (folder / f"sub-01_ses-{session}_task-rest_desc-volumes_timeseries.tsv").touch()
    assert [path.parent.parent.name for path in participant.volumes()] == ["ses-1", "ses-2"]


def test_a_stored_run_is_that_of_its_table_of_volumes(projected: Path, tmp_path: Path) -> None:
    stored = next(projected.glob("sub-01/func/*.h5"))
    volumes = tmp_path / "sub-01" / "func" / stored.name.replace(
        "_desc-projected_timeseries.h5", "_desc-volumes_timeseries.tsv"
    )  # fmt: skip
    assert ParticipantOutputs(tmp_path, "01").stored_run(volumes) is None  # no log of a run
    config = Config("in", str(tmp_path), "participant").update(
        {"connectome": {"connectome_dir": str(projected)}}
    )
    logs = tmp_path / "logs" / "20260101-000000_x"
    logs.mkdir(parents=True)
    (logs / "config.toml").write_text(config.to_toml())
    participant = ParticipantOutputs(tmp_path, "01")
    run = participant.stored_run(volumes)
    assert run is not None
    assert run.path == stored
    gone = volumes.with_name(volumes.name.replace("task-rest", "task-nap"))
    assert participant.stored_run(gone) is None
