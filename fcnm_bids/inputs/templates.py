"""Files of TemplateFlow on this machine."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from functools import cache
from pathlib import Path
from threading import Thread

LOGGER = logging.getLogger("fcnm_bids")

_OFF = ("false", "off", "0", "no", "n")
"""Words of TemplateFlow for a switch that is off."""

_PATIENCE = 3.0
"""Seconds within which TemplateFlow has to answer."""


def template_home() -> Path:
    """Return the folder in which TemplateFlow keeps its files (`TEMPLATEFLOW_HOME`)."""
    return Path(os.environ.get("TEMPLATEFLOW_HOME") or Path.home() / ".cache" / "templateflow")


def find_templates(space: str, pattern: str) -> list[Path]:
    """Return the files of a template space that match a pattern, in the order of their names.

    Files of cohorts are left out, as are empty ones: TemplateFlow holds the place of a file that
    it has not fetched with an empty one.
    """
    found = sorted((template_home() / f"tpl-{space}").glob(f"tpl-{space}_{pattern}"))
    return [path for path in found if "cohort-" not in path.name and path.stat().st_size > 0]


def fetch_template(space: str, **entities: object) -> str:
    """Fetch a file of TemplateFlow; return why that failed, "" where it did not.

    ``TEMPLATEFLOW_AUTOUPDATE=off``, as in the container, forbids it.

    Parameters
    ----------
    space
        The template.
    **entities
        Entities of the file, as `templateflow.api.get` takes them.
    """
    if os.environ.get("TEMPLATEFLOW_AUTOUPDATE", "").lower() in _OFF:
        return "TEMPLATEFLOW_AUTOUPDATE is off"
    try:
        if failure := _no_answer():
            return failure
        _read_list()
        from templateflow import api

        LOGGER.info(
            "fetching from TemplateFlow: %s of %s", "_".join(map(str, entities.values())), space
        )
        # it prints the address of each file
        with contextlib.redirect_stderr(io.StringIO()):
            api.get(space, **entities)
    except Exception as error:
        return type(error).__name__
    return ""


@cache
def _read_list() -> None:
    """Have TemplateFlow index its whole archive, which it does once and which takes seconds."""
    from templateflow import conf

    LOGGER.info("reading TemplateFlow's list of files")
    _ = conf.TF_LAYOUT


def _no_answer() -> str:
    """Return why TemplateFlow's server does not answer, "" where it does."""
    LOGGER.info("connecting to TemplateFlow")
    from templateflow import conf

    if conf.TF_USE_DATALAD:
        return ""
    failures = ["Timeout"]

    def ask() -> None:
        import requests

        try:
            requests.head(conf.TF_S3_ROOT, timeout=_PATIENCE)
            failures[0] = ""
        except requests.RequestException as error:
            failures[0] = type(error).__name__

    # a thread, since each address of the server may use up the time that requests is given
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return failures[0]
