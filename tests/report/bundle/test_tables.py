"""Tables of a publication are those of the results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fcnm_bids.report.bundle.tables import published_tables, typed_columns
from fcnm_bids.report.results.group import GroupOutputs


def test_numbers_are_numbers_and_names_stay_texts() -> None:
    texts = {"x": ["-1.5", "n/a", "3"], "study": ["007", "008", "n/a"], "level": ["1", "A", "n/a"]}
    frame = typed_columns(pd.DataFrame(texts))
    assert frame["x"].tolist()[::2] == [-1.5, 3]
    assert frame["x"].isna().tolist() == [False, True, False]
    assert frame["study"].tolist()[:2] == ["007", "008"]
    assert frame["level"].tolist()[:2] == ["1", "A"]


def test_tables_of_all_networks_stand_in_one(root: Path) -> None:
    results = GroupOutputs(root)
    found = {table.name: table.frame for table in published_tables(results)}
    assert list(found)[:2] == ["studies", "foci"]
    assert list(found)[-1] == "settings"
    clusters = pd.read_csv(results.networks[0].tables()["clusters"], sep="\t")
    assert found["clusters"]["network"].unique().tolist() == ["increase"]
    assert found["clusters"]["volume_mm3"].tolist() == clusters["volume_mm3"].tolist()
    studies = found["studies"]
    assert studies["contrast"].tolist() == [c.name for c in results.contrasts]
    assert studies["n_participants"].tolist() == [8, 8, 8]
