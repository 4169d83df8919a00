"""Declare a setting once: type, default, bounds, help, and what it changes."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, Union, get_args, get_origin

EVERYTHING = frozenset(("participant", "contrast", "network", "draws", "degree"))
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Setting:
    """Declaration of a setting, beside its name, type and default.

    Parameters
    ----------
    help
        Help text; the default is added where the text does not mention one.
    metavar
        Name of a value in the help text.
    aliases
        Further flags.
    formerly
        Earlier names, which options and configuration files may still use.
    path
        "read" for paths that have to exist, "any" for other paths and words in their place;
        all are made absolute.
    kind
        "duration" for times with units, "count" for flags that are counted.
    above, least, below, most
        Bounds of a number, or of each of several: exclusive, inclusive.
    nulls
        Nulls of which one has to be asked for.
    affects
        Cache keys that the setting is part of. A setting is part of all keys of its section unless
        it declares fewer; files whose content is in the keys declare NOTHING.
    later
        True for a setting that is no part of a key as long as it has its default, so that outputs
        from before there was the setting stay complete.
    sentence
        Whether the methods text has a sentence of its own for the setting; "{value}" stands for the
        value in a text. Others are listed where they are not the default.
    varies
        Whether a specification of ``--multiverse`` may have another value.
    """

    help: str
    metavar: str | None = None
    aliases: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    path: Literal["", "read", "any"] = ""
    kind: Literal["", "duration", "count"] = ""
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    nulls: tuple[str, ...] = ()
    affects: frozenset[str] = EVERYTHING
    later: bool = False
    sentence: bool | str = False
    varies: bool = False

    def problem(self, value: Any) -> str | None:
        """Return the violated bounds of a value; None within them."""
        values = value if isinstance(value, tuple) else (value,)
        numbers = [n for n in values if isinstance(n, int | float) and not isinstance(n, bool)]
        if not all(math.isfinite(number) for number in numbers):
            return "a finite number was expected"
        bounds: tuple[tuple[str, float | None, Callable[[float, float], bool]], ...] = (
            ("above", self.above, lambda n, limit: n > limit),
            ("at least", self.least, lambda n, limit: n >= limit),
            ("below", self.below, lambda n, limit: n < limit),
            ("at most", self.most, lambda n, limit: n <= limit),
        )
        stated = [(name, limit, holds) for name, limit, holds in bounds if limit is not None]
        if all(holds(n, limit) for n in numbers for _, limit, holds in stated):
            return None
        return f"not {' and '.join(f'{name} {limit:g}' for name, limit, _ in stated)}"


def setting(default: Any, help: str, metavar: str | None = None, **declared: Any) -> Any:
    """Declare a field of a section of settings; see `Setting`.

    Parameters
    ----------
    default
        The default, or a function that returns it.
    help, metavar, declared
        As of `Setting`; `affects` also as words in a text.
    """
    if isinstance(affects := declared.get("affects"), str):
        declared["affects"] = frozenset(affects.split())
        assert declared["affects"] <= EVERYTHING, affects
    metadata = {"setting": Setting(help, metavar, **declared)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def declared_settings(section: Any) -> Iterator[tuple[Field[Any], Setting]]:
    """Iterate over the fields of a section with their declarations."""
    for own in fields(section):
        yield own, own.metadata["setting"]


def affecting(section: Any, key: str) -> dict[str, Any]:
    """Return the settings of a section that a cache key depends on, by their oldest names."""
    return {
        (*declared.formerly, own.name)[0]: getattr(section, own.name)
        for own, declared in declared_settings(section)
        if key in declared.affects
        and not (declared.later and getattr(section, own.name) == own.default)
    }


def effective(section: Any, key: str) -> dict[str, Any]:
    """Return all settings of a section, with the default of those outside of a cache key."""
    defaults = {
        (*declared.formerly, own.name)[0]: own.default
        for own, declared in declared_settings(section)
        if not declared.later
    }
    return {**defaults, **affecting(section, key)}


def flag(option: str) -> str:
    """The command-line flag of an option."""
    return "--" + option.replace("_", "-")


def choices(hint: Any) -> tuple[str, ...]:
    """Return the words that a setting may hold, alone or in a list; none where all are valid."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(word for part in get_args(hint) for word in choices(part))


def coerce(value: Any, hint: Any) -> Any:
    """Return a value of a TOML file as the type of a setting.

    Raises
    ------
    TypeError, ValueError
        The value does not have the type, or is none of the choices.
    """
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return coerce(value, next(a for a in get_args(hint) if a is not type(None)))
    if origin is Literal:
        if value not in get_args(hint):
            raise ValueError(f"one of {', '.join(get_args(hint))} was expected")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("a list in brackets was expected")
        return tuple(coerce(item, get_args(hint)[0]) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise TypeError(f"{hint.__name__} was expected")
    return value


def present_names(sections: Mapping[str, type]) -> dict[str, str]:
    """Return present names of settings by their earlier ones."""
    return {
        old: own.name
        for section in sections.values()
        for own, declared in declared_settings(section)
        for old in declared.formerly
    }
