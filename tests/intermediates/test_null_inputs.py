"""Inputs that all draws share are read back from their file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectome import ProjectedRun, write_coarser
from fcnm_bids.errors import StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.intermediates.null_inputs import null_participant, read_nulls

GRID = Grid((3, 2, 2), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI152NLin6Asym")


def coarse(path: Path, *index: int) -> tuple[str, str]:
    """A run on a coarser grid, with the key of the one it was made from."""
    values = np.random.default_rng(len(index)).random((4, len(index)), dtype=np.float32)
    write_coarser(path, ProjectedRun(values, np.array(index), GRID))
    return str(path), "key"


def test_a_participant_has_the_voxels_of_all_runs(tmp_path: Path) -> None:
    paths = [coarse(tmp_path / "a.npz", 1, 2, 5), coarse(tmp_path / "b.npz", 2, 7)]
    participant = null_participant("01", paths, DenoisingSettings())
    assert participant.name == "01"
    np.testing.assert_array_equal(participant.voxels(), [1, 2, 5, 7])
    first, second = participant.open_runs()
    np.testing.assert_array_equal(first.index, [1, 2, 5])
    assert second.values.shape == (4, 2)


def test_runs_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    participant = null_participant("01", [(str(tmp_path / "gone.npz"), "")], DenoisingSettings())
    with pytest.raises(StoreError, match=r"gone\.npz"):
        participant.open_runs()


@pytest.mark.parametrize("rate", [None, np.array([0.5, 2.0])])
def test_inputs_come_back(tmp_path: Path, rate: np.ndarray | None) -> None:
    participants = [("01", [coarse(tmp_path / "a.npz", 1, 2)])]
    np.savez(
        tmp_path / "nulls.npz",
        shape=GRID.shape,
        affine=GRID.affine,
        space=GRID.space,
        index=[1, 2],
        counted=[True, False],
        places=[2, 5],
        strength=[0.1, 0.2],
        participants=json.dumps(participants),
        **({} if rate is None else {"rate": rate}),
    )
    found = read_nulls(tmp_path / "nulls.npz", DenoisingSettings())
    assert GRID.difference(found.grid) is None
    assert (found.counted.tolist(), found.places.tolist()) == ([True, False], [2, 5])
    np.testing.assert_array_equal(found.strength, [0.1, 0.2])
    assert (found.rate is None) is (rate is None)
    ((name, own),) = ((p.name, p.voxels().tolist()) for p in found.participants)
    assert (name, own) == ("01", [1, 2])
