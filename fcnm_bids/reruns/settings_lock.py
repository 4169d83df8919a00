"""Settings that outputs were made with: one set per output folder, handed from level to level."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from fcnm_bids.bids.write import write_text
from fcnm_bids.config import INHERITED, SECTIONS, Config, GroupSettings, read_sections
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.seeds import Contrast, group_foci, read_foci
from fcnm_bids.setting import declared_settings, flag

LOGGER = logging.getLogger("fcnm_bids")

_FOCI = "foci.tsv"

_BY_CONTENT = ("coordinates", "connectome_dir", "derivatives")
"""Options that name files: what matters is their content, which may have moved."""


_SETTLED = {
    "participant": INHERITED,
    "group": {
        "seeds": INHERITED["seeds"],
        "denoising": INHERITED["denoising"],
        "group": tuple(o.name for o, s in declared_settings(GroupSettings) if s.affects or s.path),
    },
}
"""The settings of each level that its outputs depend on."""


def settings_file(output_dir: Path, level: str = "participant") -> Path:
    """Return the file in which an output folder records the settings of a level."""
    return output_dir / "logs" / f"{level}_settings.toml"


def foci_file(output_dir: Path) -> Path:
    """The coordinates as they were used."""
    return output_dir / _FOCI


def lock_settings(config: Config, *, save: bool = True, say: bool = True) -> None:
    """Hold the outputs of a level in a folder to the settings of its first run.

    Parameters
    ----------
    config
        The request, at group level with what it inherits.
    save
        Whether to keep the settings, or only to compare them.
    say
        Whether to tell which contrasts are new and which are gone.

    Raises
    ------
    RequestError
        The folder's outputs were made with other settings; one line per difference.
    """
    root = Path(config.output_dir)
    path = settings_file(root, config.analysis_level)
    wanted = _settled(config)
    if config.analysis_level == "participant" and config.connectome.connectome_only:
        wanted.pop("seeds", None)
    if path.is_file() and not config.running.overwrite:
        before = _plain(read_sections(path))
        problems = [
            f"{flag(option)} {_shown(values.get(option))} now, "
            f"{_shown(_before(before[section], section, option))} before"
            for section, values in wanted.items()
            if section in before
            for option in sorted({*values, *before[section]})
            if option not in _BY_CONTENT
            and values.get(option) != _before(before[section], section, option)
        ]
        if "seeds" in wanted and "seeds" in before:
            problems += _other_foci(config)
        if problems:
            raise RequestError(
                [
                    f"{root}: holds outputs that were made with other settings (--overwrite "
                    "replaces them, another OUTPUT_DIR keeps them)",
                    *problems,
                ]
            )
        if say and "seeds" in wanted:
            _say_changes(_contrast_changes(config))
        wanted = {**before, **wanted}
    text = tomli_w.dumps(wanted)
    if save and (not path.is_file() or path.read_text(encoding="utf-8") != text):
        write_text(path, text)


def inherit_settings(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """The group level's configuration: the participant level's settings where they apply.

    Parameters
    ----------
    config
        Defaults and explicit options of this call.
    explicit
        The options that were given.

    Raises
    ------
    RequestError
        An explicit option differs from what the participant level was run with.
    """
    root = Path(config.output_dir)
    path = settings_file(root)
    if not path.is_file():
        return config
    before = read_sections(path)
    problems = []
    for section, values in before.items():
        for option, value in values.items():
            given = explicit.get(section, {})
            if option in given and option not in _BY_CONTENT and given[option] != value:
                problems.append(
                    f"{flag(option)} {_shown(given[option])}: the participant level was run with "
                    f"{_shown(value)}; give that, or leave it out"
                )
    for section in ("selection", "denoising"):
        # an option without a value is not in the file: giving it one now is a difference too
        for option in INHERITED[section]:
            value = explicit.get(section, {}).get(option)
            if section in before and value and option not in before[section]:
                problems.append(
                    f"{flag(option)} {_shown(value)}: the participant level was run without it; "
                    "leave it out"
                )
    merged = {
        section: {**values, **explicit.get(section, {})} for section, values in before.items()
    }
    config = config.update(merged)
    seeds = config.seeds
    used = foci_file(root)
    if "coordinates" not in explicit.get("seeds", {}) and not seeds.masks and used.is_file():
        config = config.update({"seeds": {"coordinates": str(used), "effect": None}})
    elif not problems and "seeds" in before:
        problems += _other_foci(config)
    if problems:
        raise RequestError(
            [
                f"{root}: the group level uses the settings of the participant level; give the "
                "same, or run the participant level again",
                *problems,
            ]
        )
    return config


def _settled(config: Config) -> dict[str, dict[str, Any]]:
    values = asdict(config)
    if config.analysis_level == "group" and config.seeds.coordinates:
        # foci.tsv has them, and their effect, whether that was an option or a column
        values["seeds"] |= {"coordinates": None, "effect": None}
    return _plain(
        {
            section: {name: value for name, value in values[section].items() if name in options}
            for section, options in _SETTLED[config.analysis_level].items()
        }
    )


def _before(values: Mapping[str, Any], section: str, option: str) -> Any:
    """Return a recorded option; one that an earlier version lacked had its default."""
    default = _plain({section: asdict(SECTIONS[section]())})[section].get(option)
    return values.get(option, default)


def _plain(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sections as TOML can hold them: lists for tuples, nothing for None."""
    return {
        section: {
            option: list(value) if isinstance(value, tuple) else value
            for option, value in values.items()
            if value is not None
        }
        for section, values in sections.items()
    }


