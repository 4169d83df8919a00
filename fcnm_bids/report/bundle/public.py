"""Public texts: names of studies, never of participants, files or machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.report.results.group import ContrastOutputs, GroupOutputs
from fcnm_bids.setting import declared_settings, flag

_SECTIONS = ("seeds", "selection", "denoising", "connectome", "group", "specificity", "outcomes")
"""Settings that describe a result; resources and running describe a machine."""

_COUNTED = ("participant_label",)
"""Settings that list participants."""


@dataclass(frozen=True)
class PublicNames:
    """Names of contrasts as a publication has them.

    Masks are often called after the patients whose lesions they are, so that seeds from masks are
    numbered.

    Parameters
    ----------
    results
        Content of an output folder.
    """

    results: GroupOutputs

    @cached_property
    def numbered(self) -> Mapping[str, str]:
        """New names by names and labels of seeds that are masks; empty for coordinates."""
        if self.results.asked:
            return {}
        names: dict[str, str] = {}
        for number, contrast in enumerate(self.results.contrasts, start=1):
            names |= dict.fromkeys((contrast.name, contrast.label), f"Seed {number}")
        return names

    def name(self, contrast: ContrastOutputs) -> str:
        """Return the name of a contrast."""
        return self.numbered.get(contrast.name, contrast.name)

    def label(self, contrast: ContrastOutputs) -> str:
        """Return the label of a contrast in names of files."""
        return self.numbered.get(contrast.name, contrast.label).replace(" ", "")

    def table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the names of seeds replaced, cell by cell."""
        return frame.replace(dict(self.numbered)) if self.numbered else frame

    def text(self, text: str) -> str:
        """Return a text with the names of seeds replaced, the longest first."""
        for name in sorted(self.numbered, key=len, reverse=True):
            text = text.replace(name, self.numbered[name])
        return text


def settings_table(results: GroupOutputs) -> pd.DataFrame:
    """Return the settings of the group level without paths and participants.

    Parameters
    ----------
    results
        Content of an output folder.

    Returns
    -------
    table
        section, option, value and default of every setting.
    """
    rows = []
    record = results.record
    for section in _SECTIONS if record else ():
        values = getattr(record and record.config, section)
        for own, declared in declared_settings(values):
            value = getattr(values, own.name)
            if own.name in _COUNTED:
                value = f"{len(value)} named" if value else ""
            elif declared.path:
                value = _file_names(value)
            rows.append((section, flag(own.name), _as_cell(value), _as_cell(own.default)))
    return pd.DataFrame(rows, columns=["section", "option", "value", "default"])


def _file_names(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_file_names, value))
    return Path(value).name if isinstance(value, str) else value


def _as_cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None or callable(value) else str(value)
