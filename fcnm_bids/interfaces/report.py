"""Draw figures, write pages and manifests."""

from __future__ import annotations

from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.reruns.manifest import Manifest


class ReportParticipant(ConfiguredInterface):
    """Draw a participant's figures and write the participant's report."""

    takes = ("subject",)
    may_take = ("after",)

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report.figures.participant import draw_participant_figures
        from fcnm_bids.report.pages.participant import write_participant_page

        root = Path(config.output_dir)
        maps = config.running.reports == "all"
        figures = draw_participant_figures(root, self.inputs.subject, maps=maps)
        page = write_participant_page(root, self.inputs.subject)
        self._results["out_files"] = [*self.inputs.after, [str(path) for path in (*figures, page)]]


class DrawNetwork(ConfiguredInterface):
    """Draw the group report's figures of one network."""

    takes = ("effect",)
    may_take = ("after",)

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report.figures.group import draw_effect_figures

        contrasts = config.running.reports == "all"
        root = Path(config.output_dir)
        self._expect([], draw_effect_figures(root, self.inputs.effect, contrasts=contrasts))


class DrawOutcome(ConfiguredInterface):
    """Draw the group report's figures of one outcome."""

    takes = ("label",)
    may_take = ("after",)

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report.figures.outcomes import draw_outcome_figures

        self._expect([], draw_outcome_figures(Path(config.output_dir), self.inputs.label))


class DrawSample(ConfiguredInterface):
    """Draw the variance between the seeds of an effect."""

    takes = ("label",)
    may_take = ("after",)

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report.figures.outcomes import draw_sample_figure

        self._expect([], [draw_sample_figure(Path(config.output_dir), self.inputs.label)])


class ReportGroup(ConfiguredInterface):
    """Write the group report, whose figures are there."""

    may_take = ("after",)

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report.pages.group import write_group_page

        page = write_group_page(Path(config.output_dir))
        self._results["out_files"] = [*self.inputs.after, [str(page)]]


class WriteManifest(ConfiguredInterface):
    """Write the manifest of a participant or of the group."""

    takes = ("folder", "key")
    may_take = ("out_files",)
    gives = ("missing",)

    def _make(self, config: Config, folder: Path) -> None:
        manifest = Manifest(Path(self.inputs.folder), Path(config.output_dir))
        out_files = [Path(path) for paths in self.inputs.out_files for path in paths]
        # maps that this run does not make may still be wanted
        partial = config.analysis_level == "participant" and not config.makes_subject_maps
        missing = manifest.write(
            out_files, self.inputs.key, {}, remove_others=config.running.overwrite or not partial
        )
        self._results["missing"] = [str(path) for path in missing]
