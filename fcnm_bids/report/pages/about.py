"""Section on methods, settings, versions, command and errors."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fcnm_bids.report.methods.citations import to_html
from fcnm_bids.report.methods.text import TITLE, Methods
from fcnm_bids.report.pages.html import Code, Facts, Folded, Html, Note, Prose, Section, Table
from fcnm_bids.report.results.logs import RunRecord
from fcnm_bids.setting import flag

_PLACE = "the newest folder of its level in logs/"
"""A report says no time: made again from the same, it is the same."""

_NOT_SETTINGS = ("bids_dir", "output_dir", "analysis_level", "command_line")


def about_sections(
    root: Path, record: RunRecord | None, crashes: list[tuple[str, str]] | None = None
) -> list[Section]:
    """The sections that close a report.

    Parameters
    ----------
    root
        Output folder.
    record
        The run that made the results.
    crashes
        Tracebacks to show; those of the run by default.
    """
    if record is None:
        missing = Note(
            "There is no log of a run, so its settings and versions are unknown.", "error"
        )
        return [Section("about", "About", (missing,))]
    crashes = record.crashes() if crashes is None else crashes
    return [
        _methods(root, record),
        _settings(record),
        _about(record),
        _errors(crashes),
    ]


def _methods(root: Path, record: RunRecord) -> Section:
    text = (
        "This text for a paper follows the settings and numbers of this run. It is also in "
        f"{_PLACE} as CITATION.*, in Markdown, HTML and LaTeX with its bibliography."
    )
    markup = to_html(TITLE, Methods(root, record).paragraphs(), level=2)
    return Section("methods", "Methods", (Prose((text,)), Html(markup)))


def _settings(record: RunRecord) -> Section:
    folded: list[Any] = []
    for section, values in asdict(record.config).items():
        if section in _NOT_SETTINGS or not isinstance(values, dict):
            continue
        rows = tuple((flag(name), _said(value)) for name, value in values.items())
        table = Table(f"Settings of {section}", ("Option", "Value"), rows)
        unfolded = section not in ("resources", "running", "selection")
        folded.append(Folded(section.capitalize(), (table,), open=unfolded))
    return Section("settings", "Settings", tuple(folded), printed=False)


def _about(record: RunRecord) -> Section:
    environment = record.environment
    blocks: list[Any] = []
    generators = environment.get("PreprocessedBy") or []
    if generators:
        blocks.append(Facts((("Preprocessed by", ", ".join(map(str, generators))),)))
    command = record.config.command_line
    if command:
        blocks += [Prose(("The exact command:",)), Code(command, "Command line")]
    versions = environment.get("Versions")
    if isinstance(versions, dict) and versions:
        rows = tuple((str(name), str(version)) for name, version in versions.items())
        blocks.append(Table("Versions of the software", ("Software", "Version"), rows))
    blocks.append(Prose((f"Time, settings, versions and tracebacks of this run are in {_PLACE}.",)))
    return Section("about", "About", tuple(blocks))


def _errors(crashes: list[tuple[str, str]]) -> Section:
    if not crashes:
        return Section("errors", "Errors", (Prose(("No errors to report.",)),))
    number = len(crashes)
    note = Note(f"{number} step{'s' if number > 1 else ''} failed.", "error")
    folded = [Folded(name, (Code(text, name),)) for name, text in crashes]
    return Section("errors", "Errors", (note, *folded))


def _said(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "–"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
