"""Build the parser from the settings that `fcnm_bids.config` declares, and parse arguments."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from fcnm_bids._version import __version__
from fcnm_bids.config import PRESENT_NAMES, PRESETS, SECTIONS, Config, as_typed, read_sections
from fcnm_bids.errors import RequestError
from fcnm_bids.setting import Setting, declared_settings, flag

TITLES = {
    "seeds": "seeds",
    "selection": "selection of participants and runs",
    "denoising": "denoising",
    "connectome": "connectome",
    "group": "group level",
    "specificity": "specificity of the network (group level)",
    "outcomes": "outcomes of the seeds (group level)",
    "resources": "resources",
    "running": "running",
}

_FOR_GROUP = "Give these options to `group`: they are not inherited from `participant`."

DESCRIPTIONS: Mapping[str, str] = dict.fromkeys(("group", "specificity", "outcomes"), _FOR_GROUP)
"""Help that all options of a section share."""


@dataclass(frozen=True)
class Request:
    """A parsed command line.

    Parameters
    ----------
    config
        Defaults, then the configuration file, then the options given.
    explicit
        What was given, by section and option, that of a preset included.
    preset
        Options by earlier names, what the preset settles and what overruled it, one line each.
    """

    config: Config
    explicit: Mapping[str, Mapping[str, Any]]
    preset: tuple[str, ...] = ()


_USAGE = "fcnm-bids BIDS_DIR OUTPUT_DIR {participant,group} [options]"

_EXAMPLES = """\
examples:
  fcnm-bids /data/fmriprep /data/fcnm participant --coordinates peaks.tsv
  fcnm-bids /data/fmriprep /data/fcnm group --covariates age sex

Underscores in option names are read as hyphens."""


class _Formatter(argparse.HelpFormatter):
    """Leaves the lines of the examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text == _EXAMPLES else super()._fill_text(text, width, indent)


