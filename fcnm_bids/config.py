"""Every setting and every default, once.

Sections are frozen dataclasses; `Config` holds one of each and is saved as TOML beside the
outputs. The group level starts from what the participant level saved (`INHERITED`).
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import tomli_w

from fcnm_bids._version import __version__
from fcnm_bids.errors import FileError, RequestError
from fcnm_bids.readers.files import parse_toml, read_text
from fcnm_bids.setting import (
    NOTHING,
    choices,
    coerce,
    declared_settings,
    flag,
    present_names,
    setting,
)


def usable_processors() -> int:
    """Processors that this process may run on; a cluster's job often has few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


unkeyed = partial(setting, affects=NOTHING)
"""Declare a setting that changes no result, or whose effect the keys have in another form."""

inherited = partial(setting, affects="participant")
"""Declare a setting of the participant level's outputs, which the group level takes over."""


@dataclass(frozen=True)
class SeedSettings:
    """From published coordinates, or masks, to contrast seeds."""

    coordinates: str | None = inherited(
        None,
        "table of published foci: TSV, CSV or XLSX with the columns study, contrast, effect, x, "
        "y, z, space and, optionally, n; a Sleuth text file; a NIMADS JSON file",
        "FILE",
        path="read",
        sentence=True,
    )
    masks: tuple[str, ...] = inherited(
        (),
        "lesion or ROI masks (NIfTI files, or folders of them) used instead of foci; each mask is "
        "one contrast",
        "PATH",
        path="read",
        sentence=True,
    )
    split_mask_labels: bool = unkeyed(
        False,
        "turn each label of a multi-label mask into a contrast; without this option, such masks "
        "are refused",
    )
    control_masks: tuple[str, ...] = inherited(
        (),
        "masks of controls (NIfTI files, or folders of them), to compare with those of --masks",
        "PATH",
        path="read",
        sentence=True,
    )
    effect: str | None = inherited(
        None,
        "effect label of all foci or masks, if the table has no effect column",
        "NAME",
        sentence=True,
    )
    radius: float = setting(
        4.0, "radius of the sphere around a focus, in mm", "MM", above=0, sentence=True, varies=True
    )
    sphere: Literal["mm", "voxel-rounded"] = setting(
        "mm",
        "mm: voxel centres within the radius; voxel-rounded: radius and centre rounded to voxels, "
        "as in published scripts",
        sentence=True,
        varies=True,
    )
    unit: Literal["contrast", "study", "focus"] = inherited(
        "contrast", "unit that each connectivity map represents", sentence=True, varies=True
    )
    talairach: Literal["icbm_spm2tal", "icbm_fsl2tal", "icbm_other2tal", "brett"] = inherited(
        "icbm_spm2tal", "transform that converts foci from Talairach to MNI space", sentence=True
    )
    min_coverage: float = setting(
        0.5,
        "minimum share of a seed that must lie on voxels with signal",
        "SHARE",
        least=0,
        most=1,
        sentence=True,
    )


