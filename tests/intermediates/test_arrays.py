"""Arrays come back as they were written, and a file is whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.arrays import write_arrays


def test_arrays_are_read_back_without_those_that_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    write_arrays(path, values=np.arange(3.0), space="MNI", shape=(2, 3), missing=None)
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {"values", "space", "shape"}
        np.testing.assert_array_equal(stored["values"], np.arange(3.0))
        assert str(stored["space"]) == "MNI"
        assert stored["shape"].tolist() == [2, 3]


def test_what_cannot_be_written_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    write_arrays(path, values=np.zeros(2))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="pickle"):
        write_arrays(path, values=np.array([object()]))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
