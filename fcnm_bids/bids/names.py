"""Names: BIDS labels, entities of input files, paths of output files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_NOBODY = "<label>"
"""Stands for the label of a participant, which no other entity can hold."""

PYBIDS_CONFIG = Path(str(files("fcnm_bids.data") / "bids_config.json"))
"""PyBIDS configuration with which every output is found by its entities."""

_OLD_NAMES = (
    (re.compile(r"_bold_(space-[^_]+)_preproc\."), r"_\1_desc-preproc_bold."),
    (re.compile(r"_bold_(space-[^_]+)_brainmask\."), r"_\1_desc-brain_mask."),
    (re.compile(r"_bold_confounds\."), "_desc-confounds_regressors."),
)
"""Names of fMRIPrep's outputs before version 1.2, with those since."""

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
"""Entities that tell the runs of a data set apart, before space, resolution and description."""


LONGEST_LABEL = 60
"""Letters of a label: two of them fit into one name of a file, with all its entities."""

_SIGNS = (
    (re.compile(r">"), "gt"),
    (re.compile(r"<"), "lt"),
    # a hyphen between two letters or digits is no sign
    (re.compile(r"\u2212|(?<![^\W_])[-\u2013]|[-\u2013](?![^\W_])"), "minus"),
)
_LABELLED = re.compile(r"sub-([a-zA-Z0-9+]+)(?=_)(?!.*_scans\.tsv$)")
"""The participant of a name, but of a table of scans, whose whole name PyBIDS takes for one."""

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of characters that nobody sees: control, direction, joiners, surrogates."""


@cache
def to_label(name: str) -> str:
    """Return a BIDS label (letters and digits only) for a name.

    Signs are spelled (gt, lt, minus) and accents are dropped; a name in which nothing is left gets
    a label from its hash. What passes `LONGEST_LABEL` is cut.
    """
    spelled = name
    for sign, word in _SIGNS:
        spelled = sign.sub(word, spelled)
    label = re.sub(r"[^A-Za-z0-9]", "", unicodedata.normalize("NFKD", spelled))
    if label:
        return label[:LONGEST_LABEL]
    return "x" + hashlib.sha256(name.encode()).hexdigest()[:8]


def subject_label(name: str) -> str:
    """Return the label of a participant's name: its letters and digits, without ``sub-``."""
    return re.sub(r"[^A-Za-z0-9]", "", name.strip().removeprefix("sub-"))


def to_labels(names: Iterable[str]) -> dict[str, str]:
    """Return labels for names, in order; labels that are alike are numbered: A, An2, An3.

    Labels that differ in upper and lower case only are alike: some file systems do not tell them
    apart.
    """
    plain = {name: to_label(name) for name in dict.fromkeys(names)}
    taken = {label.lower() for label in plain.values()}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    labels = {}
    for name, label in plain.items():
        own = label
        while own.lower() in used or (own != label and own.lower() in taken):
            numbers[label.lower()] = number = numbers.get(label.lower(), 1) + 1
            own = f"{label[: LONGEST_LABEL - len(str(number)) - 1]}n{number}"
        used.add(own.lower())
        labels[name] = own
    return labels


def check_names(names: Iterable[str], what: str) -> list[str]:
    """Return a line for each name that holds a character which nobody sees."""
    return [
        f"the {what} {name!a} holds {', '.join(sorted(hidden))}, which is invisible; remove it"
        for name in dict.fromkeys(names)
        if (hidden := {_described(c) for c in name if unicodedata.category(c) in _HIDDEN})
    ]


def _described(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'a control character').lower()})"


@cache
def _configs() -> tuple[Any, ...]:
    # PyBIDS takes two seconds to import, which --help should not pay
    from bids.layout import Config

    return tuple(Config.load(name) for name in ("bids", "derivatives", str(PYBIDS_CONFIG)))


@cache
def entity_names() -> frozenset[str]:
    """The names that entities have in PyBIDS, ours included."""
    return frozenset(name for config in _configs() for name in config.entities)


@cache
def _entities() -> tuple[Any, ...]:
    merged: dict[str, Any] = {}
    for config in _configs():
        merged |= config.entities
    return tuple(merged.values())


def parse_entities(path: Path) -> dict[str, Any]:
    """Return the entities of a file's name, under PyBIDS' names.

    The same as PyBIDS' own function, without a row of its database for each file, which takes
    most of its time. What follows the label is the same in the files of many participants.
    """
    if labelled := _LABELLED.match(path.name):
        rest = path.name[labelled.end() :]
        return {**_parsed(f"sub-0{rest}"), "subject": labelled[1]}
    return dict(_parsed(path.name))


@lru_cache(maxsize=4096)
def _parsed(name: str) -> Mapping[str, Any]:
    named = SimpleNamespace(path=f"/{name}")
    found = ((entity.name, entity.match_file(named)) for entity in _entities())
    return {name: value for name, value in found if value is not None}


def build_name(entities: Mapping[str, Any]) -> Path:
    """The path of an output, relative to its data set, from its entities."""
    # PyBIDS tries all patterns, of which many participants have the same
    given = {name: str(value) for name, value in entities.items() if value or value == 0}
    subject = given.get("subject")
    if subject is not None:
        given["subject"] = _NOBODY
    path = _built(tuple(given.items()))
    return Path(path if subject is None else path.replace(_NOBODY, subject))


@lru_cache(maxsize=4096)
def _built(entities: tuple[tuple[str, str], ...]) -> str:
    from bids.layout.writing import build_path

    patterns = _configs()[-1].default_path_patterns
    path: str | None = build_path(dict(entities), patterns, strict=True)
    if path is None:
        raise ValueError(f"no output is named by {dict(entities)}")
    return path


def modern_name(name: str) -> str:
    """Return the name since fMRIPrep 1.2 of a file named as before."""
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name
