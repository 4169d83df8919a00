"""Real tables of several programs: read, or refused with what is really wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.denoise import (
    complete_confounds,
    keep_volumes,
    load_strategy,
    nuisance_columns,
    read_confounds,
)
from fcnm_bids.errors import RunError, SeedError
from fcnm_bids.seeds import read_foci

REASONS = {
    "test_desc-ICA_mixing.tsv": "the table has no motion columns",
    "test_desc-tedana_metrics.tsv": "the table has no motion columns",
    "participants.tsv": "the table has no motion columns",
    "sub-pixar123_task-pixar_desc-reducedConfounds_regressors.tsv": "does not have: global_signal;",
}
"""The tables that are none for the default strategy, and why."""


def test_every_confound_table_is_used_or_refused_with_the_true_reason(shared_data: Path) -> None:
    strategy = load_strategy("27P")
    refused = {}
    for path in sorted((shared_data / "confounds").rglob("*.tsv")):
        rows = len(path.read_text().splitlines()) - 1
        try:
            table = complete_confounds(read_confounds(path))
            names = strategy.columns(table.names, {})
            volumes = keep_volumes(table, dummy_scans="auto", fd_threshold=0.5)
            values = nuisance_columns(table, names)
        except RunError as error:
            refused[path.name] = str(error)
            continue
        assert values.shape == (rows, 27)
        assert np.isfinite(values).all()
        assert volumes.kept.size == rows
    assert set(refused) == set(REASONS)
    assert all(reason in refused[name] for name, reason in REASONS.items())


@pytest.mark.parametrize("number", range(1, 6))
def test_every_sleuth_file_is_read_or_refused_with_its_lines(
    shared_data: Path, number: int
) -> None:
    name = f"test_sleuth_file{number if number > 1 else ''}.txt"
    path = shared_data / "coordinates" / name
    try:
        assert read_foci(path, effect="up")
    except SeedError as error:
        for problem in error.problems:
            assert re.match(rf"{name}, line \d+: ", problem)
