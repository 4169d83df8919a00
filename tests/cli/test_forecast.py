"""What a dry run predicts against what the whole run took."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from fcnm_bids.app.dry_run import forecast_level
from fcnm_bids.config import Config
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.participant import plan_participant_level
from tests.cli.desk import Finished


def size(files: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def request(finished: Finished, level: str, output: Path) -> Config:
    """The request of the whole run, with nothing made yet where its outputs go."""
    config = Config(str(finished.fmriprep), str(output), level)
    store = str(finished.output / "connectome") if level == "group" else None
    return config.update(
        {
            "seeds": {"coordinates": str(finished.coordinates)},
            "connectome": {"connectome_dir": store},
            "resources": {"nprocs": 1},
        }
    )


def test_the_store_and_the_maps_of_participants_take_the_disk_that_was_predicted(
    finished: Finished, tmp_path: Path
) -> None:
    config = request(finished, "participant", tmp_path / "out")
    found = {row.kind: row for row in forecast_level(plan_participant_level(config), config)}
    stored = size(finished.output.glob("connectome/sub-*/**/*.h5"))
    assert found["project"].needs.output == pytest.approx(stored, rel=0.25)
    maps = size(finished.output.glob("sub-*/func/*_stat-fisherz_statmap.*"))
    assert found["map"].needs.output == pytest.approx(maps, rel=0.25)
    assert found["project"].n_nodes == found["map"].n_nodes == found["report"].n_nodes == 4
    assert not (tmp_path / "out").exists()


def test_the_group_takes_the_disk_that_was_predicted(finished: Finished, tmp_path: Path) -> None:
    config = request(finished, "group", tmp_path / "out")
    found = {row.kind: row for row in forecast_level(plan_group_level(config), config)}
    group = finished.output / "group"
    contrasts = size(group.glob("seed-*"))
    assert found["contrast"].needs.output == pytest.approx(contrasts, rel=0.25)
    assert found["contrast"].n_nodes == 2
    report = size([*group.glob("figures/*"), finished.output / "group.html"])
    forecast = found["report"].needs.output + found["figures"].needs.output
    # the network here is empty, and has neither a viewer nor a surface
    assert 0.4 * forecast < report < forecast