@dataclass(frozen=True)
class SelectionSettings:
    """Options that choose participants and runs."""

    participant_label: tuple[str, ...] = unkeyed(
        (),
        "participants, with or without sub- (default: all)",
        "LABEL",
        sentence=True,  # their number; names are no part of a publication
    )
    session_id: tuple[str, ...] = inherited(
        (), "sessions, with or without ses- (default: all)", "LABEL", aliases=("--session-label",)
    )
    task_id: str | None = inherited(
        None, "task (default: the only one in the data)", "LABEL", aliases=("-t",), sentence=True
    )
    space: str | None = inherited(
        None, "template space (default: the only MNI space in the data)", "SPACE", sentence=True
    )
    resolution: str | None = inherited(
        None, "resolution, the BIDS entity res (default: the only one in the data)", "RES"
    )
    bids_filter_file: str | None = inherited(
        None,
        'JSON file of BIDS filters in the format of fMRIPrep (only "bold" is used)',
        "FILE",
        path="read",
    )
    bids_database_dir: str | None = unkeyed(
        None,
        "PyBIDS database of the derivatives, read instead of scanning their folders; created if "
        "it does not exist (delete it after adding or removing files)",
        "PATH",
        path="any",
    )
    derivatives: str | None = inherited(
        None,
        "where the fMRIPrep derivatives of the raw data set BIDS_DIR are (NAME=PATH or PATH)",
        "PATH",
        aliases=("-d",),
        path="any",
    )
    input_type: str = inherited(
        "auto",
        "layout of BIDS_DIR (auto: detected from its files; an unknown name prints all layouts)",
        "NAME",
        sentence=True,
    )
    input_variant: str | None = inherited(
        None,
        "processing stage to use if the runs exist in several: the letters of a FunImg or FunVolu "
        "folder; minimal or hp2000_clean for the HCP; a HALFpipe setting",
        "NAME",
    )
    participants_file: str | None = inherited(
        None, "participants.tsv to use instead of the one in BIDS_DIR", "FILE", path="read"
    )
    diagnosis_from_id: bool = inherited(
        False,
        "read diagnoses from DIRECT's participant names (IS(site)-(1 MDD, 2 HC, 3 BD, 4 "
        "SZ)-(number)) and add them to participants.tsv",
        sentence="The diagnosis was read in the names of the participants.",
    )


@dataclass(frozen=True)
class DenoisingSettings:
    """From a preprocessed run to its projection."""

    nuisance_regressors: str = setting(
        "27P",
        "confound strategy: none, 3P, 24P, 26P, 27P (24 motion, white matter, CSF, and in 27P the "
        "global signal), 36P, acompcor, acompcor_gsr, or a JSON file",
        "STRATEGY",
        aliases=("-p",),
        sentence=True,
        varies=True,
    )
    high_pass: float = setting(
        0.01,
        "lower edge of the band in Hz; 0 leaves it open",
        "HZ",
        aliases=("--lower-bpf",),
        least=0,
        sentence=True,
    )
    low_pass: float = setting(
        0.1,
        "upper edge of the band in Hz; 0 leaves it open",
        "HZ",
        aliases=("--upper-bpf",),
        least=0,
        sentence=True,
    )
    dummy_scans: str = setting(
        "auto",
        "number of initial volumes to discard; auto: those that fMRIPrep marked",
        "N",
        sentence=True,
        varies=True,
    )
    fd_threshold: float = setting(
        0.5,
        "framewise displacement in mm above which a volume is censored; 0 disables censoring",
        "MM",
        aliases=("-f", "--fd-thresh"),
        least=0,
        sentence=True,
        varies=True,
    )
    min_time: float = setting(
        240.0, "minimum duration in seconds of a run after censoring", "S", least=0, sentence=True
    )
    tr: float | None = unkeyed(
        None,
        "repetition time in seconds for images whose JSON file does not give one (default: from "
        "the image header, unless that is 0 or 1 s, which some programs write as a placeholder)",
        "S",
        above=0,
        most=30,
        sentence="A repetition time of {value} s was stated for images whose metadata had none.",
    )
    min_dof: int = setting(
        30, "minimum residual degrees of freedom of a run", "N", least=3, sentence=True
    )
    smoothing: float = setting(
        6.0,
        "full width at half maximum of the smoothing kernel in mm; 0 for no smoothing",
        "MM",
        least=0,
        sentence=True,
    )
    denoised: bool = setting(
        False,
        "the images are already denoised (any bold image in MNI space with a brain mask): they "
        "are used as they are, and smoothed only if --smoothing is given; XCP-D output is "
        "recognised without this option",
        sentence=True,
    )
    applied_band: tuple[float, ...] = setting(
        (),
        "lower and upper edge in Hz of the pass band already applied to denoised images; 0 for no "
        "lower edge (default: that of the layout, if known)",
        "HZ",
        least=0,
        later=True,
        sentence=True,
    )
    applied_regressors: int = setting(
        0,
        "number of regressors already removed from denoised images, each of which costs one "
        "degree of freedom (default: that of the layout, if known)",
        "N",
        least=0,
        later=True,
        sentence=True,
    )
    store_voxel_size: float | None = setting(
        None,
        "edge length in mm of larger voxels over which runs are averaged before they are smoothed "
        "and stored; all maps have these voxels (default: those of the images)",
        "MM",
        above=0,
        later=True,
        sentence=True,
    )
    store_precision: Literal["int16", "int8"] = setting(
        "int16",
        "integers in which runs are stored; int8 halves the store, and serves the group level "
        "only, because it changes the correlations of a single run",
        later=True,
        sentence=True,
    )


