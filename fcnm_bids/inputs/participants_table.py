"""The table of participants of a data set."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.names import subject_label
from fcnm_bids.bids.read import read_json
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.readers.files import read_text


@dataclass(frozen=True, eq=False)
class Participants:
    """A table of participants.

    Parameters
    ----------
    path
        The file.
    table
        Its values as text, one row per participant, indexed by label (without ``sub-``).
    categorical
        Columns for which the JSON file beside it lists levels.
    measured
        Columns to which it gives units, and no levels.
    """

    path: Path
    table: pd.DataFrame
    categorical: frozenset[str]
    measured: frozenset[str]

    def values(self, column: str, participants: Sequence[str]) -> list[str]:
        """Values of a column, empty for participants who are not in the table."""
        return [
            str(value) for value in self.table[column].reindex(list(participants), fill_value="")
        ]


def participants_places(config: Config, *folders: Path) -> tuple[Path, ...]:
    """Return where the table of participants is looked for.

    Raises
    ------
    RequestError
        The table that was named is not there.
    """
    named = config.selection.participants_file
    if named and not Path(named).exists():
        raise RequestError(f"--participants-file {named}: there is no such file")
    return (Path(named),) if named else folders


def find_participants(root: Path) -> Path | None:
    """The ``participants.tsv`` of a data set, of the raw one it derives from, or of its outputs.

    Looked for in the folder, in the output folder that a store named ``connectome`` lies in, and
    in the folder above ``derivatives``. A file is one itself (``--participants-file``).
    """
    root = root.resolve()
    if root.exists() and not root.is_dir():
        return root
    folders = [root, root.parent] if root.name == "connectome" else [root]
    folders += [folder.parent for folder in (root, *root.parents) if folder.name == "derivatives"]
    tables = (folder / "participants.tsv" for folder in folders)
    return next((table for table in tables if table.is_file()), None)


def read_participants(path: Path) -> Participants:
    """Read a table of participants.

    Raises
    ------
    RequestError
        It cannot be read, has no column ``participant_id``, lists somebody twice, or has labels
        with letters beyond ASCII, which look like others and would be dropped.
    """
    table = read_cells(path)
    if "participant_id" not in table:
        raise RequestError(f"{path}: has no column participant_id; rename the column of labels")
    odd = [name for name in table["participant_id"] if not re.sub(r"\W", "", name).isascii()]
    if odd:
        raise RequestError(
            f"{path}: participant_id {odd[0]!a} has characters that no label can have; write it "
            "like the name of the folder"
        )
    table.index = pd.Index([subject_label(name) for name in table["participant_id"]])
    twice = sorted(set(table.index[table.index.duplicated()]))
    if twice:
        raise RequestError(
            f"{path}: lists {', '.join(f'sub-{who}' for who in twice)} twice; keep one row"
        )
    described = describe_columns(path)
    categorical = frozenset(name for name, said in described.items() if "Levels" in said)
    with_units = {name for name, said in described.items() if _has_units(said)}
    return Participants(path, table, categorical, frozenset(with_units - categorical))


def read_cells(path: Path) -> pd.DataFrame:
    """Read a table as text, whatever separates its cells (tabs, commas or semicolons).

    Raises
    ------
    RequestError
        The file cannot be read, is empty, or has cells without a column.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    # a name may hold a comma, none holds a tab
    separator = "\t" if "\t" in first else max(",;", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise RequestError(
            f"{path}: cannot be read as a table ({error}); is a quotation mark left open?"
        ) from error
    # spreadsheets end lines with empty cells
    filled = [_trimmed(row) for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        raise RequestError(f"{path}: is empty")
    header = [cell.strip() for cell in filled[0]]
    if repeated := [name for name, times in Counter(header).items() if times > 1]:
        raise RequestError(f"{path}: several columns are called {min(repeated)!r}: rename them")
    for row in filled[1:]:
        if len(row) > len(header):
            raise RequestError(
                f"{path}: {row[0]} has {len(row)} cells under {len(header)} column names"
            )
    padded = [row + [""] * (len(header) - len(row)) for row in filled[1:]]
    return pd.DataFrame(padded, columns=header, dtype=str)


def _trimmed(row: list[str]) -> list[str]:
    """Return a row without the empty cells at its end."""
    while row and not row[-1].strip():
        row = row[:-1]
    return row


def describe_columns(path: Path) -> dict[str, dict[str, Any]]:
    """Return what the JSON file beside a table states of its columns; nothing where there is none.

    Raises
    ------
    RequestError
        The file is there and is not a JSON object.
    """
    sidecar = path.with_suffix(".json")
    described = read_json(sidecar) if sidecar.is_file() else {}
    return {name: said for name, said in described.items() if isinstance(said, dict)}


def _has_units(said: dict[str, Any]) -> bool:
    return str(said.get("Units") or "").strip().lower() not in ("", "n/a")
