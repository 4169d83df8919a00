"""Names: BIDS labels, entities of input files, paths of output files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fcnm_bids.errors import RequestError

PYBIDS_CONFIG = Path(str(files("fcnm_bids.data") / "bids_config.json"))
"""PyBIDS configuration with which every output is found by its entities."""

_OLD_NAMES = (
    (re.compile(r"_bold_(space-[^_]+)_preproc\."), r"_\1_desc-preproc_bold."),
    (re.compile(r"_bold_(space-[^_]+)_brainmask\."), r"_\1_desc-brain_mask."),
    (re.compile(r"_bold_confounds\."), "_desc-confounds_regressors."),
)
"""How fMRIPrep called its outputs before version 1.2, and how it has called them since."""

RUN_ENTITIES = (
    "subject",
    "session",
    "task",
    "acquisition",
    "ceagent",
    "reconstruction",
    "direction",
    "run",
)
"""What tells the runs of a data set apart, before space, resolution and description."""


def to_label(name: str) -> str:
    """A BIDS label (letters and digits only) for a name.

    Accents are dropped; a name in which nothing else is left gets a label from its hash.
    """
    plain = unicodedata.normalize("NFKD", name)
    label = re.sub(r"[^A-Za-z0-9]", "", plain)
    if label:
        return label[:80]
    return "x" + hashlib.sha256(name.encode()).hexdigest()[:8]


def to_labels(names: Iterable[str], what: str) -> dict[str, str]:
    """Labels for names, in order.

    Raises
    ------
    RequestError
        Two names share a label (also where they differ in upper and lower case only, since
        some file systems do not tell those apart).
    """
    labels: dict[str, str] = {}
    taken: dict[str, str] = {}
    problems = []
    for name in names:
        label = to_label(name)
        other = taken.setdefault(label.lower(), name)
        if other != name:
            problems.append(
                f"the {what}s '{other}' and '{name}' have the same label '{label}' "
                "(letters and digits only); rename one"
            )
        labels[name] = label
    if problems:
        raise RequestError(problems)
    return labels


@cache
def _configs() -> tuple[Any, ...]:
    # PyBIDS takes two seconds to import, which --help should not pay
    from bids.layout import Config

    return tuple(Config.load(name) for name in ("bids", "derivatives", str(PYBIDS_CONFIG)))


@cache
def entity_names() -> frozenset[str]:
    """The names that entities have in PyBIDS, ours included."""
    return frozenset(name for config in _configs() for name in config.entities)


def parse_entities(path: Path) -> dict[str, Any]:
    """The entities of a file's name, under PyBIDS' names."""
    from bids.layout import parse_file_entities

    entities: dict[str, Any] = parse_file_entities(f"/{path.name}", config=list(_configs()))
    return entities


def build_name(entities: Mapping[str, Any]) -> Path:
    """The path of an output, relative to its data set, from its entities."""
    from bids.layout.writing import build_path

    patterns = _configs()[-1].default_path_patterns
    path = build_path(dict(entities), patterns, strict=True)
    if path is None:
        raise ValueError(f"no output is named by {dict(entities)}")
    return Path(path)


def modern_name(name: str) -> str:
    """What fMRIPrep calls a file of this name since its version 1.2."""
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name
