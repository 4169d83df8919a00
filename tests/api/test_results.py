"""Results read back, looked up and drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fcnm_bids import load_results
from fcnm_bids.errors import RequestError
from tests.api.conftest import Analysed


def test_clusters_are_those_of_the_table(analysed: Analysed) -> None:
    for effect, network in load_results(analysed.results).items():
        written = next((analysed.results / "group").glob(f"network-{effect}_desc-clusters_*.tsv"))
        expected = pd.read_csv(written, sep="\t").drop_duplicates("cluster")
        expected = expected[list(network.clusters)].reset_index(drop=True)
        pd.testing.assert_frame_equal(network.clusters, expected, check_dtype=False, rtol=1e-6)


def test_a_place_shows_every_contrast(analysed: Analysed) -> None:
    network = load_results(analysed.results)["increase"]
    peak = network.clusters.loc[0, ["peak_x", "peak_y", "peak_z"]]
    found = network.at(*peak)
    assert list(found["contrast"]) == [contrast.name for contrast in network.contrasts]
    assert found["holds"].mean() == pytest.approx(network.clusters.loc[0, "peak_probability"])
    voxel = np.rint(np.linalg.solve(network.grid.affine, [*peak, 1])[:3]).astype(int)
    for row, contrast in zip(found.itertuples(), network.contrasts, strict=True):
        assert row.t == np.asarray(contrast.t_img.dataobj)[tuple(voxel)]
        nearest = min(np.linalg.norm(np.array(peak, float) - focus) for focus in contrast.foci)
        assert row.focus_mm == pytest.approx(nearest, abs=1e-4)


def test_a_place_outside_is_refused(analysed: Analysed) -> None:
    with pytest.raises(RequestError, match="lies outside the image"):
        load_results(analysed.results)["increase"].at(0, 0, 900)


def test_pictures_are_drawn(analysed: Analysed, tmp_path) -> None:
    network = load_results(analysed.results)["increase"]
    for path in (
        network.plot(tmp_path / "network.png"),
        network.contrasts[0].plot(tmp_path / "seed.png"),
    ):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert repr(network).startswith("NetworkResult '")
    assert "data:image/png" in network._repr_html_()
    assert "voxels above t = 3.00" in network.contrasts[0]._repr_html_()


def test_a_folder_without_results_is_refused(tmp_path) -> None:
    with pytest.raises(RequestError, match="run the group level first"):
        load_results(tmp_path)


def test_robustness_is_the_group_levels_table(analysed: Analysed) -> None:
    table = load_results(analysed.results)["increase"].robustness()
    written = analysed.results / "group" / "network-increase_desc-robustness_metrics.tsv"
    expected = pd.read_csv(written, sep="\t", na_values=["n/a"], keep_default_na=False)
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.slow
def test_specificity_and_report_from_a_network_in_memory(analysed: Analysed, tmp_path) -> None:
    network = analysed.connectome.network(
        analysed.coordinates, effect="increase", height_control="t=3", nprocs=1
    )
    table = network.specificity("random", n=19)
    assert "random" in list(table["test"])
    assert network.report(tmp_path / "report").is_file()
