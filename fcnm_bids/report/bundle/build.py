"""A folder with what a paper and its supplement need."""

from __future__ import annotations

import datetime
import shutil
import uuid
from pathlib import Path

from fcnm_bids.bids.write import write_text
from fcnm_bids.errors import RequestError
from fcnm_bids.report.bundle.crate import METADATA_FILE, write_crate
from fcnm_bids.report.bundle.figures import Legend, draw_figures
from fcnm_bids.report.bundle.maps import write_maps, write_nimads
from fcnm_bids.report.bundle.public import PublicNames
from fcnm_bids.report.bundle.rtf import RichText
from fcnm_bids.report.bundle.spreadsheet import plain_value, write_csv, write_workbook
from fcnm_bids.report.bundle.tables import PublishedTable, published_tables
from fcnm_bids.report.methods.citations import cited, to_bibtex, to_plain
from fcnm_bids.report.methods.text import Methods
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.text import as_text

_IN_TEXT = ("studies", "clusters", "canonical", "specificity")
"""Tables that the document has; the workbook has all."""

_MOST_ROWS, _MOST_COLUMNS = 60, 10


def write_bundle(root: Path, folder: Path, *, license_url: str | None = None) -> list[Path]:
    """Write the bundle of an output folder, whole or not at all.

    Parameters
    ----------
    root
        Output folder of the group level.
    folder
        Where the bundle goes; an earlier bundle there is replaced.
    license_url
        Address of the license of the results.

    Returns
    -------
    files
        What was written.

    Raises
    ------
    RequestError
        There is no network, or the place is taken by something else.
    """
    results = GroupOutputs(root)
    if not results.networks:
        raise RequestError(f"{root}: no network of a group level; name its output folder")
    if root.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise RequestError(f"{folder}: lies in the output folder; choose a place beside it")
    if folder.exists() and not (folder / METADATA_FILE).is_file():
        raise RequestError(f"{folder}: is there and is no bundle; choose another place")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f".{uuid.uuid4().hex}.{folder.name}")
    try:
        files = _write(making, results, license_url)
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return [folder / path.relative_to(making) for path in files]


def _write(folder: Path, results: GroupOutputs, license_url: str | None) -> list[Path]:
    figures, legends = draw_figures(folder / "figures", results)
    described = dict.fromkeys(figures, "Figure; its legend is in text.rtf and legends.md")
    tables = published_tables(results)
    workbook = folder / "tables" / "tables.xlsx"
    write_workbook(workbook, tables)
    described[workbook] = "All tables, one per sheet"
    for table in tables:
        path = folder / "tables" / f"{table.name}.csv"
        write_csv(path, table)
        described[path] = table.title
    described |= _texts(folder, results, tables, legends)
    maps = write_maps(folder / "maps", results)
    described |= dict.fromkeys(maps, "Map, its description, or NeuroVault's table of metadata")
    foci = next((table.frame for table in tables if table.name == "foci"), None)
    if foci is not None:
        path = folder / "foci_nimads.json"
        write_nimads(path, foci)
        described[path] = "Foci as used, a NIMADS study set"
    crate = write_crate(
        folder,
        described,
        title=f"Functional connectivity network mapping: {_named(results)}",
        date=_day(results),
        license_url=license_url,
    )
    return [*described, crate]


def _texts(
    folder: Path, results: GroupOutputs, tables: list[PublishedTable], legends: list[Legend]
) -> dict[Path, str]:
    public = PublicNames(results)
    paragraphs = []
    if results.record is not None:
        paragraphs = [public.text(t) for t in Methods(results.root, results.record).paragraphs()]
    document = RichText()
    document.heading(f"Functional connectivity network mapping: {_named(results)}")
    document.heading("Methods")
    for paragraph in paragraphs:
        document.paragraph(to_plain(paragraph))
    document.heading("Figure legends")
    for legend in legends:
        document.paragraph(f"{legend.figure}. {legend.text}")
    document.heading("Tables")
    for table in tables:
        if table.name in _IN_TEXT:
            _add_table(document, table)
    document.heading("References")
    references = cited(paragraphs)
    for reference in references:
        document.paragraph(reference.full)
    rtf = folder / "text.rtf"
    document.save(rtf)
    bibliography, listed = folder / "references.bib", folder / "legends.md"
    write_text(bibliography, to_bibtex(paragraphs))
    lines = [f"* **{legend.figure}**: {legend.text}" for legend in legends]
    write_text(listed, "\n".join(["# Figure legends", "", *lines, ""]))
    return {
        rtf: "Methods, legends, tables and references",
        bibliography: "References as BibTeX",
        listed: "Figure legends",
    }


def _add_table(document: RichText, table: PublishedTable) -> None:
    frame = table.frame.dropna(axis=1, how="all")
    columns = [str(name) for name in frame][:_MOST_COLUMNS]
    rows = [
        [as_text(plain_value(cell)) for cell in row][:_MOST_COLUMNS]
        for row in frame.head(_MOST_ROWS).itertuples(index=False)
    ]
    title = table.title
    if len(frame) > _MOST_ROWS or frame.shape[1] > _MOST_COLUMNS:
        title += f" (rows {len(rows)} of {len(frame)}, columns {len(columns)} of {frame.shape[1]};"
        title += " the workbook has all)"
    document.table(title, columns, rows)


def _named(results: GroupOutputs) -> str:
    return ", ".join(network.effect for network in results.networks)


def _day(results: GroupOutputs) -> str:
    """Return the day of the group level, by the name of its folder of logs."""
    stamp = results.record.logs.name.split("-")[0] if results.record else ""
    try:
        return datetime.datetime.strptime(stamp, "%Y%m%d").date().isoformat()
    except ValueError:
        newest = max(network.mask.stat().st_mtime for network in results.networks)
        return datetime.datetime.fromtimestamp(newest, datetime.UTC).date().isoformat()
