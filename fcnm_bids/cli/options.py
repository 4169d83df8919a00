"""The options: what the command line says about each field of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """What the command line says about one field of the configuration.

    Parameters
    ----------
    help
        What it is for; the default is added where it is not mentioned.
    aliases
        Further flags.
    metavar
        What stands for a value.
    is_path
        Whether values are paths, which are kept as absolute ones.
    """

    help: str
    aliases: tuple[str, ...] = ()
    metavar: str | None = None
    is_path: bool = False


TITLES = {
    "seeds": "seeds",
    "selection": "selection of people and runs",
    "denoising": "denoising",
    "connectome": "connectome",
    "group": "group level",
    "specificity": "specificity of the network (group level)",
    "resources": "resources",
    "running": "running",
}

_FOR_GROUP = "To be given to `group`: nothing of it is taken over from `participant`."

DESCRIPTIONS: Mapping[str, str] = {"group": _FOR_GROUP, "specificity": _FOR_GROUP}
"""What is said of all options of a section."""

OPTIONS: Mapping[str, Mapping[str, Option]] = {
    "seeds": {
        "coordinates": Option(
            "table of published foci: TSV, CSV or XLSX with the columns study, contrast, effect, "
            "x, y, z, space and perhaps n; a Sleuth text file; a NIMADS JSON file",
            metavar="FILE",
            is_path=True,
        ),
        "masks": Option(
            "lesion or ROI masks (NIfTI files, or folders of them) in place of foci, one contrast "
            "a mask",
            metavar="PATH",
            is_path=True,
        ),
        "effect": Option(
            "effect of all foci or masks, where the table has no such column", metavar="NAME"
        ),
        "radius": Option("radius of the sphere around a focus, in mm", metavar="MM"),
        "sphere": Option(
            "mm: voxel centres within the radius; voxel-rounded: as published scripts do it, "
            "radius and centre rounded to voxels"
        ),
        "unit": Option("what one connectivity map stands for"),
        "talairach": Option("how foci in Talairach space are moved to MNI space"),
        "min_coverage": Option(
            "share of a seed that must lie on voxels with signal", metavar="SHARE"
        ),
    },
    "selection": {
        "participant_label": Option(
            "participants, with or without sub- (default: all)", metavar="LABEL"
        ),
        "session_id": Option(
            "sessions, with or without ses- (default: all)", ("--session-label",), "LABEL"
        ),
        "task_id": Option("task (default: the one there is)", ("-t",), "LABEL"),
        "space": Option("template space (default: the one MNI space there is)", metavar="SPACE"),
        "resolution": Option("entity res (default: the one there is)", metavar="RES"),
        "bids_filter_file": Option(
            'JSON file of filters, as fMRIPrep reads them ("bold" is used)',
            metavar="FILE",
            is_path=True,
        ),
        "bids_database_dir": Option(
            "PyBIDS database of the derivatives, read in place of listing their folders; made "
            "where there is none (remove it when files have come or gone)",
            metavar="PATH",
            is_path=True,
        ),
        "derivatives": Option(
            "where the fMRIPrep derivatives of the raw data set BIDS_DIR are (NAME=PATH or PATH)",
            ("-d",),
            "PATH",
            is_path=True,
        ),
    },
    "denoising": {
        "nuisance_regressors": Option(
            "confound strategy: none, 24P, 27P (24 motion, white matter, CSF, global signal), "
            "36P, acompcor, acompcor_gsr, or a JSON file",
            ("-p",),
            "STRATEGY",
        ),
        "high_pass": Option("lower edge of the band in Hz; 0 leaves it open", metavar="HZ"),
        "low_pass": Option("upper edge of the band in Hz; 0 leaves it open", metavar="HZ"),
        "dummy_scans": Option(
            "volumes dropped at the start; auto: those that fMRIPrep marked", metavar="N"
        ),
        "fd_threshold": Option(
            "framewise displacement in mm above which a volume is dropped; 0 drops none",
            ("-f",),
            "MM",
        ),
        "min_time": Option("seconds that must be left of a run", metavar="S"),
        "min_dof": Option("residual degrees of freedom that must be left of a run", metavar="N"),
        "smoothing": Option("full width at half maximum in mm; 0 for none", metavar="MM"),
        "denoised": Option(
            "the images are denoised already (any bold in MNI space with a brain mask): they are "
            "taken as they are, and smoothed only if --smoothing says so; XCP-D's are recognised "
            "without this"
        ),
    },
    "connectome": {
        "connectome_dir": Option(
            "store of projected runs (default: OUTPUT_DIR/connectome)",
            metavar="DIR",
            is_path=True,
        ),
        "connectome_only": Option("participant level: store the connectome, map no seeds"),
        "subject_maps": Option("whether to write every person's maps"),
    },
    "group": {
        "height_control": Option(
            "fwe (random field theory or Bonferroni), fdr, permutation (sign flips, largest t), "
            "bonferroni, or t=VALUE",
            metavar="RULE",
        ),
        "alpha": Option("error rate of the height control", metavar="P"),
        "tail": Option("which connectivity counts"),
        "min_effect": Option("mean Fisher z that a voxel also needs", metavar="Z"),
        "contrast_min_cluster": Option(
            "voxels below which a cluster leaves a contrast mask", metavar="N"
        ),
        "min_subjects": Option("share of people who must have a value", metavar="SHARE"),
        "network_threshold": Option(
            "share of the contrasts that must hold a voxel", metavar="SHARE"
        ),
        "min_cluster_volume": Option(
            "cubic mm below which a cluster leaves the network", metavar="MM3"
        ),
        "covariates": Option(
            "columns of participants.tsv (mean_fd: from the store) that the group model takes out; "
            "the map shows people with average values; numbers count as linear unless "
            "participants.json lists Levels",
            metavar="NAME",
        ),
        "max_mean_fd": Option(
            "mean framewise displacement in mm above which a person is left out", metavar="MM"
        ),
        "analysis_mask": Option(
            "brain; gm (grey matter, the mean over people of fMRIPrep's own); or a mask FILE on "
            "the grid of the data",
            metavar="MASK",
            is_path=True,
        ),
        "weights": Option("what a contrast counts for in the network: its sample size n"),
        "radii": Option(
            "radii in mm with which the networks are made again, to see what they change",
            metavar="MM",
        ),
        "validation_dir": Option(
            "a second connectome (a store of projected runs, of patients say) on which the "
            "networks are made again",
            metavar="DIR",
            is_path=True,
        ),
        "n_permutations": Option(
            "sign flips of the height control permutation, and draws of every null", metavar="N"
        ),
        "random_seed": Option("seed of everything that is random", metavar="N"),
        "preset": Option(
            "settings of a published analysis, printed at the start; options given here win"
        ),
        "network_atlas": Option(
            "label images (dseg, each with its table beside it) of the networks that the result is "
            "compared with; where two overlap, the first counts (default: Yeo's seven and the "
            "subcortex, from TemplateFlow)",
            metavar="FILE",
            is_path=True,
        ),
    },
    "specificity": {
        "specificity": Option(
            "what the network is compared with: random (foci scattered in grey matter), strength "
            "(foci moved to voxels of equal strength), labels (studies exchange the labels of two "
            "effects), split (random halves of the contrasts of two effects); without a name, all "
            "that the data allow; the connectome's degree is always looked at"
        ),
        "label_test": Option(
            "the effects that labels and split compare (default: the two there are)", metavar="A:B"
        ),
        "label_coordinates": Option(
            "a second coordinate table, from which B of --label-test is taken",
            metavar="FILE",
            is_path=True,
        ),
        "thin_foci": Option(
            "labels, split: use as many foci of every contrast as the smallest has, at random"
        ),
        "keep_distances": Option("random: move the foci of a contrast as one rigid body"),
        "keep_hemisphere": Option("random: keep the hemisphere of every focus"),
        "base_rate": Option(
            "image of how often foci are reported where, or a mask, from which foci are drawn in "
            "place of grey matter",
            metavar="FILE",
            is_path=True,
        ),
        "strength_match": Option(
            "strength: within 20 strata of positive strength, or (approximate) among the 20 %% of "
            "voxels nearest in strength"
        ),
        "null_resolution": Option(
            "compare on a coarser grid of about this voxel size in mm, which is faster",
            metavar="MM",
        ),
        "specificity_time": Option(
            "begin no draws after this time, such as 30m or 2h; the report says how many were made",
            metavar="TIME",
        ),
    },
    "resources": {
        "nprocs": Option(
            "processes at once (default: all cores that this program may use)",
            ("--n-cpus", "--nthreads"),
            "N",
        ),
        "omp_nthreads": Option("threads of a process", metavar="N"),
        "mem_gb": Option(
            "memory in GB, this program's own included (default: 90 %% of the machine's, or of the "
            "limit of its container or job)",
            metavar="GB",
        ),
        "nipype_plugin_file": Option(
            "YAML or JSON file with plugin (MultiProc or SLURM) and plugin_args: what runs the "
            "nodes (default: processes of this machine)",
            ("--use-plugin",),
            "FILE",
            is_path=True,
        ),
    },
    "running": {
        "work_dir": Option("folder for intermediate files", ("-w",), "DIR"),
        "overwrite": Option("replace outputs that were made with other settings"),
        "stop_on_first_crash": Option("end at the first failure or unusable run"),
        "write_graph": Option("draw the workflow into the work folder"),
        "dry_run": Option(
            "look at everything, say what it would take in memory, disk and time, compute nothing"
        ),
        "reports_only": Option("write the reports of this level again from what OUTPUT_DIR holds"),
        "boilerplate_only": Option("write the methods text of this level, compute nothing"),
        "verbose": Option("say more; twice: what nipype says", ("-v",)),
    },
}
