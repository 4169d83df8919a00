"""The methods text: what was done, from the settings and the numbers that are on disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fcnm_bids._version import __version__
from fcnm_bids.bids.write import write_text
from fcnm_bids.config import Config
from fcnm_bids.report.methods.citations import (
    as_data,
    number_of,
    to_bibtex,
    to_html,
    to_latex,
    to_markdown,
    was,
)
from fcnm_bids.report.methods.connectome import ConnectomeText, layout_title
from fcnm_bids.report.methods.outcomes import outcomes_text, samples_text
from fcnm_bids.report.methods.robustness import multiverse_text, robustness_text
from fcnm_bids.report.methods.specificity import SpecificityText
from fcnm_bids.report.results.group import GroupOutputs, read_sidecar
from fcnm_bids.report.results.logs import RunRecord
from fcnm_bids.seeds import Contrast
from fcnm_bids.setting import declared_settings, flag
from fcnm_bids.stats import height_control

TITLE = "Methods"

_TALAIRACH = {
    "icbm_spm2tal": "the inverse of the affine icbm_spm2tal {{lancaster2007}}",
    "icbm_fsl2tal": "the inverse of the affine icbm_fsl2tal {{lancaster2007}}",
    "icbm_other2tal": "the inverse of the affine icbm_other2tal {{lancaster2007}}",
    "brett": "the inverse of Brett's piecewise affine mni2tal",
}
_WEIGHTED = {
    "none": "",
    "n": ", each weighted by its sample size",
    "sqrt-n": ", each weighted by the square root of its sample size",
}
_TAIL = {
    "positive": "Only positive connectivity was considered.",
    "negative": "Only negative connectivity was considered.",
    "two-sided": "Positive and negative connectivity were considered, and every effect has "
    "one network for each sign.",
}


@dataclass(frozen=True)
class Methods:
    """Facts that the methods text on one run is made from.

    Parameters
    ----------
    root
        Output folder.
    record
        The run.
    """

    root: Path
    record: RunRecord

    @property
    def config(self) -> Config:
        """The request."""
        return self.record.config

    @cached_property
    def results(self) -> GroupOutputs:
        """Content of an output folder."""
        return GroupOutputs(self.root)

    def paragraphs(self) -> list[str]:
        """The text; citations stand as in `report.citations`."""
        found = [self._opening()]
        if not self._stores_only:
            found.append(self._seeds())
        found.append(ConnectomeText(self.root, self.record, self.results).paragraph())
        if not self._stores_only:
            found.append(self._connectivity())
        if self.config.analysis_level == "group":
            found += [self._group(), self._network()]
            found.append(SpecificityText(self.config, self.results).paragraph())
            found += [outcomes_text(self.results), samples_text(self.results)]
        return [text for text in (*found, self._further(), self._software()) if text]

    @property
    def _stores_only(self) -> bool:
        participant = self.config.analysis_level == "participant"
        return participant and self.config.connectome.connectome_only

    def _opening(self) -> str:
        versions = self.record.environment.get("Versions", {})
        version = versions.get("fcnm_bids", __version__)
        within = " on data in the Brain Imaging Data Structure {{gorgolewski2016}}"
        if layout_title(self.config):
            within = ""
        return (
            "Functional connectivity network mapping {{boes2015 peng2022}} was carried out with "
            f"fcnm_bids {version}{within}."
        )

    def _seeds(self) -> str:
        seeds, asked = self.config.seeds, self.results.asked
        sphere = (
            f"voxels whose centres lie within {seeds.radius:g} mm of a focus (where there are "
            "none, the voxel that holds the focus)"
            if seeds.sphere == "mm"
            else f"voxels within {seeds.radius:g} mm of a focus, with centre and radius rounded to "
            "voxels"
        )
        if seeds.masks:
            return (
                "Masks served as seeds, one for each contrast, resampled to the grid of the data."
            )
        text = f"{self._counted(asked)} served as seeds. " if asked else ""
        unit = {"contrast": "contrast", "study": "study and effect", "focus": "focus"}[seeds.unit]
        text += f"The seed of a {unit} consisted of the {sphere}; each voxel counted once."
        return f"{text} {self._moved(asked)}".strip()

    def _counted(self, asked: tuple[Contrast, ...]) -> str:
        n_foci = sum(len(c.foci) for c in asked)
        n_studies = len({study for c in asked for study in c.studies})
        by_effect = Counter(c.effect for c in asked)
        unit = {"contrast": "contrast", "study": "seed", "focus": "seed"}[self.config.seeds.unit]
        effects = ", ".join(f"{n} {as_data(effect)}" for effect, n in by_effect.items())
        studies = number_of(n_studies, "study", "studies")
        return (
            f"{number_of(n_foci, 'published focus', 'published foci')} of "
            f"{number_of(len(asked), unit)} ({effects}) from {studies}"
        )

    def _moved(self, asked: tuple[Contrast, ...]) -> str:
        all_foci = [focus for contrast in asked for focus in contrast.foci]
        moved = [focus for focus in all_foci if focus.reported_space == "TAL"]
        if not asked:
            return ""
        where = "Foci reported in variants of MNI space were used without conversion. "
        if not moved:
            return f"{where}None had been reported in Talairach space."
        if len(moved) == len(all_foci):
            where = ""
        studies = list(dict.fromkeys(as_data(focus.study) for focus in moved))
        foci = number_of(len(moved), "focus", "foci")
        return (
            f"{where}{foci} of {number_of(len(studies), 'study', 'studies')} "
            f"({'; '.join(studies)}) had been reported in Talairach space and {was(len(moved))} "
            f"converted to MNI space with {_TALAIRACH[self.config.seeds.talairach]}."
        )

    def _connectivity(self) -> str:
        return (
            "For each participant and seed, the Pearson correlation between the seed's mean time "
            "series and the time series of every voxel was computed and transformed to Fisher's z; "
            "the runs of a participant were averaged, weighted by their residual degrees of "
            "freedom minus two. A run gave no map of a seed if less than "
            f"{self.config.seeds.min_coverage:.0%} of the seed's voxels had signal"
            f"{self._uncovered()}."
        )

    def _uncovered(self) -> str:
        if self.config.analysis_level != "group":
            return ""
        lost = sum(
            len(c.sidecar.get("ParticipantsWithoutCoverage", [])) for c in self.results.contrasts
        )
        return f" ({number_of(lost, 'map')} missing over all participants and seeds)"

    def _group(self) -> str:
        group = self.config.group
        rule = height_control(group.height_control).methods.format(
            alpha=group.alpha,
            n_permutations=group.n_permutations,
            value=group.height_control.partition("=")[2],
        )
        text = (
            f"The settings were those of the preset {group.preset}, unless stated otherwise. "
            if group.preset not in (None, "none")
            else ""
        )
        if group.max_mean_fd is not None:
            text += (
                f"Participants with a mean framewise displacement above {group.max_mean_fd:g} mm "
                "were excluded. "
            )
        covariates = ", ".join(map(as_data, group.covariates))
        test = (
            f"for the intercept of a linear model with the centred covariates {covariates}"
            f"{self._coding()}"
            if covariates
            else "with a one-sample t test"
        )
        where = {"brain": "in the brain masks", "gm": "in grey matter"}.get(
            group.analysis_mask, f"in the mask {as_data(Path(group.analysis_mask).name)}"
        )
        text += (
            f"For each seed, the maps were tested across participants {test} at voxels {where} "
            f"with a value in at least {group.min_subjects:.0%} of the participants; {rule}. "
            f"{self._freedom()}{_TAIL[group.tail]}"
        )
        if group.min_mean_z > 0:
            text += f" A voxel also needed a mean Fisher z of at least {group.min_mean_z:g}."
        if group.contrast_min_cluster > 1:
            text += f" Clusters smaller than {group.contrast_min_cluster} voxels were removed."
        return text

    def _coding(self) -> str:
        """Return the coding of the covariates, as the sidecars state it."""
        said = next((own for c in self.results.contrasts if (own := c.sidecar)), {})
        coding = [as_data(str(line)) for line in said.get("CovariateCoding") or []]
        return f" ({'; '.join(coding)})" if coding else ""

    def _freedom(self) -> str:
        """The degrees of freedom of the tests, the fewest of each contrast's voxels."""
        listed = (c.sidecar.get("DegreesOfFreedom") for c in self.results.contrasts)
        fewest = sorted({int(df) for df in listed if isinstance(df, int | float) and df > 0})
        if not fewest:
            return ""
        reach = f"{fewest[0]}" if len(fewest) == 1 else f"{fewest[0]} to {fewest[-1]}"
        return (
            "The t of a voxel has the degrees of freedom of the participants with a value there; "
            f"the minimum per contrast was {reach}. "
        )

    def _network(self) -> str:
        group = self.config.group
        text = (
            "The network of an effect consisted of the voxels that lay in the masks of at least "
            f"{group.network_threshold:.0%} of its contrasts{_WEIGHTED[group.weights]}, without "
            "clusters (of voxels that share a face or an edge) smaller than "
            f"{group.min_cluster_volume:g} mm³."
        )
        for network in self.results.networks:
            path = network.tables().get("canonical")
            if path is None:
                continue
            atlas = str(read_sidecar(path).get("Atlas"))
            schaefer = " {{yeo2011 schaefer2018}}" if "Schaefer2018" in atlas else ""
            text += f" Its overlap with the canonical networks of {atlas} was measured{schaefer}."
            break
        varied = robustness_text(self.results) + multiverse_text(self.results)
        return f"{text}{self._left_out()}{varied}"

    def _left_out(self) -> str:
        text = ""
        for network in self.results.networks:
            names = [as_data(str(name)) for name in network.sidecar.get("ContrastsLeftOut") or []]
            if names:
                n = int(network.sidecar.get("NumberOfContrasts", 0))
                text += (
                    f" {number_of(len(names), 'contrast')} ({'; '.join(names)}) could not be "
                    f"tested at any voxel and {was(len(names))} left out; the network of "
                    f"{as_data(network.effect)} is based on {number_of(n, 'contrast')}."
                )
        return text

    def _further(self) -> str:
        listed, said = [], []
        sections = ["seeds", "selection", "denoising"]
        if self.config.analysis_level == "group":
            sections += ["group", "specificity", "outcomes"]
        for section in sections:
            values = getattr(self.config, section)
            for own, declared in declared_settings(values):
                value = getattr(values, own.name)
                if declared.sentence is True or value == own.default:
                    continue
                cells = value if isinstance(value, tuple) else (value,)
                if declared.path:  # where files lie is of no use to readers
                    cells = tuple(Path(cell).name for cell in cells)
                shown = " ".join(map(str, cells))
                if declared.sentence:
                    said.append(declared.sentence.format(value=as_data(shown)))
                else:
                    listed.append(as_data(f"{flag(own.name)} {shown}"))
        if listed:
            said.append(f"Further settings: {'; '.join(listed)}.")
        if self.config.analysis_level == "group" and self.results.networks:
            seed = self.config.group.random_seed
            said.insert(0, f"All random draws used the random seed {seed}.")
        return " ".join(said)

    def _software(self) -> str:
        versions = self.record.environment.get("Versions", {})
        named = [
            (label, name, f" {{{{{key}}}}}" if key else "")
            for label, name, key in (
                ("Nipype", "nipype", "gorgolewski2011"),
                ("NumPy", "numpy", "harris2020"),
                ("SciPy", "scipy", "virtanen2020"),
                ("nibabel", "nibabel", ""),
            )
            if name in versions
        ]
        if not named:
            return ""
        said = [f"{label} {versions[name]}{cite}" for label, name, cite in named]
        return f"The software builds on {', '.join(said[:-1])} and {said[-1]}."


def write_methods(root: Path, record: RunRecord) -> list[Path]:
    """Write the methods text into the logs of a run: ``CITATION.md``, html, tex and bib.

    Parameters
    ----------
    root
        Output folder.
    record
        The run.

    Returns
    -------
    files
        What was written.
    """
    paragraphs = Methods(root, record).paragraphs()
    texts = {
        "md": to_markdown(TITLE, paragraphs),
        "html": to_html(TITLE, paragraphs),
        "tex": to_latex(TITLE, paragraphs),
        "bib": to_bibtex(paragraphs),
    }
    written = []
    for extension, text in texts.items():
        path = record.logs / f"CITATION.{extension}"
        write_text(path, text)
        written.append(path)
    return written