class _ReportBug(argparse.Action):
    """Print a bug report and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print the report of an output folder, or of the software alone."""
        from fcnm_bids.app.bug_report import bug_report

        print(bug_report(None if values is None else Path(values)))
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Put the problem first, with the option that may have been meant."""

    _words: Sequence[str] = ()

    def main_spellings(self, argv: Sequence[str]) -> list[str]:
        """Words of a command line, options as they are listed; one that there is none of ends it.

        Looked for before parsing, which takes the value of an unknown option for a folder.
        """
        known = self._option_string_actions
        words: list[str] = []
        for word in argv:
            name, equals, value = word.partition("=")
            hyphened = "--" + name[2:].replace("_", "-")
            if not name.startswith("--") or name == "--" or name in known:
                words.append(word)
            elif hyphened in known:
                words.append(hyphened + equals + value)
            else:
                near = difflib.get_close_matches(hyphened, known, 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                self.error(f"there is no option {name}{meant}")
        self._words = words
        return words

    def error(self, message: str) -> NoReturn:
        """Print the problem and the usage, and exit with code 2."""
        message = self._taken_by_a_list() or message
        self.exit(2, f"{self.prog}: {message}\nusage: {_USAGE}\n       {self.prog} --help\n")

    def _taken_by_a_list(self) -> str:
        """Return a message if a list option took the positional arguments, else an empty string."""
        words = list(self._words)
        levels = [i for i, word in enumerate(words) if word in ("participant", "group")]
        for level in levels:
            first = next((i for i in range(level, 0, -1) if words[i].startswith("-")), 0)
            option = self._option_string_actions.get(words[first])
            if option is None or option.nargs not in ("+", "*") or level - first < 3:
                continue
            folders = words[level - 2 : level + 1]
            rest = words[: level - 2] + words[level + 1 :]
            return (
                f"{words[first]} takes all words up to the next option, including "
                f"{shlex.join(folders)}; put folders and level first: "
                f"{shlex.join([self.prog, *folders, *rest])}"
            )
        return ""


def build_parser() -> _Parser:
    """The parser, without defaults: only what was given is in its namespace."""
    parser = _Parser(
        prog="fcnm-bids",
        usage=_USAGE,
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
        description="Functional connectivity network mapping: which brain network do published "
        "coordinates share? Reads fMRIPrep derivatives; writes BIDS derivatives.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "bids_dir",
        help="fMRIPrep derivatives, a raw data set with them inside, or a store of projected runs",
    )
    parser.add_argument("output_dir", help="folder for the results")
    parser.add_argument("analysis_level", choices=("participant", "group"))
    parser.add_argument("--version", action="version", version=f"fcnm-bids {__version__}")
    parser.add_argument(
        "--report-bug",
        action=_ReportBug,
        nargs="?",
        metavar="OUTPUT_DIR",
        help="print the information for a bug report (versions, and settings and tracebacks of "
        "the last runs in OUTPUT_DIR), without participants' names, and exit",
    )
    for section, kind in SECTIONS.items():
        group = parser.add_argument_group(TITLES[section], DESCRIPTIONS.get(section))
        hints, defaults = get_type_hints(kind), kind()
        for own, declared in declared_settings(kind):
            default = getattr(defaults, own.name)
            _add(group, section, own.name, hints[own.name], default, declared)
            if own.name == "mem_gb":
                _add_sizes(group)
        if section == "running":
            _add_further(group)
    return parser


def parse(argv: Sequence[str] | None = None) -> Request:
    """Parse a command line.

    Raises
    ------
    RequestError
        An option has a value that makes no sense; one line per problem.
    """
    parser = build_parser()
    words = parser.main_spellings(sys.argv[1:] if argv is None else argv)
    given = vars(parser.parse_args(words))
    explicit = _options_given(given)
    _tidy(explicit)
    _make_absolute(explicit)
    said = _apply_preset(explicit)
    config = Config(
        _absolute(given["bids_dir"]),
        _absolute(given["output_dir"]),
        given["analysis_level"],
        command_line=shlex.join(["fcnm-bids", *(sys.argv[1:] if argv is None else argv)]),
    ).update(explicit)
    config = config.update({"running": {"work_dir": _absolute(config.running.work_dir)}})
    if problems := config.problems():
        raise RequestError(problems)
    typed = {word.partition("=")[0] for word in words}
    renamed = [
        f"{flag(old)} is now called {flag(new)}; the earlier name will be removed"
        for old, new in PRESENT_NAMES.items()
        if flag(old) in typed
    ]
    return Request(config, explicit, (*renamed, *said))


def _options_given(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Options by section: those of the configuration file, and those typed, which win."""
    options = read_sections(Path(given["config_file"])) if "config_file" in given else {}
    for name, value in given.items():
        section, dot, option = name.partition(".")
        if dot:
            own = options.setdefault(section, {})
            own[option] = tuple(value) if isinstance(value, list) else value
    if given.get("specificity.specificity") == []:
        options["specificity"]["specificity"] = ("all",)
    return options


def _tidy(explicit: dict[str, dict[str, Any]]) -> None:
    """Take away what may be typed with labels and paths, and is no part of them."""
    selection = explicit.get("selection", {})
    for option, prefix in (("participant_label", "sub-"), ("session_id", "ses-")):
        if labels := selection.get(option):
            selection[option] = tuple(label.removeprefix(prefix) for label in labels)
    if named := selection.get("derivatives"):
        # fMRIPrep takes names with them
        selection["derivatives"] = re.sub(r"^[A-Za-z0-9_.-]+=", "", named)


