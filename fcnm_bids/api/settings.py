"""Options by name, as on the command line, put into a configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from fcnm_bids.config import SECTIONS, Config
from fcnm_bids.denoise import strategy_names
from fcnm_bids.errors import RequestError
from fcnm_bids.setting import declared_settings

_SECTION_OF = {
    option: section for section, settings in SECTIONS.items() for option in get_type_hints(settings)
}


_PATHS = {
    option.name
    for settings in SECTIONS.values()
    for option, declared in declared_settings(settings)
    if declared.path
}

_STRATEGY = "nuisance_regressors"
"""The option that takes a name or a file."""


def by_section(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return options in their sections of the configuration.

    Parameters
    ----------
    options
        Values by the names of the command line's options, with underscores
        (``height_control="fdr"``). A list or a single value is taken where several are allowed.

    Raises
    ------
    TypeError
        There is no such option; the message names the nearest one.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        if name not in _SECTION_OF:
            near = difflib.get_close_matches(name, _SECTION_OF, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"there is no option {name!r}{hint}")
        section = _SECTION_OF[name]
        several = isinstance(getattr(SECTIONS[section](), name), tuple)
        if several:
            value = (value,) if isinstance(value, str | int | float | Path) else tuple(value)
        if name in _PATHS or name == _STRATEGY:
            value = (
                tuple(absolute(name, one) for one in value) if several else absolute(name, value)
            )
        elif isinstance(value, int) and not isinstance(value, bool):
            usual = getattr(SECTIONS[section](), name)
            value = float(value) if isinstance(usual, float) else value
        sections.setdefault(section, {})[name] = value
    return sections


def absolute(name: str, value: Any) -> Any:
    """Return a value, an existing file by its absolute path: the working folder may change.

    Parameters
    ----------
    name
        Name of the option.
    value
        One value of it.
    """
    if not isinstance(value, str | Path) or name not in {*_PATHS, _STRATEGY}:
        return value
    path = Path(value)
    meant = path.exists() if name in _PATHS else path.is_file() and value not in strategy_names()
    return str(path.absolute()) if meant else str(value)


def checked(config: Config) -> Config:
    """Return a configuration all of whose values can be used.

    Raises
    ------
    RequestError
        One line for each value that cannot.
    """
    if problems := config.problems():
        raise RequestError(problems)
    return config