@dataclass(frozen=True)
class _ContrastChanges:
    """Differences between two versions of a table of contrasts, by their names."""

    same: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def _contrast_changes(config: Config) -> _ContrastChanges:
    path = foci_file(Path(config.output_dir))
    if not path.is_file() or config.seeds.coordinates is None:
        return _ContrastChanges()
    if Path(config.seeds.coordinates).resolve() == path.resolve():
        return _ContrastChanges()
    before = _foci_of(group_foci(read_foci(path, effect=None), config.seeds.unit))
    now = _foci_of(read_contrasts(config.seeds))
    both = [name for name in now if name in before]
    return _ContrastChanges(
        same=tuple(name for name in both if now[name] == before[name]),
        new=tuple(name for name in now if name not in before),
        gone=tuple(name for name in before if name not in now),
        moved=tuple(name for name in both if now[name] != before[name]),
    )


def _foci_of(contrasts: Iterable[Contrast]) -> dict[str, tuple[str, frozenset[Any]]]:
    return {c.name: (c.effect, frozenset((f.x, f.y, f.z) for f in c.foci)) for c in contrasts}


def _other_foci(config: Config) -> list[str]:
    """Return why coordinates count as others; added or removed contrasts are no reason.

    What a contrast's own outputs depend on stays as it was then, and all that depends on several
    contrasts is made again.
    """
    changes = _contrast_changes(config)
    if not changes.moved and (changes.same or not changes.new):
        return []
    what = "it shares no contrast with the earlier table"
    if changes.moved:
        what = f"foci or effects differ from the earlier table for {', '.join(changes.moved[:5])}"
        what += f" and {len(changes.moved) - 5} more" if len(changes.moved) > 5 else ""
    return [
        f"--coordinates {config.seeds.coordinates}: {what} (the earlier one is {_FOCI}); to map "
        "other "
        f"foci on the same connectome, give {config.connectome_path} as BIDS_DIR and another "
        "OUTPUT_DIR"
    ]


def _say_changes(changes: _ContrastChanges) -> None:
    if changes.new:
        LOGGER.info("contrasts that are new: %s", ", ".join(changes.new))
    if changes.gone:
        LOGGER.info("contrasts taken out, and their outputs with them: %s", ", ".join(changes.gone))


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "(none)"
    return "(none)" if value is None else str(value)
