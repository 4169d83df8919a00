"""Build entity filters from the selection options."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import entity_names
from fcnm_bids.bids.read import read_json
from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError


def bold_filters(selection: SelectionSettings) -> dict[str, Any]:
    """Required entities of a run: a value, one of several, None (absent) or "*" (any).

    Raises
    ------
    RequestError
        The filter file cannot be used.
    """
    filters: dict[str, Any] = {}
    if selection.bids_filter_file:
        content = read_json(Path(selection.bids_filter_file))
        query = content.get("bold", {})
        if not isinstance(query, dict):
            raise RequestError(
                f'{selection.bids_filter_file}: "bold" has to be an object of entities, such as '
                '{"bold": {"task": "rest"}}'
            )
        unknown = [
            f"{selection.bids_filter_file}: there is no entity {name!r}"
            + "".join(
                f"; did you mean {near!r}?"
                for near in difflib.get_close_matches(name, entity_names(), 1)
            )
            for name in query
            if name not in entity_names()
        ]
        if unknown:
            raise RequestError(unknown)
        filters |= query
    if selection.session_id:
        filters["session"] = list(selection.session_id)
    space, *modifiers = (selection.space or "").split(":")
    # fMRIPrep's way to name one of several: MNIPediatricAsym:cohort-2, MNI152NLin6Asym:res-2
    chosen = dict(modifier.partition("-")[::2] for modifier in modifiers)
    named = {"task": selection.task_id, "space": space, "res": selection.resolution}
    options = chosen | {entity: value for entity, value in named.items() if value}
    # messages call what has no such entity "none"
    return filters | {name: None if value == "none" else value for name, value in options.items()}


def matches(entities: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Return True if the entities of a run are those that `bold_filters` asks for."""
    known = {"datatype": "func", **entities}
    return all(
        any(_is(known.get(name), one) for one in (wanted if isinstance(wanted, list) else [wanted]))
        for name, wanted in filters.items()
    )


def _is(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if isinstance(value, int) and str(wanted).isdecimal():
        return value == int(wanted)  # run-01 is run 1
    return wanted == "*" or str(value) == str(wanted)
