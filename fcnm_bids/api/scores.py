"""Scores of seeds, as the file that the command line reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fcnm_bids.api.scratch import scratch_folder
from fcnm_bids.inputs.scores import read_scores


def scores_file(scores: pd.DataFrame | str | Path, known: Sequence[str], own: Sequence[str]) -> str:
    """Write the scores of some seeds.

    Parameters
    ----------
    scores
        Table, or its file, with a column ``contrast``, ``mask`` or ``seed``.
    known
        Names of the seeds that it may have.
    own
        Those that are written.

    Raises
    ------
    RequestError
        The table cannot be used.
    """
    path = scratch_folder() / "scores.tsv"
    if isinstance(scores, pd.DataFrame):
        scores.to_csv(path, sep="\t", index=False, na_rep="n/a")
    else:
        shutil.copy(scores, path)
        described = Path(scores).with_suffix(".json")
        if described.is_file():
            shutil.copy(described, path.with_suffix(".json"))
    table = read_scores(path, known).table
    table = table[table.index.isin(own)]
    table.to_csv(path, sep="\t", index_label="contrast", na_rep="n/a")
    return str(path)