@dataclass(frozen=True)
class ConnectomeSettings:
    """The projected-run store and what else the participant level writes."""

    connectome_dir: str | None = inherited(
        None, "store of projected runs (default: OUTPUT_DIR/connectome)", "DIR", path="any"
    )
    connectome_only: bool = unkeyed(
        False, "participant level: store the connectome without mapping any seeds"
    )
    subject_maps: Literal["all", "none"] = unkeyed(
        "all", "whether to write every participant's maps"
    )


@dataclass(frozen=True)
class GroupSettings:
    """From maps of participants to contrast masks and networks."""

    height_control: str = setting(
        "fwe",
        "fwe (random field theory or Bonferroni), fdr, permutation (sign flips, largest t), "
        "bonferroni, or t=VALUE",
        "RULE",
        affects="contrast network draws",
        sentence=True,
        varies=True,
    )
    alpha: float = setting(
        0.05,
        "error rate of the height control",
        "P",
        above=0,
        below=1,
        affects="contrast network draws",
        sentence=True,
    )
    tail: Literal["positive", "negative", "two-sided"] = setting(
        "positive",
        "sign of the connectivity that is tested",
        affects="contrast network draws",
        sentence=True,
    )
    min_mean_z: float = setting(
        0.0,
        "minimum mean Fisher z that a voxel needs in addition",
        "Z",
        formerly=("min_effect",),
        least=0,
        affects="contrast network draws",
        sentence=True,
    )
    contrast_min_cluster: int = setting(
        0,
        "minimum size in voxels of a cluster in a contrast mask",
        "N",
        least=0,
        affects="contrast network draws",
        sentence=True,
    )
    min_subjects: float = setting(
        0.9,
        "minimum share of participants who must have a value at a voxel",
        "SHARE",
        above=0,
        most=1,
        sentence=True,
    )
    network_threshold: float = setting(
        0.6,
        "share of contrasts whose mask must include a voxel",
        "SHARE",
        above=0,
        most=1,
        affects="network",
        sentence=True,
        varies=True,
    )
    min_cluster_volume: float = setting(
        810.0,
        "minimum volume in cubic mm of a cluster in the network",
        "MM3",
        least=0,
        affects="network",
        sentence=True,
    )
    network_atlas: tuple[str, ...] = unkeyed(
        (),
        "label images (dseg, each with its table beside it) of the networks that the result is "
        "compared with and of its regions; where two overlap, the first counts (default: Yeo's "
        "seven, nuclei and cerebellum, from TemplateFlow)",
        "FILE",
        path="read",
        sentence=True,
    )
    covariates: tuple[str, ...] = setting(
        (),
        "columns of participants.tsv (mean_fd: from the store) used as covariates in the group "
        "model; the map is that of participants with average values; numeric columns are linear "
        "unless participants.json lists Levels",
        "NAME",
        affects="contrast network",
        sentence=True,
    )
    max_mean_fd: float | None = setting(
        None,
        "mean framewise displacement in mm above which a participant is excluded",
        "MM",
        above=0,
        affects="contrast network",
        sentence=True,
    )
    analysis_mask: str = setting(
        "brain",
        "brain; gm (mean of fMRIPrep's grey matter maps across participants); or a mask FILE on "
        "the grid of the data",
        "MASK",
        path="any",
        affects="contrast network degree",
        sentence=True,
    )
    weights: Literal["none", "n", "sqrt-n"] = setting(
        "none",
        "weight of a contrast in the network, from its sample size n",
        affects="network draws",
        sentence=True,
        varies=True,
    )
    n_permutations: int = setting(
        1000,
        "number of sign flips for --height-control permutation, and of draws for each null",
        "N",
        least=1,
        affects="contrast network",
        sentence=True,
    )
    random_seed: int = setting(
        0, "seed of the random number generator", "N", least=0, sentence=True
    )
    preset: Literal["none", "fcnm-fwe", "fcnm-fdr"] = setting(
        "none",
        "settings of a published analysis, printed at the start; options on the command line take "
        "precedence",
        affects="contrast",
        sentence=True,
    )
    radii: tuple[float, ...] = setting(
        (1.0, 4.0, 7.0),
        "radii in mm for the robustness check, with each of which the networks are recomputed",
        "MM",
        above=0,
        affects="contrast network",
    )
    exclude_near: float = setting(
        10.0,
        "robustness check that ignores each contrast at voxels within this distance in mm of its "
        "own foci; 0 disables it",
        "MM",
        least=0,
        affects="network",
    )
    validation_dir: str | None = unkeyed(
        None,
        "a second connectome (a store of projected runs, for example of patients) on which the "
        "networks are recomputed",
        "DIR",
        path="read",
    )
    multiverse: str | None = unkeyed(
        None,
        "make the networks again in every combination of other choices that a TOML file lists, or "
        "that the word default stands for, and compare them with the primary ones",
        "FILE",
        path="any",
        later=True,
        sentence=True,
    )


