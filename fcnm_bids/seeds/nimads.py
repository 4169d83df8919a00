"""Foci from NIMADS study sets, the JSON format of NeuroStore and NiMARE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.errors import FileError, SeedError
from fcnm_bids.readers.files import parse_json
from fcnm_bids.seeds.cells import (
    CellError,
    as_text,
    coordinate,
    is_missing,
    label,
    read_text,
    refuse,
    sample_size,
)
from fcnm_bids.seeds.foci import Focus, parse_space

DEACTIVATION = " deactivation"
"""Suffixes to the names of a contrast and an effect for points of the other sign."""


def read_nimads(path: Path, *, effect: str | None) -> tuple[Focus, ...]:
    """The foci of a NIMADS study set.

    Studies and analyses go by their names, with the identifier in brackets where a name is
    used twice. Analyses without points are left out. The sample size comes from the metadata
    of the analysis, or else of the study: ``sample_size``, ``sample_sizes``, whose groups are
    added up, or ``subjects``.

    Points marked as deactivations (``deactivation``, or a statistic below 0 where there is no
    mark) belong to another effect than the others of their analysis: to ``EFFECT deactivation``,
    in a contrast of their own.

    Parameters
    ----------
    path
        The file.
    effect
        The effect of the activations: the format has no place for one.

    Raises
    ------
    SeedError
        The problems of the file, each with its study, analysis and point.
    """
    text = read_text(path)
    if effect is None:
        raise SeedError(
            f"{path.name}: a NIMADS study set does not state an effect: name the effect of the "
            "whole"
            " file (--effect)"
        )
    try:
        content = parse_json(text, path.name)
    except FileError as error:
        raise SeedError(error.problems) from error
    if not isinstance(content, dict) or not isinstance(content.get("studies"), list):
        raise SeedError(f"{path.name}: not a NIMADS study set: there is no list of studies in it")

    problems: list[str] = []
    foci: list[Focus] = []
    studies = _objects(content["studies"], f"{path.name}: study", problems)
    for study_name, study in zip(_names(studies, "study"), studies, strict=True):
        where = f"{path.name}, study {as_text(study_name)}"
        listed = _list_of(study, "analyses", where, problems)
        analyses = _objects(listed, f"{where}: analysis", problems)
        for name, analysis in zip(_names(analyses, "analysis"), analyses, strict=True):
            place = f"{where}, analysis {as_text(name)}"
            n = _sample_size((analysis, study), place, problems)
            points = _list_of(analysis, "points", place, problems)
            for number, point in enumerate(points, start=1):
                origin = f"{place}, point {number}"
                found = _point(point, origin, problems)
                if found is not None:
                    position, space = found
                    sign = DEACTIVATION if _is_deactivation(point, origin, problems) else ""
                    named = study_name, name + sign, effect + sign
                    foci.append(Focus(*position, space, *named, n, origin))
    if not foci and not problems:
        problems.append(f"{path.name}: no analysis of the study set has points")
    refuse(problems)
    return tuple(foci)


def _objects(items: Sequence[Any], what: str, problems: list[str]) -> list[dict[str, Any]]:
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            problems.append(f"{what} {number} is {as_text(item)}, not an object")
    return [item for item in items if isinstance(item, dict)]


def _list_of(holder: dict[str, Any], key: str, where: str, problems: list[str]) -> list[Any]:
    items = holder.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        problems.append(f"{where}: {key} is {as_text(items)}, not a list")
        return []
    return items


def _names(items: Sequence[dict[str, Any]], kind: str) -> list[str]:
    identifiers = [
        _text(item.get("id")) or f"{kind} {number}" for number, item in enumerate(items, start=1)
    ]
    names = [
        _text(item.get("name")) or identifier
        for item, identifier in zip(items, identifiers, strict=True)
    ]
    times = Counter(names)
    return [
        f"{name} ({identifier})" if times[name] > 1 and identifier != name else name
        for name, identifier in zip(names, identifiers, strict=True)
    ]


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return label(value)
    except CellError:
        return None


def _sample_size(holders: Sequence[dict[str, Any]], place: str, problems: list[str]) -> int | None:
    for holder in holders:
        metadata = holder.get("metadata")
        if not isinstance(metadata, dict):
            continue
        for key in ("sample_size", "sample_sizes", "subjects"):
            stated = metadata.get(key)
            groups = stated if isinstance(stated, list) else [stated]
            try:
                sizes = [size for size in map(sample_size, groups) if size is not None]
            except CellError as problem:
                problems.append(f"{place}: {key} is {problem}")
                return None
            if sizes:
                return sum(sizes)
    return None


def _is_deactivation(point: dict[str, Any], origin: str, problems: list[str]) -> bool:
    """Read the sign of a point from its mark, or else from its statistics."""
    marked = point.get("deactivation")
    if marked is not None and not isinstance(marked, bool):
        problems.append(f"{origin}: deactivation is {as_text(marked)}, neither true nor false")
        return False
    statistics = point.get("values")
    entries = statistics if isinstance(statistics, list) else []
    numbers = [entry.get("value") for entry in entries if isinstance(entry, dict)]
    below = [n for n in numbers if isinstance(n, int | float) and n < 0]
    if marked is False and below:
        problems.append(
            f"{origin}: its statistic is {below[0]:g}, but deactivation is false: correct one"
        )
    return bool(below) if marked is None else marked


def _point(
    point: object, origin: str, problems: list[str]
) -> tuple[tuple[float, float, float], str] | None:
    if not isinstance(point, dict):
        problems.append(f"{origin} is {as_text(point)}, not an object")
        return None
    before = len(problems)
    cells = point.get("coordinates")
    position = []
    if isinstance(cells, list) and len(cells) == 3:
        for axis, cell in zip("xyz", cells, strict=True):
            try:
                position.append(coordinate(cell))
            except CellError as problem:
                problems.append(f"{origin}: {axis} is {problem}")
    else:
        problems.append(f"{origin}: coordinates is {as_text(cells)}, not a list of x, y and z")
    stated = point.get("space")
    space = parse_space(stated) if isinstance(stated, str) else None
    if space is None:
        fault = "missing" if is_missing(stated) else f"{as_text(stated)}, neither MNI nor Talairach"
        problems.append(f"{origin}: space is {fault}")
    if space is None or len(problems) > before:
        return None
    return (position[0], position[1], position[2]), space
