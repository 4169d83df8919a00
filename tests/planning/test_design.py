from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.participants_table import find_participants, read_participants
from fcnm_bids.inputs.store import mean_displacement
from fcnm_bids.interfaces.group import WriteParticipants
from fcnm_bids.planning.design import group_design

GRID = Grid((2, 2, 2), np.eye(4), "MNI152NLin6Asym")


def run(mean_fd: float | None) -> StoredRun:
    return StoredRun(Path("x.h5"), "key", {"mean_fd": mean_fd}, GRID)


PARTICIPANTS = {f"{i:02}": [run(0.1 * i), run(0.1 * i + 0.02)] for i in range(1, 7)}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rows = ["participant_id\tage\tsite"]
    rows += [f"sub-{i:02}\t{20 + i * i}\t{1 + i % 2}" for i in range(1, 7)]
    (tmp_path / "participants.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def config(dataset: Path, *covariates: str) -> Config:
    fresh = Config(str(dataset), str(dataset / "out"), "group")
    return fresh.update({"group": {"covariates": covariates}})


def test_motion_is_the_mean_over_runs() -> None:
    assert mean_displacement([run(0.1), run(None), run(0.3)]) == pytest.approx(0.2)
    assert mean_displacement([run(None)]) is None


def test_design_from_the_table_and_the_store(dataset: Path) -> None:
    design = group_design(config(dataset, "mean_fd", "age"), dataset, PARTICIPANTS)
    assert design.names == ("mean_fd", "age")
    moved = [0.1 * i + 0.01 for i in range(1, 7)]
    assert np.corrcoef(design.columns[:, 0], moved)[0, 1] == pytest.approx(1)


def test_levels_in_the_sidecar_make_a_covariate_categorical(dataset: Path) -> None:
    assert group_design(config(dataset, "site"), dataset, PARTICIPANTS).names == ("site",)
    described = {"site": {"Levels": {"1": "north", "2": "south"}}}
    (dataset / "participants.json").write_text(json.dumps(described))
    assert group_design(config(dataset, "site"), dataset, PARTICIPANTS).names == ("site[2]",)


def test_units_in_the_sidecar_make_a_covariate_a_number(dataset: Path) -> None:
    table = (dataset / "participants.tsv").read_text().replace("\t1\n", "\tnorth\n")
    (dataset / "participants.tsv").write_text(table.replace("\t2\n", "\tsouth\n"))
    assert group_design(config(dataset, "site"), dataset, PARTICIPANTS).names == ("site[south]",)
    (dataset / "participants.json").write_text(json.dumps({"site": {"Units": "km"}}))
    with pytest.raises(RequestError, match=r"'south' \(sub-01, sub-03, sub-05\), 'north'"):
        group_design(config(dataset, "site"), dataset, PARTICIPANTS)


def test_the_groups_own_table_gives_the_same_model(dataset: Path, tmp_path: Path) -> None:
    described = {"site": {"Levels": {"1": "north", "2": "south"}}, "age": {"Units": "years"}}
    (dataset / "participants.json").write_text(json.dumps({**described, "sex": {"Levels": {}}}))
    out = dataset / "out"
    for bids_dir in (dataset, out / "connectome"):
        asked = Config(str(bids_dir), str(out), "group")
        (tmp_path / "config.toml").write_text(asked.to_toml())
        node = WriteParticipants(
            config_file=str(tmp_path / "config.toml"),
            participants=[(who, []) for who in PARTICIPANTS],
        )
        node.run(cwd=str(tmp_path))
        own = read_participants(out / "participants.tsv")
        assert own.categorical == {"site"}
        assert own.measured == {"age"}
        assert list(own.values("age", ["02", "06"])) == ["24", "56"]


def test_all_that_is_wrong_is_said_at_once(dataset: Path) -> None:
    participants = {**PARTICIPANTS, "99": [run(None)]}
    with pytest.raises(RequestError) as error:
        group_design(config(dataset, "iq", "age", "mean_fd"), dataset, participants)
    unknown, *missing = error.value.problems
    assert "no such column; choose from age, site" in unknown
    path = dataset / "participants.tsv"
    assert missing == [
        f"covariate age: no value for sub-99 ({path} has no row for sub-99); fill the table",
        "covariate mean_fd: no value for sub-99",
    ]


def test_why_somebody_has_no_value_is_told(dataset: Path) -> None:
    path = dataset / "participants.tsv"
    lines = path.read_text().splitlines()
    lines[1] = "sub-1\t24\t1"
    lines[2] = "sub-02\tn/a\t2"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RequestError) as error:
        group_design(config(dataset, "age"), dataset, PARTICIPANTS)
    assert error.value.problems == (
        f"covariate age: no value for sub-01, sub-02 ({path} has a row with another spelling for "
        "sub-01 (1), an empty cell for sub-02); fill the table",
    )


def test_without_a_table_there_are_no_covariates(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no participants\.tsv"):
        group_design(config(tmp_path, "age"), tmp_path, PARTICIPANTS)
    assert group_design(config(tmp_path, "mean_fd"), tmp_path, PARTICIPANTS).names == ("mean_fd",)


def test_the_raw_table_serves_its_derivatives(dataset: Path) -> None:
    derivatives = dataset / "derivatives" / "fmriprep"
    derivatives.mkdir(parents=True)
    assert find_participants(derivatives) == (dataset / "participants.tsv").resolve()


def test_somebody_listed_twice_is_refused(dataset: Path) -> None:
    path = dataset / "participants.tsv"
    path.write_text(path.read_text() + "sub-03\t50\t1\n")
    with pytest.raises(RequestError, match="lists sub-03 twice"):
        read_participants(path)