NullName = Literal["all", "random", "strength", "labels", "split"]
_LABEL_NULLS = ("labels", "split")
_FOCUS_NULLS = tuple(name for name in get_args(NullName) if name not in ("all", *_LABEL_NULLS))


@dataclass(frozen=True)
class SpecificitySettings:
    """Options of the specificity tests and their nulls."""

    specificity: tuple[NullName, ...] = setting(
        (),
        "null models with which the network is compared: random (foci scattered in grey matter), "
        "strength (foci moved to voxels of equal strength), labels (studies exchange the labels "
        "of two effects), split (random halves of the contrasts of two effects); without a name, "
        "every null that the data allow; the comparison with the connectome's degree is always "
        "made",
        affects="network",
        sentence=True,
    )
    label_test: str | None = setting(
        None,
        "the two effects that labels and split compare (default: the only two in the table)",
        "A:B",
        nulls=_LABEL_NULLS,
        affects="network",
        sentence=True,
    )
    label_coordinates: str | None = unkeyed(
        None,
        "a second coordinate table, which provides effect B of --label-test",
        "FILE",
        path="read",
        nulls=_LABEL_NULLS,
        sentence=True,
    )
    thin_foci: bool = setting(
        False,
        "labels, split: randomly reduce every contrast to the number of foci of the smallest "
        "contrast",
        nulls=_LABEL_NULLS,
        affects="network",
        sentence=True,
    )
    keep_distances: bool = setting(
        False,
        "random: move all foci of a study as one rigid body",
        nulls=("random",),
        affects="network draws",
        sentence=True,
    )
    keep_hemisphere: bool = setting(
        False,
        "random: keep the hemisphere of every focus",
        nulls=("random",),
        affects="network draws",
        sentence=True,
    )
    base_rate: str | None = unkeyed(
        None,
        "source of random foci instead of uniform grey matter: an image of the base rate of "
        "reported foci, a mask, or a coordinate table of unrelated studies",
        "FILE",
        path="read",
        nulls=_FOCUS_NULLS,
        sentence=True,
    )
    strength_match: Literal["strata", "nearest20"] = setting(
        "strata",
        "strength: match within 20 strata of positive strength, or (approximate) among the 20 %% "
        "of voxels closest in strength",
        nulls=("strength",),
        affects="network draws",
        sentence=True,
    )
    compare_maps: tuple[str, ...] = unkeyed(
        (),
        "NIfTI maps in the space of the data to compare with each network: r with the probability "
        "and convergence maps, and p from the draws of random and strength and from exchanged "
        "labels, corrected family-wise over the maps",
        "FILE",
        path="read",
        nulls=(*_FOCUS_NULLS, "labels"),
        sentence=True,
    )
    null_resolution: float | None = setting(
        None,
        "compare on a coarser grid with about this voxel size in mm, to save time",
        "MM",
        above=0,
        nulls=_FOCUS_NULLS,
        affects="network draws",
        sentence=True,
    )
    specificity_time: float | None = setting(
        None,
        "start no new draws after this time, for example 30m or 2h; the report states how many "
        "were made",
        "TIME",
        above=0,
        kind="duration",
        nulls=_FOCUS_NULLS,
        affects="network",
    )


