"""Every setting and every default, once.

Sections are frozen dataclasses; `Config` holds one of each and is saved as TOML beside the
outputs. The group level starts from what the participant level saved (`INHERITED`).
"""

from __future__ import annotations

import math
import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from fcnm_bids._version import __version__
from fcnm_bids.errors import RequestError


@dataclass(frozen=True)
class SeedSettings:
    """From published coordinates, or masks, to contrast seeds."""

    coordinates: str | None = None
    masks: tuple[str, ...] = ()
    effect: str | None = None
    radius: float = 4.0
    sphere: Literal["mm", "voxel-rounded"] = "mm"
    unit: Literal["contrast", "study", "focus"] = "contrast"
    talairach: Literal["icbm_spm2tal", "icbm_fsl2tal", "icbm_other2tal", "brett"] = "icbm_spm2tal"
    min_coverage: float = 0.5


@dataclass(frozen=True)
class SelectionSettings:
    """Which people and runs."""

    participant_label: tuple[str, ...] = ()
    session_id: tuple[str, ...] = ()
    task_id: str | None = None
    space: str | None = None
    resolution: str | None = None
    bids_filter_file: str | None = None
    bids_database_dir: str | None = None
    derivatives: str | None = None


@dataclass(frozen=True)
class DenoisingSettings:
    """From a preprocessed run to its projection."""

    nuisance_regressors: str = "27P"
    high_pass: float = 0.01
    low_pass: float = 0.1
    dummy_scans: str = "auto"
    fd_threshold: float = 0.5
    min_time: float = 240.0
    min_dof: int = 30
    smoothing: float = 6.0
    denoised: bool = False


@dataclass(frozen=True)
class ConnectomeSettings:
    """The projected-run store and what else the participant level writes."""

    connectome_dir: str | None = None
    connectome_only: bool = False
    subject_maps: Literal["all", "none"] = "all"


@dataclass(frozen=True)
class GroupSettings:
    """From maps of people to contrast masks and networks."""

    height_control: str = "fwe"
    alpha: float = 0.05
    tail: Literal["positive", "negative", "two-sided"] = "positive"
    min_effect: float = 0.0
    contrast_min_cluster: int = 0
    min_subjects: float = 0.9
    network_threshold: float = 0.6
    min_cluster_volume: float = 810.0
    network_atlas: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    max_mean_fd: float | None = None
    analysis_mask: str = "brain"
    weights: Literal["none", "n", "sqrt-n"] = "none"
    n_permutations: int = 1000
    random_seed: int = 0
    preset: Literal["none", "fcnm-fwe", "fcnm-fdr"] = "none"
    radii: tuple[float, ...] = (1.0, 4.0, 7.0)
    validation_dir: str | None = None


@dataclass(frozen=True)
class SpecificitySettings:
    """Whether a network is specific: the nulls it is compared with."""

    specificity: tuple[Literal["all", "random", "strength", "labels", "split"], ...] = ()
    label_test: str | None = None
    label_coordinates: str | None = None
    thin_foci: bool = False
    keep_distances: bool = False
    keep_hemisphere: bool = False
    base_rate: str | None = None
    strength_match: Literal["strata", "nearest20"] = "strata"
    null_resolution: float | None = None
    specificity_time: float | None = None


SPECIFICITY_NEEDS: Mapping[str, tuple[str, ...]] = {
    "label_test": ("labels", "split"),
    "label_coordinates": ("labels", "split"),
    "thin_foci": ("labels", "split"),
    "keep_distances": ("random",),
    "keep_hemisphere": ("random",),
    "base_rate": ("random", "strength"),
    "strength_match": ("strength",),
    "null_resolution": ("random", "strength"),
    "specificity_time": ("random", "strength"),
}
"""The nulls to which options of specificity belong; without one of them, there is nothing to do."""


