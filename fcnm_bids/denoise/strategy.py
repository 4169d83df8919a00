"""Choose the confounds to remove: a strategy by name, or one from a JSON file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.readers.files import parse_json, read_text

_STRATEGIES = files("fcnm_bids.data") / "strategies"
_WILDCARDS = frozenset("*?[")


@cache
def strategy_names() -> tuple[str, ...]:
    """The names of the strategies that the package brings."""
    found = [p.name.removesuffix(".json") for p in _STRATEGIES.iterdir()]
    return tuple(sorted(name for name in found if not name.startswith((".", "_"))))


@dataclass(frozen=True)
class Strategy:
    """The confounds to remove.

    Parameters
    ----------
    name
        Name, as reports state it.
    patterns
        Shell patterns of column names; each has to match at least one column.
    compcor
        Number of anatomical CompCor components per mask ("WM", "CSF", "combined").
    description
        What it is, as the methods text states it.
    """

    name: str
    patterns: tuple[str, ...]
    description: str
    compcor: Mapping[str, int] = field(default_factory=dict)

    def columns(self, available: Sequence[str], metadata: Mapping[str, Any]) -> list[str]:
        """The columns of one run's table, in the strategy's order, each once.

        Parameters
        ----------
        available
            Column names of the confound table.
        metadata
            The table's JSON sidecar (only CompCor components need it).

        Raises
        ------
        RunError
            Columns are missing; the text names them.
        """
        chosen: list[str] = []
        missing: list[str] = []
        names = frozenset(available)
        for pattern in self.patterns:
            plain = pattern in names and not _WILDCARDS.intersection(pattern)
            hits = [pattern] if plain else list(filter(_matcher(pattern), available))
            chosen += hits
            if not hits:
                missing.append(pattern)
        for mask, count in self.compcor.items():
            components = _compcor_components(mask, available, metadata)
            chosen += components[:count]
            if len(components) < count:
                present = len(components)
                missing.append(f"{count} aCompCor components of {mask} (only {present} present)")
        if missing:
            shown = ", ".join(missing[:8])
            rest = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
            motion = any(name.startswith(("trans_", "rot_")) for name in missing)
            raise RunError(
                f"strategy {self.name} needs confounds that the table does not have: "
                f"{shown}{rest}"
                + ("; the table has no motion columns" if motion and not _moves(available) else "")
                + "; name the available columns in a JSON file (--nuisance-regressors FILE)"
            )
        return list(dict.fromkeys(chosen))


def load_strategy(name: str) -> Strategy:
    """A strategy by its name, or from a JSON file.

    The file holds ``{"confounds": ["global_signal", "cosine*"], "description": "..."}``, and
    may hold ``"compcor": {"WM": 5, "CSF": 5}``.

    Raises
    ------
    RequestError
        There is no such strategy, or the file does not hold one.
    """
    if name in strategy_names():
        return _of_package(name)
    path = Path(name)
    if not path.is_file():
        raise RequestError(
            f"--nuisance-regressors {name}: neither a strategy ({', '.join(strategy_names())}) "
            "nor a file"
        )
    return _parse(path.stem, read_text(path), name)


@cache
def _of_package(name: str) -> Strategy:
    return _parse(name, (_STRATEGIES / f"{name}.json").read_text(encoding="utf-8"), name)


@cache
def _matcher(pattern: str) -> Callable[[str], object]:
    """Return the function that tells the names of a shell pattern, in the letters' own case."""
    return re.compile(translate(pattern)).match


def _parse(name: str, text: str, origin: str) -> Strategy:
    content = parse_json(text, origin)
    if not isinstance(content, dict):
        raise RequestError(f'{origin}: a strategy has to be an object with "confounds"')
    unknown = set(content) - {"confounds", "compcor", "description"}
    patterns = content.get("confounds")
    compcor = content.get("compcor", {})
    problems = []
    if unknown:
        problems.append(f"{origin}: unknown keys {', '.join(sorted(unknown))}")
    if not isinstance(patterns, list) or not all(isinstance(p, str) and p for p in patterns):
        problems.append(f'{origin}: "confounds" has to be a list of column names or shell patterns')
    if not isinstance(compcor, dict) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in compcor.values()
    ):
        problems.append(f'{origin}: "compcor" has to give a number of components per mask')
    if problems:
        raise RequestError(problems)
    assert isinstance(patterns, list)
    described = content.get("description") or f"the confounds {', '.join(patterns) or 'none'}"
    return Strategy(name, tuple(patterns), str(described), dict(compcor))


def _compcor_components(
    mask: str, available: Sequence[str], metadata: Mapping[str, Any]
) -> list[str]:
    """Components of one mask in order of variance; newer fMRIPrep names them by the mask."""
    prefix = {"WM": "w_comp_cor_", "CSF": "c_comp_cor_"}.get(mask)
    named = [name for name in available if prefix and name.startswith(prefix)]
    if named:
        return sorted(named, key=_component_order)

    def belongs(name: str) -> bool:
        entry = metadata.get(name)
        return isinstance(entry, Mapping) and entry.get("Mask") == mask

    named = [name for name in available if name.startswith("a_comp_cor_") and belongs(name)]
    return sorted(named, key=_component_order)


def _component_order(name: str) -> tuple[int, str]:
    """By number: the digits are two up to component 99, three from there on."""
    return len(name), name


def _moves(available: Sequence[str]) -> bool:
    return any(name.startswith(("trans_", "rot_")) for name in available)