@dataclass(frozen=True)
class OutcomeSettings:
    """Outcomes of the seeds that are related to their maps."""

    scores: str | None = unkeyed(
        None,
        "table (TSV) whose rows name masks or contrasts; its columns are outcomes, covariates, "
        "cohort (blocks of permutation) and group (case or control)",
        "FILE",
        path="read",
        sentence=True,
    )
    outcomes: tuple[str, ...] = unkeyed(
        (),
        "columns of --scores that are outcomes (default: all other numeric columns)",
        "COLUMN",
        sentence=True,
    )
    score_covariates: tuple[str, ...] = unkeyed(
        ("auto",),
        "columns of --scores that outcomes are adjusted for; log_volume and strength are measured "
        "on the seeds; auto: log_volume for masks; none",
        "COLUMN",
        sentence=True,
    )
    mask_test: Literal["none", "fisher", "liebermeister"] = setting(
        "none",
        "cases against controls: test of how many contrast masks include a voxel, in addition to "
        "the t test of the maps",
        affects="network",
    )
    random_studies: bool = setting(
        False,
        "also treat the contrasts of an effect as a random sample of studies: estimate the "
        "variance between seeds, and test the outcomes of --scores as moderators by permutation "
        "over studies",
        affects="network",
        later=True,
        sentence=True,
    )


@dataclass(frozen=True)
class ResourceSettings:
    """Options on the machine's resources; no result depends on them."""

    nprocs: int = unkeyed(
        usable_processors,
        "number of parallel processes (default: all cores available to this program)",
        "N",
        aliases=("--n-cpus", "--nthreads", "--n-procs"),
        least=1,
    )
    omp_nthreads: int = unkeyed(1, "threads per process", "N", least=1)
    mem_gb: float | None = unkeyed(
        None,
        "memory in GB, this program's own included (default: 90 %% of the machine's, or of the "
        "limit of its container or job)",
        "GB",
        above=0,
    )
    nipype_plugin_file: str | None = unkeyed(
        None,
        "YAML or JSON file with plugin (MultiProc or SLURM) and plugin_args, which determine how "
        "the nodes are run (default: processes on this machine)",
        "FILE",
        aliases=("--use-plugin",),
        path="read",
    )


