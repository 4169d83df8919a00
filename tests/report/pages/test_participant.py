from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.connectome import open_run
from fcnm_bids.report.pages.participant import write_participant_page


def test_every_participant_has_a_report_with_figures(finished: Path) -> None:
    participants = sorted(path.name for path in finished.glob("sub-*") if path.is_dir())
    assert participants
    for name in participants:
        page = (finished / f"{name}.html").read_text(encoding="utf-8")
        n_maps = len(list((finished / name / "func").glob("*_stat-fisherz_statmap.nii.gz")))
        n_runs = len(list((finished / name).rglob("*_desc-volumes_timeseries.tsv")))
        assert page.count("<img ") == n_maps + 2 * n_runs > 2


def test_reports_and_figures_are_promised(finished: Path) -> None:
    out_files = pd.read_csv(finished / "sub-01" / "manifest.tsv", sep="\t")
    names = out_files["path"].tolist()
    assert "sub-01.html" in names
    assert any(name.endswith("_desc-carpet_bold.png") for name in names)
    assert any(name.endswith("_desc-volumes_timeseries.tsv") for name in names)
    assert set(out_files["status"]) == {"present"}


def test_the_table_of_volumes_says_what_became_of_each(finished: Path) -> None:
    (path, *_) = sorted((finished / "sub-01").rglob("*_desc-volumes_timeseries.tsv"))
    table = pd.read_csv(path, sep="\t")
    name = path.name.replace("volumes_timeseries.tsv", "projected_timeseries.h5")
    stored = finished / "connectome" / path.relative_to(finished).parent / name
    run = open_run(stored)
    header = run.attributes
    np.testing.assert_array_equal(table["use"] == "kept", run.denoising().volumes.kept)
    assert (table["use"] == "dummy").sum() == header["n_dummy"]
    assert (table["use"] == "censored").sum() == header["n_censored"]
    assert table["framewise_displacement"].mean() == header["mean_fd"] or np.isclose(
        table["framewise_displacement"].mean(), header["mean_fd"], rtol=1e-8
    )


def test_runs_left_out_stand_with_their_reason(results: Path) -> None:
    (path,) = sorted((results / "sub-01" / "func").glob("*_desc-qc_metrics.tsv"))
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table.loc[0, ["included", "reason"]] = ["False", "moved <i>too much</i>"]
    table.to_csv(path, sep="\t", index=False)
    page = write_participant_page(results, "01").read_text(encoding="utf-8")
    assert "moved &lt;i&gt;too much&lt;/i&gt;" in page


def test_only_the_participants_own_crashes_are_shown(results: Path) -> None:
    logs = min((results / "logs").glob("*/config.toml")).parent
    for name in ("01", "02"):
        text = f"Node: fcnm_participants_wf.sub_{name}_wf.map\nof {name}"
        (logs / f"crash-{name}.txt").write_text(text)
    page = write_participant_page(results, "01").read_text(encoding="utf-8")
    assert "of 01" in page
    assert "of 02" not in page


def test_a_report_is_made_without_a_store(results: Path) -> None:
    for path in (results / "connectome").rglob("*.h5"):
        path.unlink()
    assert write_participant_page(results, "01").is_file()
