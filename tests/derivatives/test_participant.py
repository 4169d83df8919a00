"""Tables and sidecar entries of a participant's runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.derivatives.participant import (
    QC_COLUMNS,
    VOLUME_COLUMNS,
    coverage_table,
    describe_runs,
    qc_row,
    write_volumes,
)
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.inputs.runs.find import find_runs
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.planning.runs import run_input
from fcnm_bids.simulate import Truth


@pytest.fixture
def run(simulated: Truth, projected: Path) -> RunInput:
    """The first run of the simulated participants, which is stored."""
    root = simulated.fmriprep
    selection = Config("", "", "participant").selection
    return run_input(find_runs(root, selection)[0], root, projected, io_specs()["fmriprep"])


@pytest.fixture
def stored(run: RunInput) -> StoredRun:
    return open_run(Path(run.stored))


def test_every_volume_has_its_use_and_displacement(
    run: RunInput, stored: StoredRun, tmp_path: Path
) -> None:
    table_file, sidecar = write_volumes(run, stored, tmp_path)
    assert Path(sidecar).is_file()
    table = pd.read_csv(table_file, sep="\t", na_values="n/a")
    header = stored.attributes
    assert list(table) == list(VOLUME_COLUMNS)
    assert len(table) == header["n_volumes"]
    counts = table["use"].value_counts()
    assert counts["kept"] == header["n_kept"]
    assert counts.get("dummy", 0) == header["n_dummy"]
    assert counts.get("censored", 0) == header["n_censored"]
    assert (table["use"][: header["n_dummy"]] == "dummy").all()
    confounds = pd.read_csv(run.confounds, sep="\t", na_values="n/a")
    np.testing.assert_allclose(
        table["framewise_displacement"], confounds["framewise_displacement"], rtol=1e-5
    )
    assert (table["framewise_displacement"][table["use"] == "censored"] > 0.5).all()


def test_without_confounds_there_is_no_displacement(
    run: RunInput, stored: StoredRun, tmp_path: Path
) -> None:
    table_file, _ = write_volumes(replace(run, confounds=""), stored, tmp_path)
    table = pd.read_csv(table_file, sep="\t", na_values="n/a")
    assert table["framewise_displacement"].isna().all()
    assert "kept" in set(table["use"])


def test_a_row_of_the_qc_table_is_the_header_of_the_run(stored: StoredRun) -> None:
    row = qc_row(replace(stored, header={**stored.header, "n_blank": 2, "other": 1}))
    assert set(row) <= set(QC_COLUMNS)
    assert (row["n_blank"], row["dof"]) == (2, stored.dof)
    seconds = stored.attributes["n_kept"] * stored.attributes["repetition_time"]
    assert row["minutes_kept"] == round(seconds / 60, 3)


def test_coverage_is_the_share_of_a_seed_on_voxels_with_signal(
    stored: StoredRun, simulated: Truth
) -> None:
    config = Config("", "", "participant").update(
        {"seeds": {"coordinates": str(simulated.coordinates)}}
    )
    seeds = make_seeds(config.seeds, stored.grid)
    maps = participant_maps([stored.load()], seeds, min_coverage=0.5)
    labels = {contrast.name: f"x{n}" for n, contrast in enumerate(seeds.contrasts)}
    table = coverage_table(maps, seeds, labels, [stored], 0.5)
    weights = seeds.weights.toarray()
    share = weights[:, stored.index()].sum(axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(table["coverage"], share, atol=1e-6)
    np.testing.assert_array_equal(table["included"], share >= 0.5)
    assert table["seed"].tolist() == list(labels.values())
    assert set(table["run"]) == {stored.attributes["source"]}


def test_sidecars_state_runs_weights_and_what_a_layout_gave(stored: StoredRun) -> None:
    said = describe_runs([stored, stored])
    assert said["RunWeights"] == [stored.dof - 2] * 2
    assert said["Denoising"] == stored.attributes["settings"]
    assert "OriginalParticipant" not in said
    other = replace(stored, header={**stored.header, "original_id": "IS1"})
    assert describe_runs([stored, other])["OriginalParticipant"] == [None, "IS1"]
    assert describe_runs([])["Denoising"] == {}
