"""Foci from the text files of BrainMap's Sleuth, as GingerALE reads them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds.cells import (
    CellError,
    as_text,
    coordinate,
    label,
    read_text,
    refuse,
    sample_size,
)
from fcnm_bids.seeds.foci import Focus, parse_space

_REFERENCE = re.compile(r"reference\s*[=:]\s*(.*)", re.IGNORECASE)
_SUBJECTS = re.compile(r"subjects\s*[=:]\s*(.*)", re.IGNORECASE)


@dataclass
class _Experiment:
    """An experiment while its lines are being read."""

    line: int
    titles: list[str] = field(default_factory=list)
    n: int | None = None
    points: list[tuple[int, tuple[float, float, float] | None]] = field(default_factory=list)


def read_sleuth(path: Path, *, effect: str | None) -> tuple[Focus, ...]:
    """The foci of a Sleuth file.

    The file states its space (``// Reference = MNI`` or ``Talairach``); each experiment has
    title lines (``// Study: Experiment``), perhaps ``// Subjects = N``, and lines of x, y and z
    in mm, and ends at a blank line or at the next title. The study is what stands before the
    colon of the first title; the contrast is the whole of the titles, with a number behind it
    where experiments of the file share them.

    Parameters
    ----------
    path
        The file.
    effect
        The effect of all foci: the format has no place for one.

    Raises
    ------
    SeedError
        The problems of the file, each with its line.
    """
    text = read_text(path)
    if effect is None:
        raise SeedError(
            f"{path.name}: a Sleuth file does not state an effect: name the effect of the whole "
            "file"
            " (--effect)"
        )
    problems: list[str] = []
    space, experiments = _parse(text, path.name, problems)
    if not problems and not any(experiment.points for experiment in experiments):
        problems.append(f"{path.name}: there are no coordinates in it")
    foci = []
    times: Counter[tuple[str, str]] = Counter()
    for experiment in experiments:
        if not experiment.points:
            problems.append(
                f"{path.name}, line {experiment.line}: experiment {as_text(experiment.titles[0])}"
                " has no coordinates before the next blank line or title"
            )
        contrast = "; ".join(experiment.titles)
        study = experiment.titles[0].partition(":")[0].strip() or contrast
        times[study, contrast] += 1
        if times[study, contrast] > 1:
            contrast += f" ({times[study, contrast]})"
        foci += [
            Focus(*point, space, study, contrast, effect, experiment.n, f"{path.name}, line {line}")
            for line, point in experiment.points
            if point is not None
        ]
    refuse(problems)
    return tuple(foci)


def _parse(text: str, name: str, problems: list[str]) -> tuple[str, list[_Experiment]]:
    space: str | None = None
    stated = False
    experiments: list[_Experiment] = []
    current: _Experiment | None = None
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        where, line = f"{name}, line {number}", raw.strip()
        try:
            if not line:
                current = None
            elif not line.startswith("//"):
                if current is None:
                    raise CellError(
                        f"coordinates without the title of an experiment above: {as_text(line)}"
                    )
                # A place is kept for a bad line, so that its experiment does not seem empty.
                current.points.append((number, None))
                current.points[-1] = (number, _point(line))
            elif match := _REFERENCE.fullmatch(comment := line.lstrip("/").strip()):
                stated, found = True, parse_space(match[1])
                if found is None:
                    raise CellError(f"Reference is {as_text(match[1])}, neither MNI nor Talairach")
                if space not in (None, found):
                    raise CellError(f"a second Reference, {found} after {space}: split the file")
                space = found
            elif match := _SUBJECTS.fullmatch(comment):
                if current is None or current.points:
                    raise CellError(
                        "Subjects without the title of an experiment above; put the title first"
                    )
                current.n = _subjects(match[1])
            elif comment:
                if current is None or current.points:
                    current = _Experiment(number)
                    experiments.append(current)
                current.titles.append(_title(comment))
        except CellError as problem:
            problems.append(f"{where}: {problem}")
    if not stated:
        problems.append(
            f"{name}: the space of the coordinates is not stated: begin the file with"
            " // Reference = MNI or // Reference = Talairach"
        )
    return space or "", [experiment for experiment in experiments if experiment.titles]


def _point(line: str) -> tuple[float, float, float]:
    cells = line.split()
    if len(cells) != 3:
        raise CellError(f"{len(cells)} numbers instead of x, y and z: {as_text(line)}")
    found = []
    for axis, cell in zip("xyz", cells, strict=True):
        try:
            found.append(coordinate(cell))
        except CellError as problem:
            raise CellError(f"{axis} is {problem}") from problem
    return found[0], found[1], found[2]


def _subjects(text: str) -> int | None:
    try:
        return sample_size(text)
    except CellError as problem:
        raise CellError(f"Subjects is {problem}") from problem


def _title(text: str) -> str:
    try:
        return label(text)
    except CellError as problem:
        raise CellError(f"the title is {problem}") from problem
