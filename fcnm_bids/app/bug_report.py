"""A report of a problem: versions, settings and tracebacks, without names of participants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from fcnm_bids.app.logs import describe_environment
from fcnm_bids.config import SECTIONS, Config
from fcnm_bids.report.results.group import read_tsv
from fcnm_bids.report.results.logs import RunRecord, latest_run
from fcnm_bids.setting import declared_settings, flag

_NAMING = {"participant_label", "session_id", "label_test", "covariates"}
"""Options whose values may be names of participants, or of studies that are not published."""

_LEVELS = ("participant", "group")
_MOST_CRASHES = 5
_SHORTEST_NAME = 3
"""Shorter names are parts of other texts as well, and are hidden where a label is expected."""

_LABEL = re.compile(r"sub([-_])([A-Za-z0-9+]+)")
_PATH = re.compile(r"(?<![\w<>.:/])/(?:[^\s/'\",;:()<>|]+/)*")
_PACKAGE = re.compile(r"\S*?/((?:site-packages|fcnm_bids)/)")


def bug_report(output_dir: Path | None) -> str:
    """Return the text of a bug report, as Markdown.

    Parameters
    ----------
    output_dir
        Output folder whose last runs are described; None for versions alone.

    Notes
    -----
    Participant labels become ``sub-P1``, ``sub-P2`` ...; folders become ``<bids_dir>``,
    ``<output_dir>``, ``<work_dir>`` or ``<folder>``; files that options name lose their names.
    """
    environment = describe_environment(Path())
    lines = ["## Software", "", f"* {environment['Platform']}"]
    lines += [f"* {name} {version}" for name, version in environment["Versions"].items()]
    if output_dir is None:
        return "\n".join([*lines, ""])
    names = _Names(output_dir)
    for level in _LEVELS:
        record = latest_run(output_dir, level)
        if record is None:
            lines += ["", f"## Level {level}", "", "No run is recorded."]
            continue
        names.learn(record)
        crashes = record.crashes()
        lines += ["", f"## Level {level}", "", *_origin(record), *_settings(record.config)]
        lines += ["", f"{len(crashes)} crash reports"]
        for name, text in crashes[:_MOST_CRASHES]:
            lines += ["", f"### {names.hide(name)}", "", "~~~text", names.hide(text).rstrip()]
            lines += ["~~~"]
    return "\n".join([*lines, ""])


def _origin(record: RunRecord) -> list[str]:
    made = record.environment
    versions = ", ".join(f"{name} {value}" for name, value in made.get("Versions", {}).items())
    input_of = ", ".join(made.get("PreprocessedBy", ())) or "not stated"
    return [f"* run with: {versions or 'not recorded'}", f"* input made by: {input_of}"]


def _settings(config: Config) -> Iterable[str]:
    """Return the options that differ from their defaults, files and names hidden."""
    for section, kind in SECTIONS.items():
        usual = asdict(kind())
        values = asdict(getattr(config, section))
        for own, declared in declared_settings(kind):
            value = values[own.name]
            if value == usual[own.name]:
                continue
            if declared.path or own.name in _NAMING or (isinstance(value, str) and "/" in value):
                value = "(given)"
            elif isinstance(value, tuple):
                value = " ".join(map(str, value))
            yield f"* {flag(own.name)} {value}"


class _Names:
    """Replace names of participants and folders in a text."""

    def __init__(self, output_dir: Path) -> None:
        self._folders: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._add_folder(output_dir, "<output_dir>")
        table = read_tsv(output_dir / "participants.tsv")
        if table is not None and {"participant_id", "original_id"} <= set(table):
            for label, original in zip(table["participant_id"], table["original_id"], strict=True):
                if len(original) >= _SHORTEST_NAME:
                    self._originals[original] = f"sub-{self._number(label.removeprefix('sub-'))}"

    def learn(self, record: RunRecord) -> None:
        """Add the folders of a run, and the participants that it was limited to."""
        config = record.config
        self._add_folder(Path(config.bids_dir), "<bids_dir>")
        self._add_folder(Path(config.running.work_dir), "<work_dir>")
        for label in config.selection.participant_label:
            self._number(label)

    def hide(self, text: str) -> str:
        """Return a text without names of participants and folders."""
        for folder in sorted(self._folders, key=len, reverse=True):
            text = text.replace(folder, self._folders[folder])
        text = _PACKAGE.sub(r"\1", text)
        text = _PATH.sub("<folder>/", text)
        for original, shown in self._originals.items():
            text = text.replace(original, shown)
        text = _LABEL.sub(lambda found: f"sub{found[1]}{self._number(found[2])}", text)
        for label, shown in self._labels.items():
            before = r"\b" if len(label) >= _SHORTEST_NAME else r"(?<=participant )"
            text = re.sub(rf"{before}{re.escape(label)}\b", shown, text)
        return _without_machine(text)

    def _number(self, label: str) -> str:
        parts = label.split("_")  # sub_01_wf is a node's name
        shown = self._labels.setdefault(parts[0], f"P{len(self._labels) + 1}")
        return "_".join([shown, *parts[1:]])

    def _add_folder(self, folder: Path, shown: str) -> None:
        for spelled in {str(folder), str(folder.absolute()), str(folder.resolve())}:
            if spelled not in (".", "/"):
                self._folders[spelled] = shown


def _without_machine(text: str) -> str:
    return re.sub(r"^machine: [^,\n]*", "machine: <machine>", text, flags=re.MULTILINE)