@dataclass(frozen=True)
class RunningSettings:
    """Options on how the program runs."""

    work_dir: str = unkeyed("work", "folder for intermediate files", "DIR", aliases=("-w",))
    overwrite: bool = unkeyed(False, "replace outputs that were made with other settings")
    stop_on_first_crash: bool = unkeyed(False, "stop at the first failure or unusable run")
    write_graph: bool = unkeyed(False, "save a graph of the workflow in the work folder")
    dry_run: bool = unkeyed(
        False, "check everything and estimate memory, disk space and time, but compute nothing"
    )
    reports: Literal["all", "qc", "none"] = unkeyed(
        "all",
        "reports with all figures; qc: without the figures of individual contrasts; none: no "
        "reports or figures (--reports-only makes them later)",
    )
    reports_only: bool = unkeyed(
        False, "rewrite the reports of this level from the results in OUTPUT_DIR"
    )
    rethreshold: float | None = unkeyed(
        None,
        "threshold the networks of a finished group level at another share of contrasts, keep the "
        "existing networks, and compute nothing else",
        "SHARE",
        above=0,
        most=1,
    )
    boilerplate_only: bool = unkeyed(
        False, "write the methods text of this level, but compute nothing"
    )
    check: bool = unkeyed(
        False,
        "check every output of this level against the recorded check sums, but compute nothing",
    )
    verbose: int = unkeyed(
        0,
        "print a more detailed log; give it twice to include nipype's log",
        aliases=("-v",),
        kind="count",
    )


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
    outcomes: OutcomeSettings = OutcomeSettings()
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
        """Return True if the participant level writes participants' maps."""
        return not self.connectome.connectome_only and self.connectome.subject_maps == "all"

    def update(self, options: Mapping[str, Mapping[str, Any]]) -> Config:
        """The configuration with some options of some sections replaced."""
        changed = {name: replace(getattr(self, name), **values) for name, values in options.items()}
        return replace(self, **changed)

    def problems(self) -> list[str]:
        """Settings that make no sense, one line each."""
        denoising, special, outcomes = self.denoising, self.specificity, self.outcomes
        checks = (
            (
                denoising.low_pass == 0 or denoising.high_pass < denoising.low_pass,
                f"--high-pass {denoising.high_pass:g} is not below --low-pass "
                f"{denoising.low_pass:g}; give --high-pass the lower edge, or 0 to leave a side "
                "open",
            ),
            (
                denoising.dummy_scans == "auto" or denoising.dummy_scans.isdecimal(),
                f"--dummy-scans {denoising.dummy_scans}: give auto, or a number of volumes",
            ),
            (
                not denoising.applied_band
                or (
                    len(denoising.applied_band) == 2
                    and (denoising.applied_band[0] < denoising.applied_band[1])
                ),
                "--applied-band: give a lower edge and a higher one, in Hz",
            ),
            (
                len(set(self.group.covariates)) == len(self.group.covariates),
                f"--covariates {' '.join(self.group.covariates)}: name each covariate only once",
            ),
            (
                not (special.keep_distances and special.keep_hemisphere),
                "--keep-distances and --keep-hemisphere: give only one of them",
            ),
            (
                not (
                    {"all", *_FOCUS_NULLS} & set(special.specificity)
                    and self.group.height_control == "permutation"
                ),
                f"--specificity {', '.join(_FOCUS_NULLS)}: cannot be used with --height-control "
                "permutation, whose flips would be drawn again in every draw; use fwe, which "
                "controls the same error rate",
            ),
            (
                not self.seeds.control_masks or bool(self.seeds.masks),
                "--control-masks: add --masks, the masks of the cases",
            ),
            (
                outcomes.scores is not None or not outcomes.outcomes,
                "--outcomes: add --scores, the table with the outcomes",
            ),
            (
                outcomes.scores is not None
                or bool(self.seeds.control_masks)
                or outcomes
                == OutcomeSettings(
                    outcomes=outcomes.outcomes, random_studies=outcomes.random_studies
                ),
                "--score-covariates, --mask-test: add --scores or --control-masks, or leave "
                "these out",
            ),
        )
        problems = []
        for section in map(partial(getattr, self), SECTIONS):
            hints = get_type_hints(type(section))
            for option, declared in declared_settings(section):
                value = getattr(section, option.name)
                words = choices(hints[option.name])
                named = value if isinstance(value, tuple) else (value,)
                if words and not {*named} <= {*words, None}:
                    problems.append(
                        f"{flag(option.name)} {as_typed(value)}: one of {', '.join(words)} was "
                        "expected"
                    )
                if wrong := declared.problem(value):
                    problems.append(f"{flag(option.name)} {as_typed(value)}: {wrong}")
                unused = declared.nulls and not {*declared.nulls, "all"} & {*special.specificity}
                if unused and value != option.default:
                    wanted = ", ".join(declared.nulls)
                    problems.append(
                        f"{flag(option.name)} needs --specificity {wanted} or all; add it, or "
                        "leave this out"
                    )
        return [*problems, *(problem for holds, problem in checks if not holds)]

    @classmethod
    def read(cls, path: Path) -> Config:
        """A configuration saved by `to_toml`."""
        return _saved_config(path, path.read_text(encoding="utf-8"))

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
    "outcomes": OutcomeSettings,
    "resources": ResourceSettings,
    "running": RunningSettings,
}


