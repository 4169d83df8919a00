"""Sections of the group report about outcomes of the seeds."""

from __future__ import annotations

from typing import Any

from fcnm_bids.report.figures.outcomes import outcome_figure, sample_figure
from fcnm_bids.report.pages.html import Figure, Folded, Note, Prose, Section
from fcnm_bids.report.pages.tables import frame_table, label_headings
from fcnm_bids.report.results.group import GroupOutputs, OutcomeResult, SampleResult
from fcnm_bids.report.results.text import as_text

_CLUSTERS = {
    "sign": "Sign",
    "cluster": "Cluster",
    "volume_mm3": "mm³",
    "peak_x": "x",
    "peak_y": "y",
    "peak_z": "z",
    "peak_r": "r at the peak",
    "mean_t": "Mean t in the cluster",
    "peak_label": "At the peak",
}

_TESTS = {
    "test": "Test",
    "n_seeds": "Seeds",
    "n_voxels": "Voxels",
    "statistic": "Statistic",
    "value": "Value",
    "null_mean": "Its mean under permutation",
    "p": "p",
    "partial_r": "r, covariates out",
    "partial_p": "its p",
    "smallest_p": "Smallest p possible",
}

_SEEDS = {
    "seed": "Seed",
    "cohort": "Cohort",
    "outcome": "Outcome",
    "volume_mm3": "mm³",
    "peak_connectivity": "z at the peak",
    "similarity": "Similarity, others",
    "cohort_similarity": "Similarity, other cohorts",
    "weighted": "Strongest voxels, others",
    "cohort_weighted": "Strongest voxels, other cohorts",
    "damage_mean": "Damage: mean",
    "damage_maximum": "maximum",
    "damage_sum": "sum",
}

_SAMPLE = {
    "model": "Model",
    "covariates": "Covariates",
    "n_contrasts": "Contrasts",
    "n_studies": "Studies",
    "n_voxels": "Voxels",
    "median_variance": "Variance between seeds: median",
    "largest_variance": "largest",
    "z": "Largest z",
    "slope": "Slope there",
    "peak_x": "x",
    "peak_y": "y",
    "peak_z": "z",
    "p": "p",
    "smallest_p": "Smallest p possible",
}

_AS_A_SAMPLE = (
    "how much does their mean Fisher z vary beyond what differences between participants explain? "
    "All are mapped on the same participants, so their errors covary; generalised least squares "
    "takes this into account."
)

_WORDS = (
    "Sensitivity is the share of cases whose contrast mask holds a voxel; specificity is the "
    "difference in connectivity between cases and controls at that voxel. These are terms of "
    "lesion "
    "network mapping, not the diagnostic measures of the same names."
)


def outcome_sections(results: GroupOutputs) -> list[Section]:
    """Return one section per outcome."""
    return [_section(results, outcome) for outcome in results.outcomes]


def sample_sections(results: GroupOutputs) -> list[Section]:
    """Return one section per effect whose contrasts are taken as a sample of studies."""
    return [_sample(results, sample) for sample in results.samples]


def _sample(results: GroupOutputs, sample: SampleResult) -> Section:
    effect = str(sample.sidecar.get("Effect", sample.label))
    n_contrasts = len(sample.sidecar.get("Contrasts", []))
    blocks: list[Any] = [
        Prose(
            (
                f"Taking the {n_contrasts} contrasts of {effect} as a sample, {_AS_A_SAMPLE}",
                "The mean has no p, because seeds near any hub would reject a mean of zero. The "
                "nulls of specificity test whether seeds converge.",
            )
        )
    ]
    path = sample_figure(results.root, sample.label)
    if path.is_file():
        caption = "Standard deviation between seeds of the mean Fisher z."
        alt = f"Slices of the standard deviation between the seeds of {effect}."
        blocks.append(Figure(path, alt, caption, results.root, "wide"))
    if (table := sample.table()) is not None:
        caption = "Models of the contrasts; position in mm of the largest |z|"
        blocks.append(frame_table(caption, table, _SAMPLE, as_is=("model", "covariates")))
    name = f"sample-{sample.label.lower()}"
    return Section(name, f"Contrasts as a sample: {effect}", tuple(blocks))


def _section(results: GroupOutputs, outcome: OutcomeResult) -> Section:
    said = outcome.sidecar
    n_seeds, alpha = len(said.get("Seeds", [])), as_text(said.get("Alpha"))
    covariates = ", ".join(map(str, said.get("Covariates", []))) or "none"
    cohorts = said.get("Cohorts", [])
    what = "Cases against controls" if outcome.is_group else outcome.name
    blocks: list[Any] = [
        Prose(
            (
                f"{what}: {n_seeds} seeds, covariates: {covariates}"
                + (f"; permuted within {len(cohorts)} cohorts." if cohorts else "."),
                *((_WORDS,) if outcome.is_group else ()),
            )
        )
    ]
    if (smallest := said.get("SmallestP")) and smallest > float(said.get("Alpha", 0)):
        text = f"No p can be below {as_text(smallest)}: there are too few permutations."
        blocks.append(Note(text, "warning"))
    tables = {desc: outcome.table(desc) for desc in ("tests", "clusters", "seeds")}
    captions = {
        "slices": (
            f"t of the outcome over seeds. White border: voxels with p of at most {alpha}, "
            "corrected "
            "for all voxels by the largest |t| of either sign.",
            f"Slices of the t map of {outcome.name}.",
        ),
        "scatter": (
            "Every point is a seed. The first panel shows the voxel of the largest |t|, chosen "
            "because it is the largest: this is a description, not a test. The others show scores "
            "from maps made without that seed.",
            f"Scatter plots of {outcome.name}; the table of seeds has the numbers.",
        ),
    }
    for desc, (caption, alt) in captions.items():
        path = outcome_figure(results.root, outcome.label, desc)
        if path.is_file():
            blocks.append(Figure(path, alt, caption, results.root, "wide"))
    if (tests := tables["tests"]) is not None:
        blocks.append(frame_table("Tests", tests, _TESTS, as_is=("test", "statistic")))
    clusters = tables["clusters"]
    if clusters is not None and len(clusters):
        caption = "Clusters of associated voxels; positions in mm"
        blocks.append(
            frame_table(caption, clusters, _CLUSTERS | label_headings(clusters), as_is=("sign",))
        )
    elif clusters is not None:
        blocks.append(
            Prose((f"No voxel is associated with the outcome at a corrected p of {alpha}.",))
        )
    if (seeds := tables["seeds"]) is not None:
        table = frame_table("Seeds", seeds, _SEEDS, as_is=("seed", "cohort"))
        blocks.append(Folded(f"All {len(seeds)} seeds", (table,)))
    return Section(f"outcome-{outcome.label.lower()}", f"Outcome: {outcome.name}", tuple(blocks))
