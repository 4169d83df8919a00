"""The command line: every option stands for one field of the configuration."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fcnm_bids._version import __version__
from fcnm_bids.config import SECTIONS, Config, flag, read_sections
from fcnm_bids.errors import RequestError


@dataclass(frozen=True)
class _Option:
    help: str
    aliases: tuple[str, ...] = ()
    metavar: str | None = None


_TITLES = {
    "seeds": "seeds",
    "selection": "selection of people and runs",
    "denoising": "denoising",
    "connectome": "connectome",
    "group": "group level",
    "resources": "resources",
    "running": "running",
}

OPTIONS: Mapping[str, Mapping[str, _Option]] = {
    "seeds": {
        "coordinates": _Option(
            "table of published foci: TSV, CSV or XLSX with the columns study, contrast, effect, "
            "x, y, z, space and perhaps n; a Sleuth text file; a NIMADS JSON file",
            metavar="FILE",
        ),
        "masks": _Option(
            "lesion or ROI masks (NIfTI files, or folders of them) in place of foci, one contrast "
            "a mask",
            metavar="PATH",
        ),
        "effect": _Option("effect of all foci or masks, where the table has no such column"),
        "radius": _Option("radius of the sphere around a focus, in mm", metavar="MM"),
        "sphere": _Option(
            "mm: voxel centres within the radius; voxel-rounded: as published scripts do it, "
            "radius and centre rounded to voxels"
        ),
        "unit": _Option("what one connectivity map stands for"),
        "talairach": _Option("how foci in Talairach space are moved to MNI space"),
        "min_coverage": _Option(
            "share of a seed that must lie on voxels with signal", metavar="SHARE"
        ),
    },
    "selection": {
        "participant_label": _Option("participants, with or without sub-", metavar="LABEL"),
        "session_id": _Option("sessions", ("--session-label",), "LABEL"),
        "task_id": _Option("task (default: the one there is)", ("-t",), "LABEL"),
        "space": _Option("template space (default: the one MNI space there is)", metavar="SPACE"),
        "resolution": _Option("entity res (default: the one there is)", metavar="RES"),
        "bids_filter_file": _Option(
            'JSON file of filters, as fMRIPrep reads them ("bold" is used)', metavar="FILE"
        ),
    },
    "denoising": {
        "nuisance_regressors": _Option(
            "confound strategy: none, 24P, 27P (24 motion, white matter, CSF, global signal), "
            "36P, acompcor, acompcor_gsr, or a JSON file",
            ("-p",),
            "STRATEGY",
        ),
        "high_pass": _Option("lower edge of the band in Hz; 0 leaves it open", metavar="HZ"),
        "low_pass": _Option("upper edge of the band in Hz; 0 leaves it open", metavar="HZ"),
        "dummy_scans": _Option(
            "volumes dropped at the start; auto: those that fMRIPrep marked", metavar="N"
        ),
        "fd_threshold": _Option(
            "framewise displacement in mm above which a volume is dropped; 0 drops none",
            ("-f",),
            "MM",
        ),
        "min_time": _Option("seconds that must be left of a run", metavar="S"),
        "min_dof": _Option("residual degrees of freedom that must be left of a run", metavar="N"),
        "smoothing": _Option("full width at half maximum in mm; 0 for none", metavar="MM"),
    },
    "connectome": {
        "connectome_dir": _Option(
            "store of projected runs (default: OUTPUT_DIR/connectome)", metavar="DIR"
        ),
        "connectome_only": _Option("participant level: store the connectome, map no seeds"),
        "subject_maps": _Option("whether to write every person's maps"),
    },
    "group": {
        "height_control": _Option(
            "fwe (random field theory or Bonferroni), fdr, bonferroni, or t=VALUE",
            metavar="RULE",
        ),
        "alpha": _Option("error rate of the height control", metavar="P"),
        "tail": _Option("which connectivity counts"),
        "min_effect": _Option("mean Fisher z that a voxel also needs", metavar="Z"),
        "contrast_min_cluster": _Option(
            "voxels below which a cluster leaves a contrast mask", metavar="N"
        ),
        "min_subjects": _Option("share of people who must have a value", metavar="SHARE"),
        "network_threshold": _Option(
            "share of the contrasts that must hold a voxel", metavar="SHARE"
        ),
        "min_cluster_volume": _Option(
            "cubic mm below which a cluster leaves the network", metavar="MM3"
        ),
    },
    "resources": {
        "nprocs": _Option(
            "processes at once (default: all cores)", ("--n-cpus", "--nthreads"), "N"
        ),
        "omp_nthreads": _Option("threads of a process", metavar="N"),
        "mem_gb": _Option("memory in GB (default: 90 %% of the machine's)", metavar="GB"),
    },
    "running": {
        "work_dir": _Option("folder for intermediate files", ("-w",), "DIR"),
        "overwrite": _Option("replace outputs that were made with other settings"),
        "stop_on_first_crash": _Option("end at the first failure or unusable run"),
        "write_graph": _Option("draw the workflow into the work folder"),
        "dry_run": _Option("look at everything, compute nothing"),
        "verbose": _Option("say more; twice: what nipype says", ("-v",)),
    },
}


@dataclass(frozen=True)
class Request:
    """A parsed command line.

    Parameters
    ----------
    config
        Defaults, then the configuration file, then the options given.
    explicit
        What was given, by section and option.
    """

    config: Config
    explicit: Mapping[str, Mapping[str, Any]]


def build_parser() -> argparse.ArgumentParser:
    """The parser, without defaults: only what was given is in its namespace."""
    parser = argparse.ArgumentParser(
        prog="fcnm-bids",
        description="Functional connectivity network mapping: which brain network do published "
        "coordinates share? Reads fMRIPrep derivatives; writes BIDS derivatives.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "bids_dir",
        help="fMRIPrep derivatives, a raw data set with them inside, or a store of projected runs",
    )
    parser.add_argument("output_dir", help="where the results go")
    parser.add_argument("analysis_level", choices=("participant", "group"))
    parser.add_argument("--version", action="version", version=f"fcnm-bids {__version__}")
    for section, kind in SECTIONS.items():
        group = parser.add_argument_group(_TITLES[section])
        hints = get_type_hints(kind)
        defaults = kind()
        for field in fields(kind):
            option = OPTIONS[section][field.name]
            _add(
                group, section, field.name, hints[field.name], getattr(defaults, field.name), option
            )
        if section == "resources":
            group.add_argument(
                "--mem",
                dest="resources.mem_gb",
                type=_size,
                metavar="SIZE",
                help="the same with a unit: 16G, 500M",
            )
            group.add_argument(
                "--mem-mb",
                "--mem_mb",
                dest="resources.mem_gb",
                metavar="MB",
                type=lambda text: float(text) / 1000,
                help="the same in MB",
            )
        if section == "running":
            group.add_argument(
                "--config-file",
                "--config_file",
                metavar="FILE",
                help="options from a TOML file, as saved beside the outputs; "
                "options given here win",
            )
            group.add_argument(
                "--notrack",
                action="store_true",
                help="accepted as other BIDS-Apps do; nothing is ever tracked",
            )
            group.add_argument(
                "--skip-bids-validation",
                "--skip_bids_validation",
                action="store_true",
                help="accepted as other BIDS-Apps do; inputs "
                "are checked by what is needed of them, not by the validator",
            )
    return parser


def parse(argv: Sequence[str] | None = None) -> Request:
    """Parse a command line.

    Raises
    ------
    RequestError
        An option has a value that makes no sense; one line per problem.
    """
    given = vars(build_parser().parse_args(argv))
    explicit: dict[str, dict[str, Any]] = {}
    if "config_file" in given:
        explicit = read_sections(Path(given["config_file"]))
    for name, value in given.items():
        section, dot, option = name.partition(".")
        if dot:
            explicit.setdefault(section, {})[option] = (
                tuple(value) if isinstance(value, list) else value
            )
    if labels := explicit.get("selection", {}).get("participant_label"):
        explicit["selection"]["participant_label"] = tuple(
            label.removeprefix("sub-") for label in labels
        )
    if sessions := explicit.get("selection", {}).get("session_id"):
        explicit["selection"]["session_id"] = tuple(s.removeprefix("ses-") for s in sessions)
    _make_absolute(explicit)
    config = Config(
        str(Path(given["bids_dir"]).absolute()),
        str(Path(given["output_dir"]).absolute()),
        given["analysis_level"],
    ).update(explicit)
    config = config.update({"running": {"work_dir": str(Path(config.running.work_dir).absolute())}})
    if problems := config.problems():
        raise RequestError(problems)
    return Request(config, explicit)


def _add(group: Any, section: str, name: str, hint: Any, default: Any, option: _Option) -> None:
    flags = [*option.aliases, *dict.fromkeys((flag(name), f"--{name}"))]
    settings: dict[str, Any] = {"dest": f"{section}.{name}", "help": option.help}
    if hint is bool:
        group.add_argument(*flags, action="store_true", **settings)
        return
    if name == "verbose":
        group.add_argument(*flags, action="count", **settings)
        return
    if get_origin(hint) is Literal:
        settings["choices"] = get_args(hint)
    elif get_origin(hint) is tuple:
        settings["nargs"] = "+"
    elif hint in (float, int):
        settings["type"] = hint
    elif float in get_args(hint):
        settings["type"] = float
    if option.metavar and "choices" not in settings:
        settings["metavar"] = option.metavar
    if default not in (None, ()) and "default" not in option.help:
        settings["help"] += (
            f" (default: {default:g})" if isinstance(default, float) else (f" (default: {default})")
        )
    group.add_argument(*flags, **settings)


def _size(text: str) -> float:
    """Gigabytes of a size with a unit."""
    match = re.fullmatch(r"\s*([0-9.]+)\s*([kmgt]?)i?b?\s*", text, re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 16G or 500M")
    power = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}[match[2].lower()]
    return float(match[1]) * 1000.0**power / 1e9


def _make_absolute(explicit: dict[str, dict[str, Any]]) -> None:
    for section, names in (
        ("seeds", ("coordinates", "masks")),
        ("selection", ("bids_filter_file",)),
        ("connectome", ("connectome_dir",)),
    ):
        values = explicit.get(section, {})
        for name in names:
            value = values.get(name)
            if isinstance(value, tuple):
                values[name] = tuple(str(Path(item).absolute()) for item in value)
            elif value:
                values[name] = str(Path(value).absolute())
    strategy = explicit.get("denoising", {}).get("nuisance_regressors")
    if strategy and Path(strategy).is_file():
        explicit["denoising"]["nuisance_regressors"] = str(Path(strategy).absolute())