def usable_processors() -> int:
    """Processors that this process may run on; a cluster's job often has few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class ResourceSettings:
    """What the machine may be asked for; never part of what a result depends on."""

    nprocs: int = field(default_factory=usable_processors)
    omp_nthreads: int = 1
    mem_gb: float | None = None
    nipype_plugin_file: str | None = None


@dataclass(frozen=True)
class RunningSettings:
    """How the program runs."""

    work_dir: str = "work"
    overwrite: bool = False
    stop_on_first_crash: bool = False
    write_graph: bool = False
    dry_run: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    verbose: int = 0


@dataclass(frozen=True)
class Config:
    """A whole request.

    Parameters
    ----------
    bids_dir, output_dir
        Input and output folders.
    analysis_level
        "participant" or "group".
    command_line
        What was typed, for the record.
    """

    bids_dir: str
    output_dir: str
    analysis_level: Literal["participant", "group"]
    seeds: SeedSettings = SeedSettings()
    selection: SelectionSettings = SelectionSettings()
    denoising: DenoisingSettings = DenoisingSettings()
    connectome: ConnectomeSettings = ConnectomeSettings()
    group: GroupSettings = GroupSettings()
    specificity: SpecificitySettings = SpecificitySettings()
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    running: RunningSettings = RunningSettings()
    command_line: str = ""

    @property
    def source_path(self) -> Path:
        """Folder of the preprocessed data."""
        return Path(self.selection.derivatives or self.bids_dir)

    @property
    def connectome_path(self) -> Path:
        """Folder of the projected-run store."""
        named = self.connectome.connectome_dir
        return Path(named) if named else Path(self.output_dir) / "connectome"

    @property
    def makes_subject_maps(self) -> bool:
        """Whether the participant level writes people's maps."""
        return not self.connectome.connectome_only and self.connectome.subject_maps == "all"

    def update(self, options: Mapping[str, Mapping[str, Any]]) -> Config:
        """The configuration with some options of some sections replaced."""
        changed = {name: replace(getattr(self, name), **values) for name, values in options.items()}
        return replace(self, **changed)

    def problems(self) -> list[str]:
        """Settings that make no sense, one line each."""
        seeds, denoising, group = self.seeds, self.denoising, self.group
        special = self.specificity
        checks = (
            (seeds.radius > 0, f"--radius {seeds.radius:g}: not above 0 mm"),
            (0 <= seeds.min_coverage <= 1, "--min-coverage: a share, from 0 to 1"),
            (denoising.high_pass >= 0, "--high-pass: below 0 Hz"),
            (denoising.low_pass >= 0, "--low-pass: below 0 Hz"),
            (
                denoising.low_pass == 0 or denoising.high_pass < denoising.low_pass,
                f"--high-pass {denoising.high_pass:g} is not below --low-pass "
                f"{denoising.low_pass:g}",
            ),
            (
                denoising.dummy_scans == "auto" or denoising.dummy_scans.isdecimal(),
                f"--dummy-scans {denoising.dummy_scans}: auto, or a number of volumes",
            ),
            (denoising.fd_threshold >= 0, "--fd-threshold: below 0 mm"),
            (denoising.min_time >= 0, "--min-time: below 0 s"),
            (denoising.min_dof >= 3, "--min-dof: at least 3, or Fisher's z has no variance"),
            (denoising.smoothing >= 0, "--smoothing: below 0 mm"),
            (0 < group.alpha < 1, "--alpha: between 0 and 1"),
            (0 < group.network_threshold <= 1, "--network-threshold: above 0, up to 1"),
            (group.min_cluster_volume >= 0, "--min-cluster-volume: below 0 mm3"),
            (0 < group.min_subjects <= 1, "--min-subjects: a share above 0, up to 1"),
            (group.min_effect >= 0, "--min-effect: below 0"),
            (group.contrast_min_cluster >= 0, "--contrast-min-cluster: below 0 voxels"),
            (
                group.max_mean_fd is None or group.max_mean_fd > 0,
                f"--max-mean-fd {group.max_mean_fd}: not above 0 mm",
            ),
            (
                len(set(group.covariates)) == len(group.covariates),
                f"--covariates {' '.join(group.covariates)}: names one twice",
            ),
            (all(radius > 0 for radius in group.radii), "--radii: above 0 mm"),
            (group.n_permutations >= 1, "--n-permutations: at least 1"),
            (group.random_seed >= 0, "--random-seed: 0 or more"),
            (
                not (special.keep_distances and special.keep_hemisphere),
                "--keep-distances and --keep-hemisphere: one of them",
            ),
            (
                special.null_resolution is None or special.null_resolution > 0,
                f"--null-resolution {special.null_resolution}: not above 0 mm",
            ),
            (
                special.specificity_time is None or special.specificity_time > 0,
                "--specificity-time: not above 0",
            ),
            (
                not (
                    {"all", "random", "strength"} & set(special.specificity)
                    and group.height_control == "permutation"
                ),
                "--specificity random, strength: not with --height-control permutation, whose "
                "flips would be drawn anew in every draw; fwe keeps the same error rate",
            ),
            (self.resources.nprocs >= 1, "--nprocs: at least 1"),
            (self.resources.omp_nthreads >= 1, "--omp-nthreads: at least 1"),
            (
                self.resources.mem_gb is None or self.resources.mem_gb > 0,
                f"--mem-gb {self.resources.mem_gb}: not above 0 GB",
            ),
        )
        endless = [
            f"{flag(option)} {value:g}: not a finite number"
            for section in SECTIONS
            for option, value in asdict(getattr(self, section)).items()
            if isinstance(value, float) and not math.isfinite(value)
        ]
        return [
            *endless,
            *(problem for holds, problem in checks if not holds),
            *_without_their_null(special),
        ]

    @classmethod
    def read(cls, path: Path) -> Config:
        """A configuration saved by `to_toml`."""
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        level = content["analysis_level"]
        typed = str(content.get("command_line", ""))
        fresh = cls(content["bids_dir"], content["output_dir"], level, command_line=typed)
        return fresh.update(read_sections(path))

    def to_toml(self) -> str:
        """The configuration as TOML; settings without a value are left out."""
        content = {"fcnm_bids_version": __version__, **_without_none(asdict(self))}
        return tomli_w.dumps(content)


