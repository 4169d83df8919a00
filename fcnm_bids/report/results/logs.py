"""Logs of an output folder: settings, versions, errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError

_LONGEST_TRACEBACK = 6000


@dataclass(frozen=True)
class RunRecord:
    """One run of the program on an output folder.

    Parameters
    ----------
    logs
        Its folder of logs.
    config
        The request, as saved there.
    """

    logs: Path
    config: Config

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions of the software, the command, what made the input; empty where not kept."""
        try:
            content = json.loads((self.logs / "environment.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def crashes(self) -> list[tuple[str, str]]:
        """Name and text of every traceback that nodes left."""
        found = []
        for path in sorted(self.logs.glob("crash-*")):
            text = path.read_text(encoding="utf-8", errors="replace")
            if len(text) > _LONGEST_TRACEBACK:
                text = f"...\n{text[-_LONGEST_TRACEBACK:]}"
            found.append((path.name, text))
        return found


def latest_run(root: Path, level: str) -> RunRecord | None:
    """The last run of a level, or None where there was none."""
    for logs in sorted((root / "logs").glob("*_*"), key=_age, reverse=True):
        config_file = logs / "config.toml"
        if not config_file.is_file():
            continue
        try:
            config = Config.read(config_file)
        except (RequestError, KeyError, ValueError, TypeError):
            continue
        if config.analysis_level == level:
            return RunRecord(logs, config)
    return None


def subject_crashes(root: Path, subject: str) -> list[tuple[str, str]]:
    """Tracebacks of one participant's nodes in the last participant-level run."""
    record = latest_run(root, "participant")
    if record is None:
        return []
    own = re.compile(rf"\bsub_{re.escape(subject)}_wf\b")
    return [(name, text) for name, text in record.crashes() if own.search(text)]


def _age(logs: Path) -> tuple[str, float]:
    config_file = logs / "config.toml"
    return logs.name.split("_")[0], config_file.stat().st_mtime if config_file.is_file() else 0.0
