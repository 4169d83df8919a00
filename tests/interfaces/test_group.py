"""Sums over participants, and the tables of participants and runs left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.interfaces.group import WriteParticipants
from fcnm_bids.intermediates.moments import read_moments
from fcnm_bids.mapping import Participant
from fcnm_bids.seeds import write_seed_matrix
from tests.interfaces.bench import (
    GRID,
    N_PARTICIPANTS,
    Bench,
    Make,
    Participants,
    stored,
)


@pytest.mark.parametrize("columns", [0, 2])
@pytest.mark.parametrize("control", ["fwe", "fdr", "permutation"])
def test_several_slabs_give_the_bytes_of_one(
    tmp_path: Path,
    runs: Participants,
    control: str,
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fcnm_bids.mapping.slabs.VOXELS_PER_SUM", 8)
    monkeypatch.setattr("fcnm_bids.stats.smoothness.VOXELS_PER_SUM", 8)
    design = np.random.default_rng(1).standard_normal((len(runs), columns))
    made = []
    for n_slabs in (1, 2, 5):
        (tmp_path / f"{n_slabs}").mkdir()
        bench = Bench(tmp_path / f"{n_slabs}", runs, height_control=control, n_permutations=99)
        bench.n_slabs = n_slabs
        sums = bench.sums(*range(5), columns=design - design.mean(axis=0))
        assert len(sums) == n_slabs
        for number in (0, 3):
            bench.contrast(sums, number)
        group, kept = bench.folder / "out" / "group", bench.folder / "kept"
        files = [*group.glob("*.nii.gz"), *kept.glob("*/*.npz")]
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1] == made[2]
    assert len(made[0]) > 10


def test_sums_are_those_of_a_loop_over_participants(bench: Make) -> None:
    made = bench(height_control="t=2")
    sums = made.sums(3, 1)
    found = read_moments([Path(sums[0]) / "d.npz"])
    maps = np.stack([p_maps(p, made)[3] for p in stored(made.runs)])
    np.testing.assert_allclose(found.moments.total, np.nansum(maps, axis=0), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found.moments.n, np.isfinite(maps).sum(axis=0))
    assert found.absent == []
    assert sorted({p.name[0] for p in Path(sums[0]).glob("*.npz")}) == ["b", "d"]


def p_maps(participant: Participant, made: Bench) -> np.ndarray:
    """Fisher z of a participant's correlations of every seed with every voxel."""
    (run,) = participant.open_runs()
    columns = run.columns(slice(None))
    columns /= np.linalg.norm(columns, axis=0)
    weights = made.seeds.restrict(run.index).toarray()
    raw = run.columns(slice(None)) @ weights.T
    r = (raw / np.linalg.norm(raw, axis=0)).T @ columns
    box = np.full((len(weights), GRID.n_voxels), np.nan)
    box[:, run.index] = np.arctanh(np.clip(r, -1 + 1e-7, 1 - 1e-7))
    return box[:, made.index]


def test_participants_without_coverage_are_named(
    bench: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench()
    made.seeds.weights.data[:] = 0
    write_seed_matrix(made.seeds, made.folder / "seeds.npz")
    with caplog.at_level("WARNING", "fcnm_bids"):
        sums = made.sums(0)
    assert len(read_moments([Path(sums[0]) / "a.npz"]).absent) == N_PARTICIPANTS
    assert "a: 12 of 12 participants have no map (coverage below 0.5): 00, 01" in caplog.text


def test_the_participants_table_adds_the_data_sets_own_columns(
    projected: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "participants.tsv").write_text(
        "participant_id\tage\tn_runs\n02\t44\t99\nsub-01\t33\t99\nsub-09\t1\t99\n"
    )
    (tmp_path / "in" / "participants.json").write_text('{"age": {"Units": "years"}}')
    config = Config(str(tmp_path / "in"), str(tmp_path / "out"), "group")
    (tmp_path / "config.toml").write_text(config.to_toml())
    runs = {
        label: [
            (str(path), open_run(path).key)
            for path in sorted(projected.glob(f"sub-{label}/**/*.h5"))
        ]
        for label in ("01", "02")
    }
    found = WriteParticipants(
        config_file=str(tmp_path / "config.toml"),
        participants=list(runs.items()),
        excluded=[("03", "sub-03/func/x.h5", "damaged")],
    ).run(cwd=str(tmp_path))
    assert all(Path(path).is_file() for path in found.outputs.out_files)
    table = pd.read_csv(tmp_path / "out" / "participants.tsv", sep="\t").set_index("participant_id")
    assert table["n_runs"].to_dict() == {"sub-01": 1, "sub-02": 2}
    assert table["age"].to_dict() == {"sub-01": 33, "sub-02": 44}
    for label, paths in runs.items():
        opened = [open_run(Path(path)) for path, _ in paths]
        row = table.loc[f"sub-{label}"]
        assert row["dof"] == sum(run.dof for run in opened)
        kept = sum(run.attributes["n_kept"] * run.attributes["repetition_time"] for run in opened)
        assert row["minutes_kept"] == pytest.approx(kept / 60, abs=1e-3)
    sidecar = json.loads((tmp_path / "out" / "participants.json").read_text())
    assert sidecar["age"]["Units"] == "years"
    excluded = pd.read_csv(next((tmp_path / "out").glob("**/desc-excluded_runs.tsv")), sep="\t")
    assert excluded.to_numpy().tolist() == [["sub-03", "sub-03/func/x.h5", "damaged"]]
