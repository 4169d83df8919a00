"""Reading the JSON files of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcnm_bids.readers.files import read_json_object


def read_json(path: Path | None) -> dict[str, Any]:
    """A JSON sidecar; nothing where there is none.

    Raises
    ------
    FileError
        The file is there and is not a JSON object.
    """
    return {} if path is None else read_json_object(path)