PRESENT_NAMES = present_names(SECTIONS)


@dataclass(frozen=True)
class RobustnessSettings:
    """Constants of the robustness checks, the same in every analysis for comparable numbers."""

    thresholds: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    bootstrap_draws: int = 500
    interval: float = 0.95
    participants_blocks: int = 8
    participants_draws: int = 20


ROBUSTNESS = RobustnessSettings()


@dataclass(frozen=True)
class NullSettings:
    """Constants of the nulls and the degree audit, the same in every analysis."""

    draws_per_block: int = 250
    block_gb: float = 8.0
    slab_gb: float = 2.5
    degree_targets: int = 5000
    degree_participants: int = 200
    degree_tolerance: float = 1e-6
    degree_iterations: int = 30
    degree_threads: int = 8
    degree_gb: float = 1.0
    strata: int = 20
    nearest_share: float = 0.2
    least_reliability: float = 0.99


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
    section: tuple(
        o.name for o, s in declared_settings(SECTIONS[section]) if "participant" in s.affects
    )
    for section in ("seeds", "selection", "denoising", "connectome")
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
        content = parse_toml(read_text(path), str(path))
    except FileError as error:
        raise RequestError(str(error)) from error
    problems: list[str] = []
    options: dict[str, dict[str, Any]] = {}
    for name, values in content.items():
        if name in _ABOUT_THE_REQUEST:
            continue
        if name not in SECTIONS or not isinstance(values, dict):
            problems.append(
                f"{path.name}: there is no section [{name}]; choose from {', '.join(SECTIONS)}"
            )
            continue
        hints = get_type_hints(SECTIONS[name])
        options[name] = {}
        for typed, value in values.items():
            option = PRESENT_NAMES.get(typed, typed)
            if option not in hints:
                near = difflib.get_close_matches(str(option), hints, 1)
                meant = f"; did you mean {near[0]}?" if near else "; correct its name, or move it"
                problems.append(f"{path.name}: [{name}] has no option {option}{meant}")
                continue
            try:
                options[name][option] = coerce(value, hints[option])
            except (TypeError, ValueError) as error:
                problems.append(f"{path.name}: [{name}] {option} = {value!r}: {error}")
    if problems:
        raise RequestError(problems)
    return options


@lru_cache(maxsize=8)
def _saved_config(path: Path, text: str) -> Config:
    """Return a saved configuration; each node of a worker asks for the same one."""
    content = tomllib.loads(text)
    level = content["analysis_level"]
    typed = str(content.get("command_line", ""))
    fresh = Config(content["bids_dir"], content["output_dir"], level, command_line=typed)
    return fresh.update(read_sections(path))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def as_typed(value: Any) -> str:
    """Return a value as it would be typed."""
    if isinstance(value, tuple):
        return " ".join(map(as_typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
