"""Input layouts as data: which files a run has, and what was done to them before."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fcnm_bids.errors import RequestError

DIAGNOSIS = "diagnosis"
"""Column of ``participants.tsv`` that ``--diagnosis-from-id`` fills."""

_FOLDER = files("fcnm_bids.data") / "io_spec"


@dataclass(frozen=True)
class IoSpec:
    """One input layout, as ``data/io_spec/NAME.json`` has it.

    Parameters
    ----------
    name, title
        Name as in ``--input-type``, and in messages.
    expects
        The files that make a folder one of this layout, for messages.
    detect
        Globs, each of which matches something in such a folder.
    landmarks
        Names of files and folders to which misspelled ones are compared.
    images
        Regular expressions of paths relative to the folder; groups are entities, ``variant`` and
        parts of companions' paths.
    entities
        Entities that the names do not hold.
    companions
        Globs of the files beside an image, by the field of `RunInput`; the first that matches.
    stages
        Facts of the images whose variant matches a regular expression.
    facts
        What holds of the images: ``denoised``, ``filtered`` (by a band that the layout does not
        tell), ``band`` in Hz, ``smoothed``, ``regressors`` (removed before),
        ``nuisance_regressors`` (the default strategy), ``reader`` (`inputs.layouts`),
        ``displacement`` (what its motion file measures, for texts), ``unusable`` and ``note``.
    files, generated_by
        Of a layout with BIDS names: entities of image, mask and confounds, a leading ``!`` for
        any other value; programs that write it.
    diagnosis
        How participants' names hold a diagnosis: ``pattern`` with one group, and its ``levels``.
    refuse
        Why such a folder cannot be read, and what would work.
    """

    name: str
    title: str
    expects: str = ""
    detect: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    entities: Mapping[str, str] = field(default_factory=dict)
    companions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    generated_by: tuple[str, ...] = ()
    diagnosis: Mapping[str, Any] = field(default_factory=dict)
    refuse: str = ""

    def facts_of(self, variant: str) -> dict[str, Any]:
        """Return what holds of the images of one variant."""
        found = dict(self.facts)
        for pattern, facts in self.stages.items():
            if re.search(pattern, variant):
                found |= facts
        return found

    def is_file(self, kind: str, entities: Mapping[str, Any]) -> bool:
        """Return whether a file with BIDS names is a run's ``image``, ``mask`` or ``confounds``."""
        return all(
            any(_is_value(str(entities.get(name, "")), one) for one in wanted)
            for name, wanted in self.files[kind].items()
        )

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder has this layout."""
        return bool(self.detect) and all(any(folder.glob(glob)) for glob in self.detect)


@cache
def io_specs() -> Mapping[str, IoSpec]:
    """Return all layouts by name; names of those that are refused begin with an underscore."""
    paths = sorted(_FOLDER.iterdir(), key=lambda path: path.name)
    names = [path.name.removesuffix(".json") for path in paths if path.name.endswith(".json")]
    return {
        name: IoSpec(name, **json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8")))
        for name in names
    }


def layout_names() -> tuple[str, ...]:
    """Return the names of the layouts that can be read."""
    return tuple(name for name in io_specs() if not name.startswith("_"))


def read_diagnosis(original_id: str) -> str:
    """Return the diagnosis that a participant's original name holds, "" where it holds none."""
    for spec in io_specs().values():
        if spec.diagnosis and (match := re.fullmatch(spec.diagnosis["pattern"], original_id)):
            return str(spec.diagnosis["levels"].get(match[1], ""))
    return ""


@dataclass(frozen=True)
class LaidOutImage:
    """An image of a layout without BIDS names.

    Parameters
    ----------
    path
        The image.
    groups
        What the parts of its path stand for, `IoSpec.entities` included; ``subject`` is the
        participant's original name.
    companions
        The files beside it, by the field of `RunInput`.
    """

    path: Path
    groups: Mapping[str, str]
    companions: Mapping[str, Path]


def laid_out_images(root: Path, spec: IoSpec) -> Iterator[LaidOutImage]:
    """Find the images of a layout without BIDS names, in the order of their paths.

    Raises
    ------
    RequestError
        A folder cannot be read.
    """
    listings: dict[Path, list[str]] = {}

    def names(folder: Path) -> list[str]:
        if folder not in listings:
            try:
                listings[folder] = sorted(path.name for path in folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                listings[folder] = []
            except OSError as error:
                raise RequestError(f"{folder}: cannot be read ({error.strerror})") from error
        return listings[folder]

    def walk(
        folder: Path, parts: list[str], groups: dict[str, str]
    ) -> Iterator[tuple[Path, dict[str, str]]]:
        here, *below = parts
        # a group of a folder above is known here
        for name, value in groups.items():
            here = here.replace(f"(?P={name})", re.escape(value))
        pattern = re.compile(here)
        for name in names(folder):
            if (match := pattern.fullmatch(name)) is None:
                continue
            found = groups | {k: v for k, v in match.groupdict().items() if v}
            if below:
                yield from walk(folder / name, below, found)
            else:
                yield folder / name, found

    def beside(globs: tuple[str, ...], groups: Mapping[str, str]) -> Path | None:
        for glob in globs:
            try:
                *folders, last = glob.format(**groups).split("/")
            except KeyError:
                continue
            folder = root.joinpath(*folders)
            known = names(folder)
            literal = re.split(r"[*?\[]", last, maxsplit=1)[0]
            for name in known[bisect_left(known, literal) :]:
                if not name.startswith(literal):
                    break
                if fnmatchcase(name, last):
                    return folder / name
        return None

    images: dict[Path, LaidOutImage] = {}
    for pattern in spec.images:
        for path, groups in walk(root, _segments(pattern), {}):
            groups = {"prefix": "", "variant": "", **spec.entities, **groups}
            companions = {kind: beside(globs, groups) for kind, globs in spec.companions.items()}
            there = {kind: file for kind, file in companions.items() if file}
            images.setdefault(path, LaidOutImage(path, groups, there))
    yield from (images[path] for path in sorted(images))


def _is_value(value: str, wanted: str) -> bool:
    return value != wanted[1:] if wanted.startswith("!") else value == wanted


def _segments(pattern: str) -> list[str]:
    """Split a pattern at the slashes that are not inside brackets."""
    return re.sub(r"(\[[^\]]*\])|/", lambda m: m[1] or "\0", pattern).split("\0")
