"""Names: BIDS labels, entities of input files, paths of output files."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
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

_FIELD = re.compile(r"\{(\w+)(?:<([^>]+)>)?\}")
_OPTIONAL = re.compile(r"\[(.*?)\]")
"""An entity in a pattern of PyBIDS, with the values that it may have, and an optional part."""

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
def _configs() -> tuple[Mapping[str, Any], ...]:
    """The configurations of PyBIDS, ours last, without importing it, which takes half a second."""
    spec = find_spec("bids")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "layout" / "config"
    paths = (folder / "bids.json", folder / "derivatives.json", PYBIDS_CONFIG)
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in paths)


@cache
def entity_names() -> frozenset[str]:
    """The names that entities have in PyBIDS, ours included."""
    return frozenset(name for name, _, _ in _entities())


class _Number(int):
    """A number that is written as it was found, with zeros in front."""

    def __new__(cls, written: str) -> _Number:
        number = super().__new__(cls, written)
        number.written = written
        return number

    written: str

    def __str__(self) -> str:
        return self.written

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self.written if spec in ("", "s") else int(self), spec)


@cache
def _entities() -> tuple[tuple[str, re.Pattern[str], type], ...]:
    """Name, pattern and type of each entity of a file's name."""
    merged: dict[str, tuple[str, re.Pattern[str], type]] = {}
    for config in _configs():
        for entity in config["entities"]:
            kind = _Number if entity.get("dtype") == "int" else str
            merged[entity["name"]] = (entity["name"], re.compile(entity["pattern"]), kind)
    return tuple(merged.values())


def parse_entities(path: Path) -> dict[str, Any]:
    """Return the entities of a file's name, as PyBIDS finds them.

    What follows the label is the same in the files of many participants.
    """
    if labelled := _LABELLED.match(path.name):
        rest = path.name[labelled.end() :]
        return {**_parsed(f"sub-0{rest}"), "subject": labelled[1]}
    return dict(_parsed(path.name))


@lru_cache(maxsize=4096)
def _parsed(name: str) -> Mapping[str, Any]:
    found = ((entity, pattern.search(f"/{name}"), kind) for entity, pattern, kind in _entities())
    return {entity: kind(value[1]) for entity, value, kind in found if value and value[1]}


def build_name(entities: Mapping[str, Any]) -> Path:
    """The path of an output, relative to its data set, from its entities, as PyBIDS builds it."""
    # all patterns are tried, of which many participants have the same
    given = {name: str(value) for name, value in entities.items() if value or value == 0}
    subject = given.get("subject")
    if subject is not None:
        given["subject"] = _NOBODY
    path = _built(tuple(given.items()))
    return Path(path if subject is None else path.replace(_NOBODY, subject))


@lru_cache(maxsize=4096)
def _built(entities: tuple[tuple[str, str], ...]) -> str:
    given = dict(entities)
    for pattern in _configs()[-1]["default_path_patterns"]:
        fields = dict(_FIELD.findall(pattern))
        if any(
            name not in fields or (fields[name] and value not in fields[name].split("|"))
            for name, value in given.items()
        ):
            continue
        kept = _OPTIONAL.sub(lambda part: part[1] if _named(part[1]) <= set(given) else "", pattern)
        if _named(kept) <= set(given):
            return _FIELD.sub(lambda own: given[own[1]], kept)
    raise ValueError(f"no output is named by {given}")


def _named(pattern: str) -> set[str]:
    return {name for name, _ in _FIELD.findall(pattern)}


def modern_name(name: str) -> str:
    """Return the name since fMRIPrep 1.2 of a file named as before."""
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name