_ABOUT_THE_REQUEST = (
    "bids_dir",
    "output_dir",
    "analysis_level",
    "fcnm_bids_version",
    "command_line",
)

SECTIONS: Mapping[str, type] = {
    "seeds": SeedSettings,
    "selection": SelectionSettings,
    "denoising": DenoisingSettings,
    "connectome": ConnectomeSettings,
    "group": GroupSettings,
    "specificity": SpecificitySettings,
    "resources": ResourceSettings,
    "running": RunningSettings,
}


@dataclass(frozen=True)
class RobustnessSettings:
    """How robustness is looked at; the same in every analysis, so that numbers can be compared."""

    thresholds: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    bootstrap_draws: int = 500
    interval: float = 0.95
    people_blocks: int = 8
    people_draws: int = 20


ROBUSTNESS = RobustnessSettings()


@dataclass(frozen=True)
class NullSettings:
    """How nulls are drawn and the degree is audited; the same in every analysis."""

    draws_per_block: int = 20
    block_gb: float = 1.0
    degree_targets: int = 5000
    degree_people: int = 200
    degree_tolerance: float = 1e-6
    degree_iterations: int = 30
    degree_threads: int = 8
    strata: int = 20
    nearest_share: float = 0.2


NULLS = NullSettings()

_PRESET = {
    "seeds": {"radius": 4.0, "sphere": "mm"},
    "denoising": {
        "nuisance_regressors": "27P",
        "high_pass": 0.01,
        "low_pass": 0.1,
        "fd_threshold": 0.0,
        "smoothing": 6.0,
    },
    "group": {
        "height_control": "fwe",
        "alpha": 0.05,
        "tail": "positive",
        "contrast_min_cluster": 0,
        "network_threshold": 0.6,
        "min_cluster_volume": 810.0,
    },
}

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "fcnm-fwe": _PRESET,
    "fcnm-fdr": {
        **_PRESET,
        "seeds": {"radius": 4.0, "sphere": "voxel-rounded"},
        "group": {**_PRESET["group"], "height_control": "fdr", "contrast_min_cluster": 5},
    },
}
"""Settings of published analyses, reconstructed from their authors' code."""

INHERITED: Mapping[str, tuple[str, ...]] = {
    "seeds": tuple(f.name for f in fields(SeedSettings)),
    "selection": (
        "session_id",
        "task_id",
        "space",
        "resolution",
        "bids_filter_file",
        "derivatives",
    ),
    "denoising": tuple(f.name for f in fields(DenoisingSettings)),
    "connectome": ("connectome_dir",),
}
"""The participant level's settings that hold for its outputs, and so for the group level."""


def read_sections(path: Path) -> dict[str, dict[str, Any]]:
    """Options of every section of a saved configuration, checked against their types.

    Raises
    ------
    RequestError
        The file is not TOML, or holds sections, options or values that do not exist.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"{path}: cannot be read as TOML ({error})") from error
    problems: list[str] = []
    options: dict[str, dict[str, Any]] = {}
    for name, values in content.items():
        if name in _ABOUT_THE_REQUEST:
            continue
        if name not in SECTIONS or not isinstance(values, dict):
            problems.append(f"{path.name}: there is no section [{name}]")
            continue
        hints = get_type_hints(SECTIONS[name])
        options[name] = {}
        for option, value in values.items():
            if option not in hints:
                problems.append(f"{path.name}: [{name}] has no option {option}")
                continue
            try:
                options[name][option] = _coerce(value, hints[option])
            except (TypeError, ValueError) as error:
                problems.append(f"{path.name}: [{name}] {option} = {value!r}: {error}")
    if problems:
        raise RequestError(problems)
    return options


def _without_their_null(settings: SpecificitySettings) -> list[str]:
    """Options of nulls that are not asked for, one line each."""
    usual = SpecificitySettings()
    return [
        f"{flag(option)} needs --specificity {', '.join(nulls)} or all"
        for option, nulls in SPECIFICITY_NEEDS.items()
        if getattr(settings, option) != getattr(usual, option)
        and not {*nulls, "all"} & {*settings.specificity}
    ]


def flag(option: str) -> str:
    """The command-line flag of an option."""
    return "--" + option.replace("_", "-")


def _coerce(value: Any, hint: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _coerce(value, next(a for a in get_args(hint) if a is not type(None)))
    if origin is Literal:
        if value not in get_args(hint):
            raise ValueError(f"one of {', '.join(get_args(hint))} was expected")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("a list was expected")
        return tuple(_coerce(item, get_args(hint)[0]) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise TypeError(f"{hint.__name__} was expected")
    return value


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }
