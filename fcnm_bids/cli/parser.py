"""The command line: every option stands for one field of the configuration."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fcnm_bids._version import __version__
from fcnm_bids.config import PRESETS, SECTIONS, Config, flag, read_sections
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
    "specificity": "specificity of the network (group level)",
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
        "effect": _Option(
            "effect of all foci or masks, where the table has no such column", metavar="NAME"
        ),
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
        "participant_label": _Option(
            "participants, with or without sub- (default: all)", metavar="LABEL"
        ),
        "session_id": _Option(
            "sessions, with or without ses- (default: all)", ("--session-label",), "LABEL"
        ),
        "task_id": _Option("task (default: the one there is)", ("-t",), "LABEL"),
        "space": _Option("template space (default: the one MNI space there is)", metavar="SPACE"),
        "resolution": _Option("entity res (default: the one there is)", metavar="RES"),
        "bids_filter_file": _Option(
            'JSON file of filters, as fMRIPrep reads them ("bold" is used)', metavar="FILE"
        ),
        "bids_database_dir": _Option(
            "PyBIDS database of the derivatives, read in place of listing their folders; made "
            "where there is none (remove it when files have come or gone)",
            metavar="PATH",
        ),
        "derivatives": _Option(
            "where the fMRIPrep derivatives of the raw data set BIDS_DIR are (NAME=PATH or PATH)",
            ("-d",),
            "PATH",
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
        "denoised": _Option(
            "the images are denoised already (any bold in MNI space with a brain mask): they are "
            "taken as they are, and smoothed only if --smoothing says so; XCP-D's are recognised "
            "without this"
        ),
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
            "fwe (random field theory or Bonferroni), fdr, permutation (sign flips, largest t), "
            "bonferroni, or t=VALUE",
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
        "covariates": _Option(
            "columns of participants.tsv (mean_fd: from the store) that the group model takes out; "
            "the map shows people with average values",
            metavar="NAME",
        ),
        "max_mean_fd": _Option(
            "mean framewise displacement in mm above which a person is left out", metavar="MM"
        ),
        "analysis_mask": _Option(
            "brain; gm (grey matter, the mean over people of fMRIPrep's own); or a mask FILE on "
            "the grid of the data",
            metavar="MASK",
        ),
        "weights": _Option("what a contrast counts for in the network: its sample size n"),
        "radii": _Option(
            "radii in mm with which the networks are made again, to see what they change "
            "(default: 1 4 7)",
            metavar="MM",
        ),
        "validation_dir": _Option(
            "a second connectome (a store of projected runs, of patients say) on which the "
            "networks are made again",
            metavar="DIR",
        ),
        "n_permutations": _Option(
            "sign flips of the height control permutation, and draws of every null", metavar="N"
        ),
        "random_seed": _Option("seed of everything that is random", metavar="N"),
        "preset": _Option(
            "settings of a published analysis, printed at the start; options given here win"
        ),
        "network_atlas": _Option(
            "label images (dseg, each with its table beside it) of the networks that the result is "
            "compared with; where two overlap, the first counts (default: Yeo's seven and the "
            "subcortex, from TemplateFlow)",
            metavar="FILE",
        ),
    },
    "specificity": {
        "specificity": _Option(
            "what the network is compared with: random (foci scattered in grey matter), strength "
            "(foci moved to voxels of equal strength), labels (studies exchange the labels of two "
            "effects), split (random halves of the contrasts of two effects); without a name, all "
            "that the data allow; the connectome's degree is always looked at"
        ),
        "label_test": _Option(
            "the effects that labels and split compare (default: the two there are)", metavar="A:B"
        ),
        "label_coordinates": _Option(
            "a second coordinate table, from which B of --label-test is taken", metavar="FILE"
        ),
        "thin_foci": _Option(
            "labels, split: use as many foci of every contrast as the smallest has, at random"
        ),
        "keep_distances": _Option("random: move the foci of a contrast as one rigid body"),
        "keep_hemisphere": _Option("random: keep the hemisphere of every focus"),
        "base_rate": _Option(
            "image of how often foci are reported where, or a mask, from which foci are drawn in "
            "place of grey matter",
            metavar="FILE",
        ),
        "strength_match": _Option(
            "strength: within 20 strata of positive strength, or (approximate) among the 20 %% of "
            "voxels nearest in strength"
        ),
        "null_resolution": _Option(
            "compare on a coarser grid of about this voxel size in mm, which is faster",
            metavar="MM",
        ),
        "specificity_time": _Option(
            "begin no draws after this time, such as 30m or 2h; the report says how many were made",
            metavar="TIME",
        ),
    },
    "resources": {
        "nprocs": _Option(
            "processes at once (default: all cores)", ("--n-cpus", "--nthreads"), "N"
        ),
        "omp_nthreads": _Option("threads of a process", metavar="N"),
        "mem_gb": _Option("memory in GB (default: 90 %% of the machine's)", metavar="GB"),
        "nipype_plugin_file": _Option(
            "YAML or JSON file with plugin (MultiProc or SLURM) and plugin_args: what runs the "
            "nodes (default: processes of this machine)",
            ("--use-plugin",),
            "FILE",
        ),
    },
    "running": {
        "work_dir": _Option("folder for intermediate files", ("-w",), "DIR"),
        "overwrite": _Option("replace outputs that were made with other settings"),
        "stop_on_first_crash": _Option("end at the first failure or unusable run"),
        "write_graph": _Option("draw the workflow into the work folder"),
        "dry_run": _Option(
            "look at everything, say what it would take in memory, disk and time, compute nothing"
        ),
        "reports_only": _Option("write the reports of this level again from what OUTPUT_DIR holds"),
        "boilerplate_only": _Option("write the methods text of this level, compute nothing"),
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
        What was given, by section and option, that of a preset included.
    preset
        What the preset says and how it was overruled, one line each.
    """

    config: Config
    explicit: Mapping[str, Mapping[str, Any]]
    preset: tuple[str, ...] = ()


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
                help="the same with a unit: 16G, 500M (without one: MB)",
            )
            group.add_argument(
                "--mem-mb",
                "--mem_mb",
                dest="resources.mem_gb",
                metavar="MB",
                type=_megabytes,
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
    if given.get("specificity.specificity") == []:
        explicit["specificity"]["specificity"] = ("all",)
    if labels := explicit.get("selection", {}).get("participant_label"):
        explicit["selection"]["participant_label"] = tuple(
            label.removeprefix("sub-") for label in labels
        )
    if sessions := explicit.get("selection", {}).get("session_id"):
        explicit["selection"]["session_id"] = tuple(s.removeprefix("ses-") for s in sessions)
    if named := explicit.get("selection", {}).get("derivatives"):
        # fMRIPrep takes names with them
        explicit["selection"]["derivatives"] = re.sub(r"^[A-Za-z0-9_.-]+=", "", named)
    _make_absolute(explicit)
    said = _apply_preset(explicit)
    config = Config(
        str(Path(given["bids_dir"]).absolute()),
        str(Path(given["output_dir"]).absolute()),
        given["analysis_level"],
        command_line=shlex.join(["fcnm-bids", *(sys.argv[1:] if argv is None else argv)]),
    ).update(explicit)
    config = config.update({"running": {"work_dir": str(Path(config.running.work_dir).absolute())}})
    if problems := config.problems():
        raise RequestError(problems)
    return Request(config, explicit, said)


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
                    f"preset {name}: {flag(option)} {given[option]} was given and overrules {value}"
                )
            given.setdefault(option, value)
            settled.append(f"{flag(option)} {given[option]}")
    return (f"preset {name}: {' '.join(settled)}", *overruled)


def _add(group: Any, section: str, name: str, hint: Any, default: Any, option: _Option) -> None:
    flags = list(dict.fromkeys(f for a in (*option.aliases, flag(name)) for f in _spellings(a)))
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
        if get_args(hint)[0] is float:
            settings["type"] = float
        elif get_origin(get_args(hint)[0]) is Literal:
            settings |= {"nargs": "*", "choices": get_args(get_args(hint)[0])}
    elif hint in (float, int):
        settings["type"] = hint
    elif name == "specificity_time":
        settings["type"] = _duration
    elif float in get_args(hint):
        settings["type"] = float
    if option.metavar and "choices" not in settings:
        settings["metavar"] = option.metavar
    if default not in (None, ()) and "default" not in option.help:
        settings["help"] += (
            f" (default: {default:g})" if isinstance(default, float) else (f" (default: {default})")
        )
    group.add_argument(*flags, **settings)


def _spellings(name: str) -> tuple[str, ...]:
    """A flag with hyphens, and with underscores as some BIDS-Apps write it."""
    dashes = "--" if name.startswith("--") else "-"
    return name, dashes + name.removeprefix(dashes).replace("-", "_")


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
    for section, names in (
        ("seeds", ("coordinates", "masks")),
        ("selection", ("bids_filter_file", "bids_database_dir", "derivatives")),
        ("connectome", ("connectome_dir",)),
        ("resources", ("nipype_plugin_file",)),
        ("group", ("network_atlas",)),
        ("group", ("analysis_mask", "validation_dir")),
        ("specificity", ("label_coordinates", "base_rate")),
    ):
        values = explicit.get(section, {})
        for name in names:
            value = values.get(name)
            if name == "analysis_mask" and value in ("brain", "gm"):
                continue
            if isinstance(value, tuple):
                values[name] = tuple(str(Path(item).absolute()) for item in value)
            elif value:
                values[name] = str(Path(value).absolute())
    strategy = explicit.get("denoising", {}).get("nuisance_regressors")
    if strategy and Path(strategy).is_file():
        explicit["denoising"]["nuisance_regressors"] = str(Path(strategy).absolute())
