"""The reports: figures first, then the page that shows them."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import TraitedSpec

from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import (
    ConfiguredInputSpec,
    ConfiguredInterface,
    PromisingOutputSpec,
    traits,
)


class ReportInputSpec(ConfiguredInputSpec):
    """Inputs of `ReportPerson` and `ReportGroup`."""

    subject = traits.Str("", usedefault=True, desc="participant label; empty for the group")
    after = traits.List(traits.List(traits.Str()), desc="files that have to be there before")


class ReportOutputSpec(TraitedSpec):
    """Outputs of `ReportPerson` and `ReportGroup`."""

    promised = traits.List(traits.List(traits.Str()), desc="`after`, and the report's own files")


class ReportPerson(ConfiguredInterface):
    """Draw a person's figures and write the person's report."""

    input_spec = ReportInputSpec
    output_spec = ReportOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report import draw_person_figures, write_person_page

        root = Path(config.output_dir)
        figures = draw_person_figures(root, self.inputs.subject)
        page = write_person_page(root, self.inputs.subject)
        self._results["promised"] = [*self.inputs.after, [str(path) for path in (*figures, page)]]


class DrawEffectInputSpec(ConfiguredInputSpec):
    """Inputs of `DrawEffect`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    after = traits.List(traits.List(traits.Str()), desc="files that have to be there before")


class DrawEffect(ConfiguredInterface):
    """Draw the group report's figures of one effect."""

    input_spec = DrawEffectInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report import draw_effect_figures

        figures = draw_effect_figures(Path(config.output_dir), self.inputs.effect)
        self._promise([], figures)


class ReportGroup(ConfiguredInterface):
    """Write the group report, whose figures are there."""

    input_spec = ReportInputSpec
    output_spec = ReportOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        from fcnm_bids.report import write_group_page

        page = write_group_page(Path(config.output_dir))
        self._results["promised"] = [*self.inputs.after, [str(page)]]
