"""Write the methods text on the degree audit and the nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcnm_bids.config import Config
from fcnm_bids.report.methods.citations import as_data, number_of
from fcnm_bids.report.results.group import GroupOutputs, read_sidecar
from fcnm_bids.report.results.specificity import SpecificityResult, capital
from fcnm_bids.specificity import FOCUS_NULLS
from fcnm_bids.specificity.interpretation import p_text

_STUDENTISED = (
    "At each voxel, the share of contrasts was studentised over all maps, including the observed "
    "one. The square of one contrast's share was added to the variance, so that voxels where "
    "hardly any map shows connectivity do not dominate the maximum {{tusher2001}}. The family-wise "
    "p of a voxel is the rank of its value among the largest values of all draws "
    "{{westfall1993}}. The size of the network{in_regions} was compared with that of the draws' "
    "networks. Convergence, the mean over contrasts of their mean Fisher z, each without voxels at "
    "most 10 mm from its own foci, was compared with the same draws in the same way, but without "
    "the added term. A one-sided p is (1 + number of draws that reach the observed value) / (1 + "
    "number of draws); a two-sided p by rank is twice the smaller of the two one-sided p-values, "
    "at most 1."
)


@dataclass(frozen=True)
class SpecificityText:
    """The paragraph on specificity.

    Parameters
    ----------
    config
        The request.
    results
        What the output folder holds.
    """

    config: Config
    results: GroupOutputs

    def paragraph(self) -> str:
        """The text; empty where nothing was compared. Citations as in `report.citations`."""
        found = [SpecificityResult(network) for network in self.results.networks]
        degree = next((about for f in found if (about := f.about("degree"))), None)
        tested = [one for one in found if one.tests is not None]
        parts = [] if degree is None else [self._degree(degree)]
        draws = self._draws(tested)
        if draws:
            regions = any(one.table("canonicalnull") is not None for one in tested)
            within = ", as a whole and within canonical networks," if regions else ""
            parts += [*draws, self._same_path(tested), _STUDENTISED.replace("{in_regions}", within)]
            parts += _described_in_draws(tested)
        parts += self._labels(tested)
        parts += self._compared_maps(tested)
        return " ".join(part for part in parts if part)

    def _degree(self, about: Mapping[str, Any]) -> str:
        targets = about.get("Targets")
        where = self._targets_in()
        over = f"{targets:,} random voxels{where}" if isinstance(targets, int) else "random voxels"
        text = (
            "To assess how far the maps reflect the connectome whatever the seeds "
            "{{vandenheuvel2026}}, the mean Fisher z of each contrast, its mean over the contrasts "
            "of an effect and the probability map were correlated across voxels with two measures "
            f"of strength (the mean of r with all other voxels, and the mean of max(r, 0) with "
            f"{over}) and with the first three eigenvectors of the matrix of r averaged over "
            "participants"
        )
        if {"Iterations", "LastChange"} <= set(about):
            n = number_of(int(about["Iterations"]), "block power iteration")
            text += f" ({n}, last change {float(about['LastChange']):.1e})"
        return (
            f"{text}. The share of variance that all of these explain together, and the mean map "
            "after their removal, come from a least-squares fit."
        )

    def _targets_in(self) -> str:
        """Return the grid, as the map of the positive strength states it."""
        pattern = "*desc-connectome_stat-positive_statmap.nii.gz"
        for path in sorted((self.results.root / "group").glob(pattern)):
            where = read_sidecar(path).get("TargetsIn")
            return f" in {as_data(str(where))}" if where else ""
        return ""

    def _draws(self, found: list[SpecificityResult]) -> list[str]:
        parts = []
        for null in FOCUS_NULLS:
            about = next((a for f in found if f.row(null) and (a := f.about(f"{null}draws"))), None)
            if about is not None:
                n = int(about.get("Draws", 0))
                rate = about.get("BaseRate")
                how = FOCUS_NULLS[null].methods(
                    about, as_data(Path(str(rate)).name) if rate else None
                )
                parts.append(
                    f"Each network was compared with {n:,} draws of a null in which {how}."
                )
                if any(f.row(null).get("withheld") == "True" for f in found):
                    parts.append(
                        "Its p-values are withheld: the positive strength of these participants "
                        "is not reliable enough for this null."
                    )
        return parts

    def _same_path(self, found: list[SpecificityResult]) -> str:
        text = (
            "Every draw went through the same steps as the observed foci, with the same "
            "participants and thresholds"
        )
        coarse = {size for f in found for null in FOCUS_NULLS if (size := f.resolution(null))}
        if coarse:
            listed = ", ".join(f"{size:g}" for size in sorted(coarse))
            return f"{text}; data and draws were compared at voxels about {listed} mm apart."
        return f"{text}; the observed foci, entered as a draw, reproduced the observed map exactly."

    def _compared_maps(self, found: list[SpecificityResult]) -> list[str]:
        about = next((a for one in found if (a := one.about("comparedmaps"))), {})
        names = [as_data(str(name)) for name in about.get("Maps", [])]
        if not names:
            return []
        tables = [table for one in found if (table := one.table("comparedmaps")) is not None]
        tests = {test for table in tables for test in table["test"]}
        measures = [
            *(["the probability map and the convergence map"] if tests & {*FOCUS_NULLS} else []),
            *(["the difference between the two probability maps"] if "labels" in tests else []),
        ]
        return [
            f"{capital(' and '.join(measures))} were correlated across grey matter with "
            f"{number_of(len(names), 'other map')} ({', '.join(names)}); for maps of two values, "
            "the mean inside minus the mean outside was used instead. The numbers of voxels "
            "compared are in the column n_voxels of group/network-*_desc-comparedmaps_metrics.tsv. "
            "Two-sided p-values are by rank among the same draws and labellings (twice the smaller "
            "one-sided p, at most 1); family-wise p-values over the maps use the largest absolute "
            "studentised value."
        ]

    def _labels(self, found: list[SpecificityResult]) -> list[str]:
        for one in found:
            about = one.about("labels")
            if len(about.get("Labels", [])) == 2 and (one.row("labels") or one.row("split")):
                return [self._compared(one, about), *self._split(one)]
        return []

    def _compared(self, one: SpecificityResult, about: Mapping[str, Any]) -> str:
        first, second = (as_data(str(label)) for label in about["Labels"])
        table = about.get("LabelCoordinates")
        source = f", the latter from the table {as_data(Path(table).name)}," if table else ""
        thinned = about.get("FociThinnedTo")
        thin = (
            f" Contrasts were thinned to {number_of(thinned, 'focus', 'foci')} each, at random."
            if isinstance(thinned, int)
            else ""
        )
        text = f"The effects {first} and {second}{source} were compared.{thin}"
        if not one.row("labels"):
            return text
        image = one.image("labels", "z")
        drawn = {} if image is None else read_sidecar(image)
        text += (
            " Labels were exchanged between whole studies {{petersen2026}}: studies with both "
            "effects kept or swapped their labels, and the labels of the other studies were "
            "permuted among them. The difference between the two probability maps, in which what "
            "they share cancels, was studentised over the labellings, and the largest absolute "
            "value over voxels gave two-sided family-wise p-values"
        )
        if {"Labellings", "LabellingsPossible", "SmallestP"} <= set(drawn):
            n, possible = drawn["Labellings"], drawn["LabellingsPossible"]
            which = (
                f"all {n:,} labellings"
                if drawn.get("LabellingsExact")
                else f"{n:,} of {possible:,} labellings, the observed one and randomly drawn ones"
            )
            text += f" ({which}; smallest possible p {p_text(float(drawn['SmallestP']))})"
        text += (
            ". For each study, the mean Fisher z of its contrasts was correlated with that of the "
            "other studies of its effect and of the other effect, over voxels more than 10 mm "
            "from the foci of either side; the mean difference was compared, one-sided, with that "
            "under "
            "the same labellings"
        )
        return f"{text}."

    def _split(self, one: SpecificityResult) -> list[str]:
        draws = one.number("split", "n_draws")
        if draws is None:
            return []
        high = self.config.group.network_threshold
        return [
            f"The contrasts of both effects were split into random halves {draws:,.0f} times "
            "without regard to label {{siddiqi2026}}, and clusters shared by at least "
            f"{high:.0%} of one half and at most {high / 2:.0%} of the other were counted; the "
            "number of splits with such a cluster is in the column n_splits of "
            "group/network-*_desc-specificity_metrics.tsv."
        ]


def _described_in_draws(found: list[SpecificityResult]) -> list[str]:
    """Describe the two-sided comparisons of the probability map with the draws."""
    parts = []
    if any("draws of random foci" in one.row("degree").get("verdict", "") for one in found):
        parts.append(
            "The strongest correlation of the probability map with a measure of degree was "
            "compared, two-sided, with the same correlation in the draws of random foci."
        )
    regions = [table for one in found if (table := one.table("canonicalnull")) is not None]
    if any("p_difference" in table for table in regions):
        parts.append(
            "The mean of the probability map inside each canonical network minus the mean outside "
            "was compared with that in the draws, two-sided; family-wise p-values over the "
            "canonical networks use the largest absolute studentised value."
        )
    return parts
