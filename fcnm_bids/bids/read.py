"""Reading the JSON files of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fcnm_bids.errors import RequestError


def read_json(path: Path | None) -> dict[str, Any]:
    """A JSON sidecar; nothing where there is none.

    Raises
    ------
    RequestError
        The file is there and is not a JSON object.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise RequestError(f"{path}: not a JSON object")
    return content