def _apply_preset(explicit: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Add what the preset settles to the options that were given, which win."""
    name = explicit.get("group", {}).get("preset")
    if name in (None, "none"):
        return ()
    settled: list[str] = []
    overruled: list[str] = []
    for section, values in PRESETS[name].items():
        given = explicit.setdefault(section, {})
        for option, value in values.items():
            if option in given and given[option] != value:
                overruled.append(
                    f"preset {name}: {flag(option)} {given[option]} was given and overrides the "
                    f"preset's {value}"
                )
            given.setdefault(option, value)
            settled.append(f"{flag(option)} {given[option]}")
    return (f"preset {name}: {' '.join(settled)}", *overruled)


def _add(group: Any, section: str, name: str, hint: Any, default: Any, option: Setting) -> None:
    flags = (*option.aliases, *map(flag, option.formerly), flag(name))
    settings: dict[str, Any] = {"dest": f"{section}.{name}", "help": option.help}
    if hint is bool:
        group.add_argument(*flags, action="store_true", **settings)
        return
    if option.kind == "count":
        group.add_argument(*flags, action="count", **settings)
        return
    if get_origin(hint) is Literal:
        settings["choices"] = get_args(hint)
    elif get_origin(hint) is tuple:
        settings["nargs"] = "+"
        if get_args(hint)[0] is float:
            settings["type"] = float
        elif get_origin(get_args(hint)[0]) is Literal:
            settings |= {"nargs": "*", "choices": get_args(get_args(hint)[0])}
    elif hint in (float, int):
        settings["type"] = hint
    elif option.kind == "duration":
        settings["type"] = _duration
    elif float in get_args(hint):
        settings["type"] = float
    if option.metavar and "choices" not in settings:
        settings["metavar"] = option.metavar
    if default not in (None, ()) and "default" not in option.help:
        settings["help"] += f" (default: {as_typed(default)})"
    group.add_argument(*flags, **settings)


def _size(text: str) -> float:
    """Gigabytes of a size; without a unit it is in MB, as fMRIPrep takes it."""
    match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*)\s*(?:([kmgt])i?b?|(b))?\s*", text, re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 16G or 500M")
    power = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}[(match[2] or match[3] or "m").lower()]
    return float(match[1]) * 1000.0**power / 1e9


def _duration(text: str) -> float:
    """Seconds of a time; without a unit it is in seconds."""
    match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*)\s*([smh]?)\s*", text, re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 30m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2].lower() or "s"]


def _megabytes(text: str) -> float:
    """Gigabytes of a number of megabytes."""
    try:
        return float(text) / 1000
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of MB") from None


def _make_absolute(explicit: dict[str, dict[str, Any]]) -> None:
    for section, values in explicit.items():
        paths = {
            own.name for own, declared in declared_settings(SECTIONS[section]) if declared.path
        }
        for name, value in values.items():
            if value and name in paths and not _is_word(name, value):
                values[name] = (
                    tuple(map(_absolute, value)) if isinstance(value, tuple) else _absolute(value)
                )
    strategy = explicit.get("denoising", {}).get("nuisance_regressors")
    if strategy and Path(strategy).is_file():
        explicit["denoising"]["nuisance_regressors"] = _absolute(strategy)


def _is_word(name: str, value: Any) -> bool:
    """Return True if a possible path is one of the words understood in its place."""
    return value in {"analysis_mask": ("brain", "gm"), "multiverse": ("default",)}.get(name, ())


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _add_sizes(group: Any) -> None:
    """Add further flags for the memory, behind the one in GB."""
    dest = "resources.mem_gb"
    text = "the same with a unit: 16G, 500M (without one: MB)"
    group.add_argument("--mem", dest=dest, type=_size, metavar="SIZE", help=text)
    group.add_argument("--mem-mb", dest=dest, metavar="MB", type=_megabytes, help="the same in MB")


def _add_further(group: Any) -> None:
    """Add flags that are no settings."""
    group.add_argument(
        "--config-file",
        metavar="FILE",
        help="TOML file of options, as saved with the outputs; options on the command line take "
        "precedence",
    )
    group.add_argument(
        "--notrack",
        action="store_true",
        help="accepted as other BIDS-Apps do; nothing is ever tracked",
    )
    group.add_argument(
        *("--skip-bids-validation", "--skip-bids-validator"),
        action="store_true",
        help="accepted as other BIDS-Apps do; the program checks the inputs that it needs and does "
        "not call the validator",
    )
