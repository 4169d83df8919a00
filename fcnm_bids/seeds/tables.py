"""Foci from coordinate tables (TSV, CSV, XLSX), and back; the way in for every format."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds.cells import (
    FARTHEST_MM,
    CellError,
    as_text,
    coordinate,
    is_missing,
    label,
    read_bytes,
    read_text,
    refuse,
    sample_size,
)
from fcnm_bids.seeds.foci import SPACES, Focus, parse_space
from fcnm_bids.seeds.nimads import read_nimads
from fcnm_bids.seeds.sleuth import read_sleuth

_REPORTED = ("reported_x", "reported_y", "reported_z", "reported_space")
_REQUIRED = ("study", "x", "y", "z", "space")
_COLUMNS = ("study", "contrast", "effect", "x", "y", "z", "space", "n", *_REPORTED)

_OTHER_NAMES = {
    "n": "nsubjects nsubj nsub nsubs numsubjects numberofsubjects subjects nparticipants "
    "numberofparticipants participants npatients patients samplesizen totaln ntotal groupsize",
    "contrast": "contrastname contrastid comparison comparisonname experiment",
    "effect": "effectname direction directionofeffect sign",
}
"""Other names of optional columns, in small letters and without marks."""

_HEMISPHERES = "hemisphere hemi side laterality lateralization lateralisation"
_SIDES = {"l": -1, "left": -1, "lh": -1, "r": 1, "right": 1, "rh": 1}
_MIDLINE_MM = 2.0
"""Within this distance of the midline a focus may be called left or right."""

_FARTHEST_MOVED_MM = 130.0
"""Foci that were moved from Talairach space may lie farther out than published ones."""

_MOST_COLUMNS = 1_000
_MOST_ROWS = 30_000
_MOST_CELLS = 300_000
_MOST_WORKBOOK_BYTES = 32 << 20
_MOST_PARTS = 1_000

_Row = tuple[int, Sequence[str]]


def read_foci(path: str | os.PathLike[str], *, effect: str | None) -> tuple[Focus, ...]:
    """The foci of a coordinate file.

    Sleuth text, NIMADS JSON and Excel workbooks (their first sheet) are recognised by name or
    content; anything else is a table whose header is separated by tabs, commas or semicolons.
    Its columns, in any order and case, are study, x, y, z (mm) and space; contrast (without
    it, a study has one contrast for each effect), effect, n or sample_size; others are ignored,
    but a column hemisphere (hemi, side, laterality) must not contradict x.

    Parameters
    ----------
    path
        The file.
    effect
        The effect of all foci where the file has no column for it; where it has, that counts.

    Returns
    -------
    tuple of Focus
        In the order of the file; their `origin` counts lines (in a workbook, rows) from 1.

    Raises
    ------
    SeedError
        All problems of the file, one line each, up to a limit.
    """
    path = Path(path)
    if effect is not None:
        try:
            effect = label(effect)
        except CellError as problem:
            raise SeedError(f"the effect is {problem}") from problem
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm") or read_bytes(path).startswith(b"PK\x03\x04"):
        return _foci_of_table(path.name, _workbook_rows(path), effect)
    if suffix in (".xls", ".ods"):
        raise SeedError(f"{path.name}: save the table as .xlsx, .csv or .tsv")
    text = read_text(path)
    if suffix == ".json" or text.lstrip().startswith(("{", "[")):
        return read_nimads(path, effect=effect)
    if suffix not in (".tsv", ".csv") and any(
        line.lstrip().startswith("//") for line in text.splitlines()
    ):
        return read_sleuth(path, effect=effect)
    return _foci_of_table(path.name, _text_rows(path.name, text), effect)


def unread_columns(path: str | os.PathLike[str]) -> dict[str, str]:
    """Columns of a table that are not read, and look like one that would be and is not there.

    Parameters
    ----------
    path
        A file that `read_foci` can read.

    Returns
    -------
    dict
        The column that may be meant, by the name of the column; empty for other formats.
    """
    path = Path(path)
    if path.suffix.lower() in (".xlsx", ".xlsm") or read_bytes(path).startswith(b"PK\x03\x04"):
        rows = _workbook_rows(path)
    elif path.suffix.lower() in (".tsv", ".csv"):
        rows = _text_rows(path.name, read_text(path))
    else:
        return {}
    header = next((cells for _, cells in rows if any(cell.strip() for cell in cells)), ())
    names = [cell.strip() for cell in header]
    there = {"n" if name.lower() == "sample_size" else name.lower() for name in names}
    return {
        name: meant
        for name in names
        for meant, others in _OTHER_NAMES.items()
        if meant not in there and re.sub(r"[\W_]", "", name.lower()) in others.split()
    }


def write_foci(foci: Iterable[Focus], path: str | os.PathLike[str]) -> None:
    """Write foci so that `read_foci` returns the same: TSV, or CSV if the name ends so.

    Numbers keep their full precision; what is not there is ``n/a``.
    """
    path = Path(path)
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for focus in foci:
            cells = (focus.study, focus.contrast, focus.effect, focus.x, focus.y, focus.z)
            reported = focus.reported or (None, None, None)
            written = (*cells, focus.space, focus.n, *reported, focus.reported_space)
            writer.writerow([_written(cell) for cell in written])


def _written(cell: str | float | None) -> str:
    if cell is None:
        return "n/a"
    # float() first, or NumPy's scalars would write their type as well.
    return repr(float(cell)) if isinstance(cell, float) else str(cell)


def _workbook_rows(path: Path) -> Iterator[_Row]:
    from openpyxl import load_workbook  # takes as long to load as all else here together

    content = io.BytesIO(read_bytes(path))
    try:
        _check_workbook(content)
        sheet = load_workbook(content, read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # what some programs state is less than there is
        rows, n_cells = [], 0
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [_workbook_cell(value) for value in row]
            while cells and not cells[-1].strip():
                del cells[-1]
            n_cells += len(cells)
            _check_size(path.name, number, cells, n_cells)
            rows.append(cells)
    except SeedError:
        raise
    except Exception as error:  # openpyxl lets the errors of zip, XML and styles through
        raise SeedError(f"{path.name}: not a readable Excel workbook ({error})") from error
    yield from enumerate(rows, start=1)


def _check_workbook(content: IO[bytes]) -> None:
    """Refuse an archive that is damaged anywhere, or would expand beyond measure."""
    with zipfile.ZipFile(content) as archive:
        sizes = [part.file_size for part in archive.infolist()]
        if sum(sizes) > _MOST_WORKBOOK_BYTES or len(sizes) > _MOST_PARTS:
            raise ValueError(
                f"it expands to {sum(sizes) >> 20} MiB in {len(sizes)} parts, more than "
                f"{_MOST_WORKBOOK_BYTES >> 20} MiB; save the table alone, as .tsv"
            )
        # openpyxl reads what it needs, and stops before check sums
        for part in archive.infolist():
            text = archive.read(part)
            if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
                raise ValueError(f"its part {part.filename} declares entities")


def _check_size(name: str, number: int, cells: Sequence[str], n_cells: int = 0) -> None:
    if number > _MOST_ROWS or len(cells) > _MOST_COLUMNS or n_cells > _MOST_CELLS:
        raise SeedError(
            f"{name}, row {number}: a coordinate table may have up to {_MOST_ROWS:,} rows, "
            f"{_MOST_COLUMNS:,} columns and {_MOST_CELLS:,} cells; remove what does not belong "
            "to it"
        )


def _workbook_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _text_rows(name: str, text: str) -> Iterator[_Row]:
    header = next((line for line in text.splitlines() if line.strip()), "")
    recognised = {
        separator: sum(cell.strip(' "').lower() in _COLUMNS for cell in header.split(separator))
        for separator in "\t,;"
    }
    separator = max(recognised, key=recognised.__getitem__)
    if header and not recognised[separator]:
        raise SeedError(
            f"{name}: no column names in its first line {as_text(header)}: begin with"
            f" {', '.join(_COLUMNS[:8])}, separated by tabs, commas or semicolons"
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            _check_size(name, line, cells)
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise SeedError(f"{name}, row {line}: {error} (a stray quotation mark?)") from error


def _foci_of_table(name: str, rows: Iterator[_Row], effect: str | None) -> tuple[Focus, ...]:
    filled = ((number, cells) for number, cells in rows if any(cell.strip() for cell in cells))
    _, header = next(filled, (0, ()))
    if not header:
        raise SeedError(f"{name}: the table is empty")
    columns = _columns(name, header, effect)
    sides = [i for i, cell in enumerate(header) if cell.strip().lower() in _HEMISPHERES.split()]
    problems: list[str] = []
    foci: list[Focus] = []
    for number, cells in filled:
        origin = f"{name}, row {number}"
        if any(not is_missing(cell) for cell in cells[len(header) :]):
            problems.append(
                f"{origin}: {len(cells)} cells under {len(header)} column names"
                " (decimal commas, or a separator inside a name?)"
            )
            continue
        row = {column: cells[i] if i < len(cells) else "" for column, i in columns.items()}
        focus = _focus(row, effect, origin, problems)
        if focus is not None:
            foci.append(focus)
            problems += [
                f"{origin}: {header[i].strip()} is {as_text(cells[i])}, x is {focus.x:g}: correct "
                "one"
                for i in sides
                if i < len(cells) and _contradicts(cells[i], focus)
            ]
    if not foci and not problems:
        problems.append(f"{name}: there are no rows under the header")
    refuse(problems)
    return tuple(foci)


def _contradicts(cell: str, focus: Focus) -> bool:
    """Compare a stated hemisphere with the sign of x."""
    x = focus.reported[0] if focus.reported else focus.x
    return _SIDES.get(cell.strip().lower(), 0) * x < -_MIDLINE_MM


def _columns(name: str, header: Sequence[str], effect: str | None) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    known = (*_COLUMNS, "sample_size")
    problems = [
        f"{name}: {names.count(column)} columns are called {column}: keep one"
        for column in known
        if names.count(column) > 1
    ]
    missing = [column for column in _REQUIRED if column not in names]
    if missing:
        problems.append(
            f"{name}: no column {', '.join(missing)}"
            f" (its columns: {', '.join(as_text(cell.strip()) for cell in header)})"
        )
    if "effect" not in names and effect is None:
        problems.append(
            f"{name}: no column effect: add it, or name the effect of the whole file (--effect)"
        )
    if "n" in names and "sample_size" in names:
        problems.append(f"{name}: both n and sample_size are columns: keep one")
    problems += [
        f"{name}: there is no column {cell!r}; if {near!r} is meant, rename it"
        for cell in names
        if cell not in known and len(cell) > 1
        for near in difflib.get_close_matches(cell, set(known) - set(names), 1, 0.8)
    ]
    refuse(problems)
    columns = {column: names.index(column) for column in known if column in names}
    if "sample_size" in columns:
        columns["n"] = columns.pop("sample_size")
    if not all(column in columns for column in _REPORTED):
        columns = {column: i for column, i in columns.items() if column not in _REPORTED}
    return columns


def _focus(
    row: Mapping[str, str], effect: str | None, origin: str, problems: list[str]
) -> Focus | None:
    before = len(problems)
    moved = any(not is_missing(row.get(column)) for column in _REPORTED)

    def text(column: str) -> str:
        try:
            return label(row[column])
        except CellError as problem:
            problems.append(f"{origin}: {column} is {problem}")
            return ""

    def number(column: str) -> float:
        try:
            return coordinate(row[column], _FARTHEST_MOVED_MM if moved else FARTHEST_MM)
        except CellError as problem:
            problems.append(f"{origin}: {column} is {problem}")
            return 0.0

    def space(column: str) -> str:
        found = parse_space(stated := text(column))
        if found is None and stated:
            problems.append(
                f"{origin}: {column} is {as_text(stated)}, not one of {', '.join(SPACES)}"
            )
        return found or ""

    study = text("study")
    of_effect = text("effect") if "effect" in row else effect or ""
    contrast = text("contrast") if "contrast" in row else f"{study} {of_effect}"
    position = number("x"), number("y"), number("z")
    in_space = space("space")
    n = None
    try:
        n = sample_size(row.get("n"))
    except CellError as problem:
        problems.append(f"{origin}: n is {problem}")
    reported = reported_space = None
    if moved:
        reported = number("reported_x"), number("reported_y"), number("reported_z")
        reported_space = space("reported_space")
    if len(problems) > before:
        return None
    return Focus(
        *position, in_space, study, contrast, of_effect, n, origin, reported, reported_space
    )
