"""Names that leave the laboratory."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from fcnm_bids.report.bundle.public import PublicNames
from fcnm_bids.report.results.group import GroupOutputs


def test_settings_name_files_without_their_folders(bundle: Path) -> None:
    with (bundle / "tables" / "settings.csv").open(encoding="utf-8") as file:
        values = {row["option"]: row["value"] for row in csv.DictReader(file)}
    # an option begins as a formula does
    assert values["'--validation-dir"] == "second"
    assert "'--nprocs" not in values


def test_contrasts_of_a_table_keep_their_names(root: Path) -> None:
    results = GroupOutputs(root)
    public = PublicNames(results)
    assert [public.name(c) for c in results.contrasts] == [c.name for c in results.contrasts]
    assert [public.label(c) for c in results.contrasts] == [c.label for c in results.contrasts]
    frame = pd.DataFrame({"level": ["a"]})
    assert public.table(frame) is frame
