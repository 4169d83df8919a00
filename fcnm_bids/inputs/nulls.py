"""Nulls, compared networks and base rate that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import Config
from fcnm_bids.connectome import read_volume
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.readers.spelling import look_alikes, skeleton
from fcnm_bids.seeds import Contrast
from fcnm_bids.specificity import FOCUS_NULLS, LABEL_NULLS, focus_density


def compared_contrasts(
    config: Config, contrasts: Sequence[Contrast]
) -> tuple[str, str, tuple[Contrast, ...]]:
    """The two effects that a test of labels compares, and their contrasts.

    The effects are those of ``--label-test A:B``, or the only two there are. B comes from the
    second table where one is given, which is added to the name of its effect.

    Parameters
    ----------
    config
        The request.
    contrasts
        Those of the coordinate table.

    Raises
    ------
    RequestError
        There are no such effects, the second table cannot be used or spells a study otherwise,
        or contrasts are masks.
    """
    settings = config.specificity
    if not contrasts or not all(contrast.foci for contrast in contrasts):
        raise RequestError(
            "--specificity labels, split: these need foci, not masks; leave them out"
        )
    here = list(dict.fromkeys(contrast.effect for contrast in contrasts))
    others: tuple[Contrast, ...] = tuple(contrasts)
    suffix = ""
    if settings.label_coordinates is not None:
        path = Path(settings.label_coordinates)
        others = read_contrasts(replace(config.seeds, coordinates=str(path)))
        tables = ((config.seeds.coordinates, contrasts), (path, others))
        named = [(s, Path(str(p)).name) for p, own in tables for c in own for s in c.studies]
        if alike := look_alikes(named, "study"):
            raise RequestError([f"--label-coordinates: {line}" for line in alike])
        suffix = f" ({path.stem})"
    there = list(dict.fromkeys(contrast.effect for contrast in others))
    if settings.label_test is None:
        if suffix or len(here) != 2:
            raise RequestError(
                f"--label-test A:B is needed to name the two effects to compare: {_listed(here)}"
                + (f", in the second table {_listed(there)}" if suffix else "")
            )
        first, second = here
    else:
        first, second = _named(settings.label_test, here, there)
    if not suffix and first == second:
        raise RequestError(
            f"--label-test {settings.label_test}: names the same effect twice; name two"
        )
    names = {contrast.name for contrast in contrasts}
    chosen = [contrast for contrast in contrasts if contrast.effect == first]
    chosen += [
        replace(
            contrast,
            effect=second + suffix,
            name=contrast.name + (suffix if contrast.name in names else ""),
        )
        for contrast in others
        if contrast.effect == second
    ]
    return first, second + suffix, tuple(chosen)


def nulls_wanted(config: Config, contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """The nulls that are asked for; ``all`` are those that the contrasts allow.

    Raises
    ------
    RequestError
        One was asked for by its name that they do not.
    """
    asked = config.specificity.specificity
    if "all" not in asked:
        if {*FOCUS_NULLS} & set(asked) and not contrasts:
            raise RequestError(
                f"--specificity {', '.join(FOCUS_NULLS)}: these need foci, not masks; leave them "
                "out"
            )
        if {*LABEL_NULLS} & set(asked):
            compared_contrasts(config, contrasts)
        return tuple(dict.fromkeys(asked))
    if not contrasts:
        return ()
    try:
        compared_contrasts(config, contrasts)
    except RequestError:
        if config.specificity.label_test or config.specificity.label_coordinates:
            raise
        return tuple(FOCUS_NULLS)
    return (*FOCUS_NULLS, *LABEL_NULLS)


def _named(text: str, here: Sequence[str], there: Sequence[str]) -> tuple[str, str]:
    parts = text.split(":")
    for i in range(1, len(parts)):
        first, second = ":".join(parts[:i]), ":".join(parts[i:])
        if first in here and second in there:
            return first, second
    raise RequestError(
        f"--label-test {text}: two effects in the form A:B were expected; A is one of "
        f"{_listed(here)}, B "
        f"one of {_listed(there)}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def rates_from_table(config: Config) -> bool:
    """Return whether the base rate is the density of a coordinate table, not an image."""
    named = config.specificity.base_rate
    return named is not None and not named.endswith((".nii", ".nii.gz"))


def read_base_rate(config: Config, grid: Grid) -> NDArray[np.float64] | None:
    """The base rate of foci, shape (grid.n_voxels,); None where none was named.

    A coordinate table gives the density of its foci; studies under test are left out of it.

    Raises
    ------
    RequestError
        It cannot be read, lies on another grid, has a negative value or none above 0, or a table
        holds no other study.
    """
    named = config.specificity.base_rate
    if named is None:
        return None
    if rates_from_table(config):
        tested = {skeleton(study) for c in read_contrasts(config.seeds) for study in c.studies}
        table = read_contrasts(replace(config.seeds, coordinates=named))
        others = [c for c in table if tested.isdisjoint(map(skeleton, c.studies))]
        if not others:
            raise RequestError(
                f"--base-rate {named}: all of its studies belong to the analysis itself; name a "
                "table of other studies"
            )
        return focus_density(others, grid.positions(np.arange(grid.n_voxels)))
    try:
        rate = read_volume(Path(named), grid)
    except RunError as error:
        raise RequestError(f"--base-rate {named}: {error}") from error
    rate = np.where(np.isnan(rate), 0.0, rate)
    if not (rate.min() >= 0 and 0 < rate.max() < np.inf):
        raise RequestError(
            f"--base-rate {named}: rates have to be finite and not negative, and at least one "
            "has to be above 0"
        )
    return rate
