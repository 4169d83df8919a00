"""Specifications of the multiverse: the combinations of choices that a TOML file lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

from fcnm_bids.config import SECTIONS, Config, SpecificitySettings
from fcnm_bids.denoise import load_strategy
from fcnm_bids.errors import FileError, RequestError
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.readers.files import parse_toml, read_text
from fcnm_bids.setting import coerce, declared_settings

DEFAULT = "default"
"""The word for the file that the package brings."""

MULTIVERSE = "multiverse"
"""The desc of the table, the map and the figure of all specifications of a network."""

PRIMARY = "primary"
"""Name of the specification that is the request itself."""

VARIED: Mapping[str, str] = {
    own.name: section
    for section, kind in SECTIONS.items()
    for own, declared in declared_settings(kind)
    if declared.varies
}
"""Sections of the options that specifications may differ in, by their names."""


@dataclass(frozen=True)
class Specification:
    """One combination of choices.

    Parameters
    ----------
    name
        Name in the file, or its number.
    settings
        Value of every option of `VARIED`.
    """

    name: str
    settings: Mapping[str, Any]

    def request(self, config: Config) -> Config:
        """Return the request of this specification alone, without tests of specificity."""
        sections: dict[str, dict[str, Any]] = {}
        for option, value in self.settings.items():
            sections.setdefault(VARIED[option], {})[option] = value
        return replace(config.update(sections), specificity=SpecificitySettings())

    def of(self, section: str) -> dict[str, Any]:
        """Return the options of a section with their values."""
        return {own: value for own, value in self.settings.items() if VARIED[own] == section}

    def changed(self, primary: Specification, section: str) -> str:
        """Return the options of a section that differ from the primary specification, as text."""
        return ", ".join(
            f"{own} {Path(str(value)).name}"
            for own, value in self.of(section).items()
            if value != primary.settings[own]
        )


def read_specifications(config: Config) -> tuple[Specification, ...]:
    """Read the specifications of a request; the primary one comes first.

    Raises
    ------
    RequestError
        The file cannot be used; one line per problem.
    """
    named = str(config.group.multiverse)
    try:
        if named == DEFAULT:
            text = (files("fcnm_bids.data") / "multiverse.toml").read_text(encoding="utf-8")
        else:
            text = read_text(Path(named))
        content = parse_toml(text, named)
    except FileError as error:
        raise RequestError(f"--multiverse {error}") from error
    problems: list[str] = []
    usual = {own: getattr(getattr(config, section), own) for own, section in VARIED.items()}
    found = [Specification(PRIMARY, usual)]
    for name, changes in _listed(content, named, problems):
        settings = dict(usual)
        for option, value in changes.items():
            settings[option] = _value(option, value, named, problems)
        if all(settings != own.settings for own in found):
            found.append(Specification(name or str(len(found) + 1), settings))
    if not problems:
        for own in found[1:]:
            problems += [f"--multiverse {named}: {line}" for line in _problems(own, config)]
    if not problems and len(found) == 1:
        problems.append(f"--multiverse {named}: lists only the request itself; add values")
    if problems:
        raise RequestError(list(dict.fromkeys(problems)))
    return tuple(found)


def _listed(
    content: Mapping[str, Any], named: str, problems: list[str]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return names and changes of the specifications; no name for a combination."""
    lists, singles = content.get("combinations", {}), content.get("named", {})
    if not set(content) <= {"combinations", "named"} or not all(
        isinstance(part, dict) for part in (lists, singles, *singles.values())
    ):
        problems.append(
            f"--multiverse {named}: only [combinations] with lists and [named.NAME] with values "
            "are allowed"
        )
        return []
    if single := [own for own, values in lists.items() if not isinstance(values, list)]:
        problems.append(
            f"--multiverse {named}: [combinations] {', '.join(single)}: put the value in brackets"
        )
        return []
    combinations = product(*lists.values()) if lists else ()
    return [
        *(("", dict(zip(lists, values, strict=True))) for values in combinations),
        *singles.items(),
    ]


def _value(option: str, value: Any, named: str, problems: list[str]) -> Any:
    """Return a value as its option's type, strategy files by their whole path."""
    if option not in VARIED:
        problems.append(
            f"--multiverse {named}: {option} cannot be varied; choose from {', '.join(VARIED)}"
        )
        return value
    try:
        typed = coerce(value, get_type_hints(SECTIONS[VARIED[option]])[option])
    except (TypeError, ValueError) as error:
        problems.append(f"--multiverse {named}: {option} = {value!r}: {error}")
        return value
    beside = Path(named).parent / str(typed)
    if option == "nuisance_regressors" and named != DEFAULT and beside.is_file():
        return str(beside.absolute())
    return typed


def _problems(specification: Specification, config: Config) -> list[str]:
    """Return what is wrong with the values of a specification."""
    request = specification.request(config)
    found = request.problems()
    try:
        height_rule(request.group)
        load_strategy(request.denoising.nuisance_regressors)
    except RequestError as error:
        found += error.problems
    return found
