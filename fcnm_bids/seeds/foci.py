"""Foci, the contrasts that reported them, and what one connectivity map stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import SeedError
from fcnm_bids.readers.spelling import look_alikes
from fcnm_bids.seeds.cells import as_text, refuse

TALAIRACH = "TAL"
SPACES = ("MNI152", "MNI152NLin6Asym", "MNI152NLin2009cAsym", TALAIRACH)
UNITS = ("contrast", "study", "focus")

_SPELLINGS = {name.lower(): name for name in SPACES} | {"mni": "MNI152", "talairach": TALAIRACH}


@dataclass(frozen=True)
class Focus:
    """One reported peak.

    Parameters
    ----------
    x, y, z
        Position in mm in `space`.
    space
        One of `SPACES`.
    study, contrast, effect
        The study and its comparison that reported the peak, and the network it belongs to.
    n
        Sample size of the contrast, where it was stated.
    origin
        Where the focus was read, such as ``"ketamine.tsv, row 5"``; for messages, not compared.
    reported, reported_space
        Position and space as published, where the focus was moved to another space since.
    """

    x: float
    y: float
    z: float
    space: str
    study: str
    contrast: str
    effect: str
    n: int | None
    origin: str = field(compare=False)
    reported: tuple[float, float, float] | None = None
    reported_space: str | None = None


@dataclass(frozen=True)
class Contrast:
    """The foci (or the mask) that one connectivity map stands for.

    Parameters
    ----------
    name
        Unique among the contrasts that were made together.
    effect
        The network that the contrast belongs to.
    studies
        Studies that the foci come from.
    foci
        Its foci; none for a contrast that is a mask.
    n
        Sample size, where it was stated.
    """

    name: str
    effect: str
    studies: tuple[str, ...]
    foci: tuple[Focus, ...]
    n: int | None


def parse_space(text: str) -> str | None:
    """The name in `SPACES` that a spelling stands for, or None where it is not certain.

    Upper and lower case, blanks, hyphens and underscores do not matter; ``MNI`` is MNI152 and
    ``Talairach`` is TAL. Other spaces, MNI305 among them, are not taken for one of these.
    """
    squeezed = "".join(letter for letter in text.lower() if letter not in " -_")
    return _SPELLINGS.get(squeezed)


def group_foci(foci: Iterable[Focus], unit: str) -> tuple[Contrast, ...]:
    """Contrasts, in order of first appearance.

    Parameters
    ----------
    foci
        Foci of one or several files.
    unit
        ``contrast``: one for each comparison of a study, named as the comparison, with the
        study before it where two studies share the name. ``study``: one for each study and
        effect, named after both; n is the largest of its contrasts' (their samples overlap).
        ``focus``: one for each distinct focus of a contrast, named by its place there.

    Returns
    -------
    tuple of Contrast
        With distinct names.

    Raises
    ------
    SeedError
        There are no foci, the rows of one contrast state several effects or sample sizes, two
        contrasts would have the same name, or two studies, effects, or contrasts of a study
        differ in spelling only.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is none of {', '.join(UNITS)}")
    foci = tuple(foci)
    if not foci:
        raise SeedError("there are no foci")
    _refuse_look_alikes(foci)
    contrasts = _by_contrast(foci)
    if unit == "study":
        contrasts = _by_study(foci)
    elif unit == "focus":
        contrasts = [single for contrast in contrasts for single in _by_focus(contrast)]
    repeated = [name for name, times in Counter(c.name for c in contrasts).items() if times > 1]
    refuse([f"two contrasts would both be called {as_text(name)}: rename one" for name in repeated])
    return tuple(contrasts)


def focus_positions(contrast: Contrast) -> NDArray[np.float64]:
    """Return the positions of a contrast's foci in mm, shape (foci, 3)."""
    rows = [(focus.x, focus.y, focus.z) for focus in contrast.foci]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def study_units(contrasts: Sequence[Contrast]) -> NDArray[np.intp]:
    """Number the study of each contrast; studies that share a contrast count as one."""
    unit_of_study: dict[str, int] = {}
    units = list(range(len(contrasts)))
    for number, contrast in enumerate(contrasts):
        touched = {unit_of_study[study] for study in contrast.studies if study in unit_of_study}
        for other in touched:
            units = [number if unit == other else unit for unit in units]
            unit_of_study = {s: number if u == other else u for s, u in unit_of_study.items()}
        unit_of_study |= dict.fromkeys(contrast.studies, number)
    return np.unique(units, return_inverse=True)[1].astype(np.intp)


def _refuse_look_alikes(foci: Sequence[Focus]) -> None:
    problems = look_alikes([(f.study, f.origin) for f in foci], "study")
    problems += look_alikes([(f.effect, f.origin) for f in foci], "effect")
    for of_study in _groups(foci, [focus.study for focus in foci]):
        problems += look_alikes([(f.contrast, f.origin) for f in of_study], "contrast")
    refuse(problems)


def _by_contrast(foci: Sequence[Focus]) -> list[Contrast]:
    groups = _groups(foci, [(focus.study, focus.contrast) for focus in foci])
    problems = []
    for members in groups:
        for what, stated in (
            ("effects", {focus.effect: focus for focus in reversed(members)}),
            ("sample sizes", {f.n: f for f in reversed(members) if f.n is not None}),
        ):
            if len(stated) > 1:
                values = " and ".join(f"{v} ({f.origin})" for v, f in reversed(stated.items()))
                problems.append(
                    f"contrast {as_text(members[0].contrast)} of study {as_text(members[0].study)}"
                    f" has several {what}: {values}; make them agree, or name two contrasts"
                )
    refuse(problems)
    return [
        Contrast(name, members[0].effect, (members[0].study,), tuple(members), _largest_n(members))
        for name, members in zip(_display_names(groups), groups, strict=True)
    ]


def _display_names(groups: Sequence[Sequence[Focus]]) -> list[str]:
    names = [members[0].contrast for members in groups]
    full = [f"{members[0].study} {members[0].contrast}" for members in groups]
    while True:
        times = Counter(names)
        clear = [long if times[name] > 1 else name for name, long in zip(names, full, strict=True)]
        if clear == names:
            return names
        names = clear


def _by_study(foci: Sequence[Focus]) -> list[Contrast]:
    return [
        Contrast(
            name=f"{members[0].study} {members[0].effect}",
            effect=members[0].effect,
            studies=(members[0].study,),
            foci=tuple(members),
            n=_largest_n(members),
        )
        for members in _groups(foci, [(focus.study, focus.effect) for focus in foci])
    ]


def _by_focus(contrast: Contrast) -> list[Contrast]:
    places = [(focus.x, focus.y, focus.z, focus.space) for focus in contrast.foci]
    return [
        Contrast(
            name=f"{contrast.name} focus {i}",
            effect=contrast.effect,
            studies=contrast.studies,
            foci=tuple(members),
            n=contrast.n,
        )
        for i, members in enumerate(_groups(contrast.foci, places), start=1)
    ]


def _groups(foci: Sequence[Focus], keys: Sequence[Hashable]) -> list[list[Focus]]:
    groups: dict[Hashable, list[Focus]] = {}
    for focus, key in zip(foci, keys, strict=True):
        groups.setdefault(key, []).append(focus)
    return list(groups.values())


def _largest_n(foci: Sequence[Focus]) -> int | None:
    return max((focus.n for focus in foci if focus.n is not None), default=None)
