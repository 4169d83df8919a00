"""Scores of seeds, as the file of the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.api.scores import scores_file
from fcnm_bids.errors import RequestError

NAMES = ["first up", "second up", "third down"]


def test_rows_of_other_contrasts_are_left_out() -> None:
    table = pd.DataFrame({"seed": ["Second up", *NAMES[::2]], "weeks": [2.5, 1, 3]})
    written = pd.read_csv(scores_file(table, NAMES, NAMES[:2]), sep="\t")
    assert written.to_dict("list") == {"contrast": ["second up", "first up"], "weeks": [2.5, 1]}


def test_descriptions_of_columns_go_along(tmp_path: Path) -> None:
    (tmp_path / "scores.tsv").write_text("contrast\tdose\nfirst up\t1\n")
    (tmp_path / "scores.json").write_text('{"dose": {"Levels": {"1": "low"}}}')
    path = Path(scores_file(tmp_path / "scores.tsv", NAMES, NAMES))
    assert "Levels" in path.with_suffix(".json").read_text()


def test_a_contrast_that_is_not_there_is_refused() -> None:
    table = pd.DataFrame({"contrast": ["fourth"], "weeks": [1]})
    with pytest.raises(RequestError, match="fourth"):
        scores_file(table, NAMES, NAMES)
