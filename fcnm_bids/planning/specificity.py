"""Plan the nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.config import NULLS, Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.analysis_mask import find_analysis_mask
from fcnm_bids.inputs.compared_maps import read_compared_maps
from fcnm_bids.inputs.nulls import compared_contrasts, nulls_wanted, read_base_rate
from fcnm_bids.planning.group_options import log_other_space
from fcnm_bids.planning.plan import SpecificityPlan
from fcnm_bids.reruns.keys import digest, fingerprint, seed_record
from fcnm_bids.seeds import Contrast
from fcnm_bids.setting import affecting, effective
from fcnm_bids.specificity import FOCUS_NULLS, LABEL_NULLS


def plan_specificity(
    config: Config,
    root: Path,
    participants: Sequence[tuple[str, Sequence[StoredRun]]],
    contrasts: tuple[Contrast, ...],
    model: Mapping[str, Any],
    grid: Grid,
    entities: Mapping[str, str],
) -> SpecificityPlan:
    """Plan the tests of specificity.

    Parameters
    ----------
    root
        Root of the preprocessed data set.
    participants
        Participant labels with their projected runs.
    contrasts
        Those of the coordinate table.
    model
        Design and analysis mask, as the key of the group level has them.
    grid, entities
        Of the data.

    Raises
    ------
    RequestError
        A null was asked for that cannot be had; one line per problem.
    """
    settings = config.specificity
    nulls = nulls_wanted(config, contrasts)
    if settings.base_rate:
        log_other_space("--base-rate", Path(settings.base_rate), grid.space)
    rate = read_base_rate(config, grid)
    read_compared_maps(config, grid)
    for path in settings.compare_maps:
        log_other_space("--compare-maps", Path(path), grid.space)
    notes: tuple[str, ...] = ()
    grey: list[Path] = []
    try:
        grey = find_analysis_mask("gm", root, [label for label, _ in participants], dict(entities))
    except RequestError as error:
        if {*FOCUS_NULLS} & set(nulls) and rate is None:
            raise RequestError(
                "--specificity: nulls draw their foci in grey matter, for which there is no image "
                f"({error.problems[0].removeprefix('--analysis-mask gm: ')}); alternatively, "
                "give a "
                "mask or map with --base-rate FILE"
            ) from error
        notes = (
            "degree: there is no grey matter image; strengths are computed over all analysis "
            "voxels",
        )
    compared: list[Any] = []
    if {*LABEL_NULLS} & set(nulls):
        first, second, chosen = compared_contrasts(config, contrasts)
        foci = [(c.name, c.effect, c.n, [(f.x, f.y, f.z) for f in c.foci]) for c in chosen]
        compared = [first, second, foci]
    measured = {
        "version": __version__,
        "participants": {label: [run.key for run in own] for label, own in participants},
        "grey": [fingerprint(path) for path in grey],
        "base_rate": fingerprint(Path(settings.base_rate)) if settings.base_rate else None,
        "strength": "three eigenvectors, halves of participants",
    }
    drawn = {
        **measured,
        "blocks": "shares and convergence, by study and sign",
        "group": affecting(config.group, "draws"),
        "how": tuple(affecting(settings, "draws").values()),
        **model,
        **seed_record(config, contrasts),
    }
    asked = {
        **effective(settings, "network"),
        "specificity": nulls,
        "least_reliability": NULLS.least_reliability,
    }
    if settings.compare_maps:
        asked["compare_maps"] = [fingerprint(Path(path)) for path in settings.compare_maps]
    return SpecificityPlan(
        nulls,
        tuple(grey),
        digest({"drawn": drawn, "asked": asked, "compared": compared}),
        digest(drawn),
        digest(
            {
                **measured,
                **affecting(config.group, "degree"),
                "analysis_mask": (config.group.analysis_mask, model["mask"]),
            }
        ),
        notes,
    )
