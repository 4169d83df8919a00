"""The paragraph of the methods text about outcomes."""

from __future__ import annotations

from fcnm_bids.report.methods.citations import as_data, number_of
from fcnm_bids.report.results.group import GroupOutputs, OutcomeResult


def outcomes_text(results: GroupOutputs) -> str:
    """Return what was done with outcomes of the seeds; empty without any."""
    if not results.outcomes:
        return ""
    listed = "; ".join(_described(outcome) for outcome in results.outcomes)
    first = results.outcomes[0].sidecar
    drawn = int(first.get("Permutations", 0))
    text = (
        f"At every voxel, the seeds' mean Fisher z was correlated with their outcomes ({listed}) "
        "by partial correlation; p was corrected for all voxels by the largest absolute t under "
        f"permutation of the residuals (Freedman and Lane; {number_of(drawn, 'permutation')}"
        f"{', within cohorts' if any(o.sidecar.get('Cohorts') for o in results.outcomes) else ''})."
        " Each seed was also scored by the spatial correlation of its map with the partial "
        "correlation map of all other seeds, and by its mean at the 1% of voxels where that map "
        "is strongest, weighted by that map; p of the prediction came from permutations that "
        "repeated the whole procedure."
    )
    if any(outcome.is_group for outcome in results.outcomes):
        text += (
            " For cases against controls, sensitivity was the share of cases whose contrast mask "
            "held a voxel, specificity the difference of mean Fisher z between the groups, and "
            "prediction was "
            "measured by the area under the ROC curve."
        )
    return text


def samples_text(results: GroupOutputs) -> str:
    """Return how contrasts were taken as a sample of studies; empty if they were not."""
    if not results.samples:
        return ""
    listed = [name for own in results.samples for name in own.sidecar.get("Moderators", [])]
    moderators = list(dict.fromkeys(map(str, listed)))
    text = (
        "The contrasts of an effect were also taken as a sample: at every voxel, a model of "
        "their mean Fisher z was fitted by generalised least squares, with the covariance of their "
        "errors, which share participants, and a variance between seeds that was estimated by the "
        "method of moments."
    )
    if moderators:
        text += (
            f" Moderators ({', '.join(map(as_data, moderators))}) were tested one by one, with p "
            "corrected for all voxels by the largest absolute z under permutation across studies."
        )
    return text


def _described(outcome: OutcomeResult) -> str:
    covariates = ", ".join(as_data(str(name)) for name in outcome.sidecar.get("Covariates", []))
    given = f", given {covariates}" if covariates else ""
    n_seeds = number_of(len(outcome.sidecar.get("Seeds", [])), "seed")
    return f"{as_data(outcome.name)}, {n_seeds}{given}"
