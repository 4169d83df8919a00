"""Reports outside the workflow: after a crash, and whenever they are asked for alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from fcnm_bids.bids.locks import lock_outputs
from fcnm_bids.bids.outputs import report_name
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.execution.status import progress_bar, show_status

LOGGER = logging.getLogger("fcnm_bids")


def rebuild_reports(config: Config, subjects: Iterable[str], *, group: bool) -> bool:
    """Draw figures and write reports from what is on disk, whatever the state it is in.

    Parameters
    ----------
    config
        The request: output folder, and which figures are drawn.
    subjects
        Participant labels whose reports are made.
    group
        Whether the group report is made.

    Returns
    -------
    whole
        Whether all figures could be drawn and all reports written.
    """
    subjects = list(subjects)
    if config.running.reports == "none" or not (subjects or group):
        return True
    from fcnm_bids.report.figures.group import draw_effect_figures
    from fcnm_bids.report.figures.outcomes import draw_outcome_figures
    from fcnm_bids.report.figures.participant import draw_participant_figures
    from fcnm_bids.report.pages.group import write_group_page
    from fcnm_bids.report.pages.participant import write_participant_page
    from fcnm_bids.report.results.group import GroupOutputs

    root, every = Path(config.output_dir), config.running.reports == "all"
    parts: list[tuple[str, Callable[[], object]]] = []
    for subject in subjects:
        parts.append(
            (
                f"figures of sub-{subject}",
                partial(draw_participant_figures, root, subject, maps=every),
            )
        )
        parts.append((f"report of sub-{subject}", partial(write_participant_page, root, subject)))
    if group:
        results = GroupOutputs(root)
        for effect in results.effects:
            draw = partial(draw_effect_figures, root, effect, contrasts=every)
            parts.append((f"figures of {effect}", draw))
        for outcome in results.outcomes:
            name = f"figures of {outcome.name}"
            parts.append((name, partial(draw_outcome_figures, root, outcome.label)))
        parts.append(("report of the group", partial(write_group_page, root)))
    whole = True
    for number, (what, make) in enumerate(parts, start=1):
        show_status(f"{progress_bar((number - 1) / len(parts))} {what}")
        try:
            make()
        except Exception as error:  # a damaged file must not cost the rest of the report
            LOGGER.error("%s: %s: %s", what, type(error).__name__, error)
            whole = False
    show_status("")
    return whole


def rewrite_reports(config: Config) -> bool:
    """Write the reports and the methods text of a level again; whether all could be made.

    Raises
    ------
    RequestError
        There are no results to report.
    """
    from fcnm_bids.report.results.logs import latest_run

    if config.running.reports == "none":
        raise RequestError("--reports-only writes reports, and --reports none asks for none")
    root = Path(config.output_dir)
    group = config.analysis_level == "group"
    wanted = config.selection.participant_label
    subjects = [] if group else subjects_with_results(root)
    if not group and wanted:
        subjects = [subject for subject in subjects if subject in wanted]
    if not subjects and not (group and (root / "group").is_dir()):
        raise RequestError(
            f"{root}: no results of the {config.analysis_level} level to report; run it first"
        )
    with lock_outputs(
        [root], []
    ):  # or a process that begins now would clear up what is half written
        whole = rebuild_reports(config, subjects, group=group)
        record = latest_run(root, config.analysis_level)
        if record is not None:
            whole = write_boilerplate(record.config, record.logs) and whole
    log_report_paths(root, subjects, group=group)
    return whole


def draw_missing_reports(config: Config, subjects: Iterable[str], *, group: bool) -> None:
    """Write the reports that an earlier run with ``--reports none`` did not write.

    Parameters
    ----------
    config, subjects, group
        As for `rebuild_reports`.
    """
    root = Path(config.output_dir)
    missing = [subject for subject in subjects if not report_name(root, subject).is_file()]
    group = group and not report_name(root, None).is_file()
    if config.running.reports != "none" and (missing or group):
        rebuild_reports(config, missing, group=group)
        log_report_paths(root, missing, group=group)


def write_boilerplate(config: Config, logs: Path) -> bool:
    """Write the methods text into the logs of a run; whether it could be made."""
    from fcnm_bids.report.methods.text import write_methods
    from fcnm_bids.report.results.logs import RunRecord

    try:
        written = write_methods(Path(config.output_dir), RunRecord(logs, config))
    except Exception as error:  # a text is not worth a failed run
        LOGGER.error("methods text: %s: %s", type(error).__name__, error)
        return False
    LOGGER.info("methods text: %s", written[0])
    return True


def subjects_with_results(root: Path) -> list[str]:
    """Participant labels that an output folder has results of."""
    folders = {path.parent.parent for path in root.glob("sub-*/func/*_desc-qc_metrics.tsv")}
    return sorted(folder.name.removeprefix("sub-") for folder in folders)


def log_report_paths(root: Path, subjects: Iterable[str], *, group: bool) -> None:
    """Tell where the reports are."""
    made = [report_name(root, subject) for subject in subjects]
    made = [path for path in made if path.is_file()]
    if group and report_name(root, None).is_file():
        LOGGER.info("report: %s", report_name(root, None))
    if len(made) == 1:
        LOGGER.info("report: %s", made[0])
    elif made:
        LOGGER.info("reports: %s ... %s", made[0], made[-1].name)
