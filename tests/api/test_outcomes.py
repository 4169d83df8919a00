"""Outcomes of the seeds, from Python."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.api.conftest import Analysed, write_literature


def test_outcomes_are_of_the_networks_contrasts(analysed: Analysed, tmp_path: Path) -> None:
    write_literature(tmp_path)
    network = analysed.connectome.network(
        tmp_path / "peaks.tsv", effect="increase", height_control="t=3", reports="none", nprocs=1
    )
    found = network.outcomes(pd.read_csv(tmp_path / "scores.tsv", sep="\t"))
    assert list(found) == ["weeks"]
    weeks = found["weeks"]
    assert set(weeks.seeds["seed"]) == {contrast.name for contrast in network.contrasts}
    assert weeks.r_img.shape == network.mask_img.shape
    assert "data:image/png" in weeks._repr_html_()
    assert len(network.robustness()) > 10  # in a folder of its own: the settings differ
