from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.report.figures.specificity import draw_specificity
from fcnm_bids.report.results.group import NetworkOutputs
from fcnm_bids.report.results.specificity import SpecificityResult

AFFINE = np.diag([8.0, 8.0, 8.0, 1.0]) + np.array([[0, 0, 0, -72], [0, 0, 0, -104]] + [[0] * 4] * 2)
SHAPE = (19, 23, 19)


def write_image(path: Path, values: np.ndarray, **sidecar: object) -> Path:
    nib.Nifti1Image(values.astype(np.float32), AFFINE).to_filename(path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


@pytest.fixture
def network(tmp_path: Path) -> NetworkOutputs:
    """A network with two nulls and a test of labels."""
    rng = np.random.default_rng(3)
    inside = np.zeros(SHAPE)
    inside[8:12, 8:12, 8:12] = 1
    start = "network-up_space-MNI152NLin6Asym_res-8"
    mask = write_image(tmp_path / f"{start}_mask.nii.gz", inside, Effect="up")
    write_image(tmp_path / f"{start}_probseg.nii.gz", inside)
    rows = []
    for null in ("random", "strength"):
        z = rng.normal(size=SHAPE)
        z[9, 9, 9] = 7.5
        z[0] = np.nan
        write_image(tmp_path / f"{start}_desc-{null}_stat-z_statmap.nii.gz", z)
        draws = {
            "draw": range(50),
            "n_voxels": rng.integers(0, 90, 50),
            "max_z": 3 + rng.random(50),
        }
        pd.DataFrame(draws).to_csv(
            tmp_path / f"network-up_desc-{null}draws_metrics.tsv", sep="\t", index=False
        )
        rows.append((null, 50, 64, 0.123, 0.0196))
    write_image(tmp_path / f"{start}_desc-labels_stat-z_statmap.nii.gz", rng.normal(size=SHAPE))
    (tmp_path / "network-up_desc-labels_metrics.tsv").write_text("label\nup\n")
    (tmp_path / "network-up_desc-labels_metrics.json").write_text(
        json.dumps({"Labels": ["up <b>$x$</b>", "down & out" * 9]})
    )
    rows.append(("labels", 31, None, None, 0.5))
    columns = ["test", "n_draws", "n_voxels", "p_size", "min_pfwe"]
    pd.DataFrame(rows, columns=columns).to_csv(
        tmp_path / "network-up_desc-specificity_metrics.tsv", sep="\t", index=False, na_rep="n/a"
    )
    return NetworkOutputs.of(mask)


def drawn(path: Path, network: NetworkOutputs) -> str:
    assert draw_specificity(path, network)
    return path.read_text(encoding="utf-8")


def test_the_same_files_give_the_same_figure(tmp_path: Path, network: NetworkOutputs) -> None:
    first, second = (drawn(tmp_path / name, network) for name in ("a.svg", "b.svg"))
    assert first == second


def test_it_tells_the_numbers_of_the_tables(tmp_path: Path, network: NetworkOutputs) -> None:
    text = drawn(tmp_path / "a.svg", network)
    assert text.count("observed: 64, p = 0.123") == 2
    assert text.count("observed: 7.5, family-wise p = 0.0196") == 2
    assert "Foci scattered in grey matter: 50 draws" in text
    assert "Foci of equal strength: 50 draws" in text


def test_names_are_text_and_not_endless(tmp_path: Path, network: NetworkOutputs) -> None:
    text = drawn(tmp_path / "a.svg", network)
    assert "up &lt;b&gt;$x$&lt;/b&gt; minus down &amp; outdown" in text
    assert "down & out" * 5 not in text.replace("&amp;", "&")


def test_nulls_that_an_earlier_run_left_are_not_drawn(
    tmp_path: Path, network: NetworkOutputs
) -> None:
    table = network.tables()["specificity"]
    frame = pd.read_csv(table, sep="\t")
    frame[frame["test"] == "strength"].to_csv(table, sep="\t", index=False)
    text = drawn(tmp_path / "a.svg", network)
    assert "Foci of equal strength" in text
    assert "Foci scattered" not in text
    assert "exchange labels" not in text


def test_a_null_without_conclusion_is_not_drawn(tmp_path: Path, network: NetworkOutputs) -> None:
    table = network.tables()["specificity"]
    frame = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
    frame["withheld"] = [str(test == "strength") for test in frame["test"]]
    frame.to_csv(table, sep="\t", index=False)
    text = drawn(tmp_path / "a.svg", network)
    assert "Foci scattered" in text
    assert "Foci of equal strength" not in text


def test_nothing_is_drawn_of_nothing(tmp_path: Path, network: NetworkOutputs) -> None:
    for path in tmp_path.glob("*draws_metrics.tsv"):
        path.unlink()
    for path in tmp_path.glob("*desc-labels*"):
        path.unlink()
    assert not draw_specificity(tmp_path / "a.svg", network)
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("values", [[3.0] * 50, [np.nan] * 50, [np.nan, 4.0] * 25])
def test_draws_without_spread_or_value_are_drawn(
    tmp_path: Path, network: NetworkOutputs, values: list[float]
) -> None:
    table = network.tables()["randomdraws"]
    frame = pd.read_csv(table, sep="\t").assign(max_z=values, n_voxels=0)
    frame.to_csv(table, sep="\t", index=False, na_rep="n/a")
    assert "50 draws" in drawn(tmp_path / "a.svg", network)


def test_the_charts_do_without_maps(tmp_path: Path, network: NetworkOutputs) -> None:
    for path in tmp_path.glob("*stat-z_statmap*"):
        path.unlink()
    text = drawn(tmp_path / "a.svg", network)
    assert text.count("observed: 64") == 2
    assert "z = 8 mm" not in text


def test_the_map_is_that_of_the_resolution_of_the_draws(
    tmp_path: Path, network: NetworkOutputs
) -> None:
    own = SpecificityResult(network).image("random", "z")
    assert own is not None
    other = tmp_path / "network-up_space-MNI152NLin6Asym_res-12mm_desc-random_stat-z_statmap.nii.gz"
    write_image(other, np.ones(SHAPE), NullResolution=12.0)
    assert SpecificityResult(network).image("random", "z") == own
    sidecar = network.tables()["randomdraws"].with_suffix(".json")
    sidecar.write_text(json.dumps({"NullResolution": 12.0}))
    assert SpecificityResult(network).image("random", "z") == other


def test_the_figure_is_among_those_promised(
    finished: Path, redrawn: tuple[Path, list[Path]]
) -> None:
    root, figures = redrawn
    names = [path.name for path in figures if "desc-specificity" in path.name]
    assert len(names) == 2
    for name in names:
        first = finished / "group" / "figures" / name
        assert first.read_bytes() == (root / "group" / "figures" / name).read_bytes()
