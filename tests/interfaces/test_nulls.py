"""Preparation and draws of nulls, and labels exchanged, on a small store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.store import open_stored
from fcnm_bids.interfaces.nulls import MapNullDraws, PrepareNulls, make_draws
from fcnm_bids.intermediates.draws import OBSERVED, read_block
from fcnm_bids.intermediates.null_inputs import read_nulls
from fcnm_bids.intermediates.strength import read_strength, write_strength
from tests.interfaces.bench import (
    GRID,
    Make,
    Participants,
    image,
    stored,
)


def drawn(found: SimpleNamespace, numbers: range, null: str = "random") -> list[list[float]]:
    made = found.made
    data = read_nulls(Path(found.prepared.nulls_file), made.config.denoising)
    draws = make_draws(made.config, made.seeds.contrasts, data, null, numbers)
    return [[value for c in draw for f in c.foci for value in (f.x, f.y, f.z)] for draw in draws]


def test_a_draw_depends_on_its_number_alone(compared: SimpleNamespace) -> None:
    together = drawn(compared, range(4))
    assert together == [drawn(compared, range(n, n + 1))[0] for n in range(4)]
    assert len({tuple(draw) for draw in together}) == 4
    observed = drawn(compared, range(2), OBSERVED)
    foci = [v for c in compared.made.seeds.contrasts for f in c.foci for v in (f.x, f.y, f.z)]
    assert observed == [foci, foci]


def test_foci_of_draws_fall_where_the_base_rate_is_above_0(compared: SimpleNamespace) -> None:
    inverse = np.linalg.inv(GRID.affine)
    for draw in drawn(compared, range(5)):
        alone = np.reshape(draw, (-1, 3))[2:]  # the first two are near, and move as one body
        voxels = np.rint(alone @ inverse[:3, :3].T + inverse[:3, 3])
        numbers = np.ravel_multi_index(tuple(voxels.astype(int).T), GRID.shape, order="F")
        assert (compared.rate[numbers] > 0).all()


def test_what_draws_share_is_gathered(compared: SimpleNamespace) -> None:
    data = read_nulls(Path(compared.prepared.nulls_file), compared.made.config.denoising)
    strength = read_strength(Path(compared.strength.strength_file)).strength
    np.testing.assert_array_equal(data.index, compared.made.index)
    np.testing.assert_array_equal(data.places, np.flatnonzero(compared.rate > 0))
    np.testing.assert_allclose(data.rate, compared.rate[data.places], rtol=1e-6)
    np.testing.assert_array_equal(data.strength, strength.on(data.places).positive)
    assert data.counted.all()
    assert [p.name for p in data.participants] == [name for name, _ in compared.made.runs]
    assert compared.prepared.deadline == 0.0


def test_the_observed_foci_as_a_draw_are_the_map(compared: SimpleNamespace) -> None:
    [(block, _)] = compared.blocks["observed"]
    (found,) = read_block(Path(block), "up")
    expected = compared.made.brute_force(stored(compared.made.runs))
    np.testing.assert_array_equal(found, expected)


def test_a_block_that_is_there_is_not_drawn_again(compared: SimpleNamespace) -> None:
    [(block, n)] = compared.blocks["random"]
    before = Path(block).stat().st_mtime_ns
    asked = {
        "null": "random",
        "memory_gb": 0.01,
        "covariates": [],
        "nulls_file": compared.prepared.nulls_file,
    }
    compared.made.run(MapNullDraws, **asked, first=0, n_draws=n, block_file=block, deadline=1.0)
    assert Path(block).stat().st_mtime_ns == before
    late = str(compared.folder / "late.npz")
    compared.made.run(MapNullDraws, **asked, first=20, n_draws=2, block_file=late, deadline=1.0)
    assert not Path(late).exists()


def test_coarser_runs_are_some_of_the_voxels(
    bench: Make, compared: SimpleNamespace, tmp_path: Path
) -> None:
    made = bench(specificity={"null_resolution": 6.0, "specificity_time": 60.0})
    found = made.run(
        PrepareNulls,
        participants=made.runs[:3],
        strength_file=compared.strength.strength_file,
        mapped_files=compared.mapped,
        store_dir=str(tmp_path / "coarser"),
    )
    data = read_nulls(Path(found.nulls_file), made.config.denoising)
    assert data.grid.shape == (5, 4, 4)
    assert found.deadline > 1e9
    participant, (_, [(path, key)]) = data.participants[1], made.runs[1]
    (coarse,) = participant.open_runs()
    fine = open_stored(Path(path), made.config.denoising, key).load()
    box, coarser = (
        run.grid.unflatten(run.columns(slice(None))[0], run.index, fill=np.nan)
        for run in (fine, coarse)
    )
    np.testing.assert_array_equal(coarser, box[::2, ::2, ::2])
    places = np.zeros(GRID.n_voxels)
    places[compared.rate > 0] = 1
    expected = GRID.unflatten(places)[::2, ::2, ::2].ravel(order="F")
    np.testing.assert_array_equal(data.places, np.flatnonzero(expected))
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "coarser").glob("*.npz")}
    assert len(files) == 3


def test_without_places_for_foci_the_request_is_refused(
    bench: Make, compared: SimpleNamespace, tmp_path: Path
) -> None:
    content = read_strength(Path(compared.strength.strength_file))
    write_strength(tmp_path / "strength.npz", replace(content, places=None, rate=None))
    made = bench()
    with pytest.raises(RequestError, match="neither grey matter nor a base rate"):
        made.run(
            PrepareNulls,
            participants=made.runs,
            strength_file=str(tmp_path / "strength.npz"),
            mapped_files=compared.mapped,
            store_dir=str(tmp_path / "coarser"),
        )


def test_exchanged_labels_compare_the_maps_of_both_effects(
    compared: SimpleNamespace, runs: Participants
) -> None:
    found, made = compared.labels, compared.made
    assert all(Path(path).is_file() for path in found.out_files)
    (difference,) = (p for p in found.out_files if "stat-difference" in p and ".nii" in p)
    both = made.probability(stored(runs))
    np.testing.assert_allclose(image(difference)[made.index], both["up"] - both["down"], atol=1e-6)
    rows = json.loads(Path(found.rows_file).read_text())
    assert {name: set(own) for name, own in rows.items()} == {
        effect: {"compared", "labels", "similarity", "split"} for effect in ("up", "down")
    }
    sidecar = json.loads(Path(difference.replace(".nii.gz", ".json")).read_text())
    assert rows["up"]["labels"]["n_draws"] + 1 == sidecar["Labellings"]
    table = pd.read_csv(next(p for p in found.out_files if p.endswith(".tsv")), sep="\t")
    assert table["label"].tolist() == ["up", "down"]
    assert table["n_contrasts"].tolist() == [3, 2]
    assert table["n_studies"].tolist() == [2, 2]
