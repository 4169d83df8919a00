"""A run's files, read and checked as far as that is possible without its voxels."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.read import read_json
from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectome import (
    RunImage,
    check_complete,
    content_key,
    image_state,
    open_image,
    read_first,
    read_volume,
)
from fcnm_bids.denoise import (
    CHOSEN,
    Confounds,
    RunDenoising,
    complete_confounds,
    load_strategy,
    plan_denoising,
    read_confounds,
    strategy_names,
)
from fcnm_bids.denoise.degrees_of_freedom import upper_band_edge
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.inputs.layouts import leaddbs, xcpd
from fcnm_bids.inputs.layouts.motion import read_motion, read_repetition_time
from fcnm_bids.inputs.layouts.tissue import tissue_mask, tissue_signals
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.setting import affecting

_LONGEST_TR = 30.0
_UNKNOWN_TR = 1.0
"""Written into headers by fMRIPrep 23.2 and others, whatever the repetition time."""
_TOO_WIDE = 1.5
"""Declared upper edge over that of the spectrum from which there is a warning."""
_TR_TOLERANCE = 0.01
"""Largest difference without a warning between the header's and the sidecar's repetition time."""

_MOTION_FILES = {
    "dpabi": "RealignParameter/<subject>/rp_*.txt",
    "hcp": "Movement_Regressors.txt",
}
"""Motion parameters of layouts, by their readers."""

_VARYING_FOR_MASK = "no brain mask; the voxels that vary over time are used instead"

_ANNEX_POINTER = b"/annex/objects/"
_MOST_POINTER_BYTES = 1024
_EXCLUDING = ("min_time", "min_dof")
"""Settings that decide whether a run is used, not what is made of it."""

STRATEGY = (*CHOSEN, *_EXCLUDING)
"""Denoising settings that a stored run serves all values of."""


@dataclass(frozen=True)
class RunInput:
    """The files of one run, and where its projection goes.

    Parameters
    ----------
    name
        Path of the image relative to its data set.
    bold, mask, confounds, confounds_metadata, metadata
        Absolute paths; empty where the data set has no such file.
    space
        Template space.
    stored
        Absolute path of the projected run.
    layout, variant
        Name of the input layout, and which of several stages of the run.
    reader
        Which reader of `inputs.layouts` the files need; none where they are fMRIPrep's.
    original_id, session
        Name of the participant and number of the session in the layout.
    white_matter, csf
        Masks or probabilities of tissues, where their signals come from the image.
    """

    name: str
    bold: str = ""
    mask: str = ""
    confounds: str = ""
    confounds_metadata: str = ""
    metadata: str = ""
    space: str = ""
    stored: str = ""
    layout: str = ""
    variant: str = ""
    reader: str = ""
    original_id: str = ""
    session: str = "1"
    white_matter: str = ""
    csf: str = ""

    @property
    def paths(self) -> list[Path]:
        """The files there are."""
        named = (self.bold, self.mask, self.confounds, self.confounds_metadata, self.metadata)
        return [Path(path) for path in (*named, self.white_matter, self.csf) if path]

    @property
    def has_mask(self) -> bool:
        """True where the data set states its voxels: a mask, or the list of Lead-DBS."""
        return bool(self.mask) or self.reader == "leaddbs"

    def to_dict(self) -> dict[str, str]:
        """Plain content, as node inputs want it."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """A run that can be projected.

    Parameters
    ----------
    image
        Its header.
    mask
        Shape (voxels of the box,), True inside the brain; of a denoised run without a mask the
        voxels of the first volume that are not 0.
    repetition_time
        TR in seconds.
    denoising
        What is done to it in time.
    key
        Hash of everything that its projection depends on: not its strategy. "" where it was not
        needed.
    confounds, confounds_metadata
        The confound table and its sidecar.
    band
        What its basis was made with, beside the number of volumes.
    notes
        What is odd about it, though it can be used.
    upper_edge
        Upper edge in Hz of the band that a denoised run was filtered to, 0 where nobody declared
        it; None where the run is denoised here.
    origin
        Entries of the stored run's header on what was read.
    """

    image: RunImage
    mask: NDArray[np.bool_]
    repetition_time: float
    denoising: RunDenoising
    key: str
    confounds: Confounds
    confounds_metadata: Mapping[str, Any]
    band: Mapping[str, float]
    notes: tuple[str, ...] = ()
    upper_edge: float | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def check_band(self, series: NDArray[Any]) -> str:
        """Compare the spectrum of a denoised run with the band that was declared.

        Parameters
        ----------
        series
            Shape (volumes, voxels): some of its series.

        Returns
        -------
        note
            A band much wider than the spectrum, which states too many degrees of freedom; ""
            without one.

        Raises
        ------
        RunError
            No band was declared, and its spectrum ends below the Nyquist frequency.
        """
        if self.upper_edge is None:
            return ""
        edge = upper_band_edge(series, self.repetition_time)
        if edge is not None and not self.upper_edge:
            raise RunError(
                f"its spectrum ends at {edge:.3g} Hz (less than 1 % of the power lies above), so "
                "it was filtered and has fewer degrees of freedom than volumes; declare the "
                f"band, for example with --applied-band 0.01 {edge:.2g}"
            )
        if edge is not None and self.upper_edge > _TOO_WIDE * edge:
            return (
                f"its spectrum ends at {edge:.3g} Hz (less than 1 % of the power lies above), but "
                f"the applied band is stated to end at {self.upper_edge:g} Hz: it may have fewer "
                "degrees of freedom than are counted; check --applied-band"
            )
        return ""


def prepare_run(
    run: RunInput,
    settings: DenoisingSettings,
    *,
    signals: bool = False,
    blank: Sequence[int] = (),
    keyed: bool = True,
) -> PreparedRun:
    """Read everything of a run but its voxels.

    Parameters
    ----------
    run
        Its files.
    settings
        How it is denoised.
    signals
        Whether tissue signals that the layout does not give are read from the voxels. Without
        them, arbitrary series stand in their place, which leave as many degrees of freedom.
    blank
        Numbers of volumes, from 0, that hold no measurement and are dropped.
    keyed
        Whether the key is needed, for which files are hashed; it is "" otherwise.

    Raises
    ------
    RunError
        The run cannot be used; the text is the reason.
    """
    if not run.mask and not settings.denoised and not run.reader:
        raise RunError(
            "no brain mask (desc-brain_mask) in the same space and resolution; copy or rename it"
            + _others(run, "*_desc-brain_mask.nii*")
        )
    if not run.confounds and not settings.denoised:
        if motion := _MOTION_FILES.get(run.reader):
            raise RunError(f"no motion parameters ({motion}); copy them, too, or use -p none")
        raise RunError(
            "no confound table (desc-confounds_timeseries or _regressors); copy or rename it"
            + _others(run, "*_desc-confounds_*.tsv")
        )
    if absent := [path for path in run.paths if _not_fetched(path)]:
        folder = Path(run.name).parent
        raise RunError(
            "not fetched; run datalad get "
            + " ".join((folder / path.name).as_posix() for path in absent)
        )
    if run.reader == "leaddbs" and not run.metadata:
        raise RunError(
            "no dataset_info.mat (or dataset_volsurf.mat), which states the grid of vol/; copy "
            "it, too"
        )
    image, mask = _open(run)
    sidecar = run.metadata if run.metadata.endswith(".json") else ""
    metadata, confounds_metadata = (_sidecar(path) for path in (sidecar, run.confounds_metadata))
    metadata |= _layout_metadata(run, settings.tr)
    repetition_time = _repetition_time(metadata, image, settings.tr, _where(run))
    strategy = load_strategy(settings.nuisance_regressors)
    dummies = settings.dummy_scans
    nyquist = 0.5 / repetition_time
    if settings.denoised and settings.applied_band and settings.applied_band[1] > nyquist * 1.001:
        raise RunError(
            f"--applied-band ends at {settings.applied_band[1]:g} Hz, above the Nyquist frequency "
            f"of {nyquist:g} Hz; state the band that was applied"
        )
    band, removed = _applied_filter(run, metadata, settings, image.n_volumes, repetition_time)
    table = _confounds(run, image, mask, settings, signals=signals)
    denoising = plan_denoising(
        table,
        confounds_metadata,
        strategy,
        n_volumes=image.n_volumes,
        repetition_time=repetition_time,
        high_pass=band[0],
        low_pass=band[1],
        dummy_scans=dummies if dummies == "auto" else int(dummies),
        fd_threshold=settings.fd_threshold,
        min_time=settings.min_time,
        min_dof=settings.min_dof,
        blank=blank,
        applied_regressors=removed,
    )
    others = [run.mask, run.confounds, run.confounds_metadata]
    others += [path for path in (run.white_matter, run.csf) if path]
    state = image_state(Path(run.bold), Path(run.stored))
    applied = (*band, removed) if settings.denoised else (removed,)
    key = ""
    if keyed:
        key = content_key(
            Path(run.bold),
            [_optional(path) for path in others],
            {
                **projection_record(settings),
                "space": run.space,
                "repetition_time": repetition_time,
                **({"applied": applied} if any(applied) else {}),
            },
            state,
            image=image,
        )
    notes = [] if run.has_mask else [_VARYING_FOR_MASK]
    spec = io_specs().get(run.layout)
    # other layouts than BIDS have it in the header alone, unless a table beside lists it
    has_file = spec is None or bool(spec.files) or "metadata" in spec.companions
    if "RepetitionTime" not in metadata and settings.tr is None and has_file:
        notes.append(
            f"no RepetitionTime in {_where(run)}; the {repetition_time:g} s of the image's "
            "header are used (--tr S overrides them)"
        )
    stated, header = repetition_time, image.repetition_time
    if header > 0 and abs(header - stated) > _TR_TOLERANCE * stated:
        notes.append(
            f"RepetitionTime is {stated:g} s, but the image's header states {header:g} s; "
            f"{stated:g} s "
            "is used"
        )
    return PreparedRun(
        image,
        mask,
        repetition_time,
        denoising,
        key,
        table,
        confounds_metadata,
        {"repetition_time": repetition_time, "high_pass": band[0], "low_pass": band[1]},
        tuple(notes),
        upper_edge=band[1] if settings.denoised else None,
        origin={
            "layout": run.layout,
            "variant": run.variant,
            "mask_file": Path(run.mask).name,
            "repetition_time_from": (
                "image header"
                if "RepetitionTime" not in metadata and settings.tr is None
                else "--tr"
                if "RepetitionTime" not in metadata
                else _where(run).removeprefix("a ")
            ),
            "applied_band": list(band) if settings.denoised and any(band) else None,
            "bold_state": state,
        },
    )


@contextmanager
def readable_image(run: RunInput, image: RunImage, work: Path) -> Iterator[RunImage]:
    """Provide a run's image as NIfTI: itself, or what it is converted to meanwhile.

    Parameters
    ----------
    image
        Of the prepared run.
    work
        Folder for what is converted.
    """
    if run.reader != "leaddbs":
        yield image
        return
    with leaddbs.as_nifti(image, Path(run.metadata), work) as converted:
        yield converted


def run_provenance(run: RunInput, prepared: PreparedRun) -> dict[str, Any]:
    """Return what a projected run's header holds of its layout, for sidecars and later levels."""
    from_motion_file = run.reader in _MOTION_FILES and prepared.upper_edge is None
    tissue = [Path(path).name for path in (run.white_matter, run.csf) if path]
    known = {
        "applied_regressors": prepared.denoising.applied_regressors,
        "original_id": run.original_id,
        "motion": Path(run.confounds).name if from_motion_file else "",
        "tissue_masks": tissue,
        **prepared.origin,
    }
    return {name: value for name, value in known.items() if value}


def denoising_record(
    settings: DenoisingSettings, stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the denoising settings with the content of the strategy in place of its name.

    Parameters
    ----------
    settings
        The settings.
    stored
        Record of a stored run, whose strategy is meant by its name where there is no such file.
    """
    record = affecting(settings, "participant")
    name = settings.nuisance_regressors
    there = name in strategy_names() or Path(name).is_file()
    if stored and not there and stored.get("nuisance_regressors", {}).get("name") == name:
        record["nuisance_regressors"] = stored["nuisance_regressors"]
    else:
        strategy = load_strategy(name)
        record["nuisance_regressors"] = {
            "name": strategy.name,
            "confounds": list(strategy.patterns),
            "compcor": dict(strategy.compcor),
        }
    return _as_stored(record)


def _as_stored(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a store's header gives it back."""
    content: dict[str, Any] = json.loads(json.dumps(record))
    return content


def projection_record(settings: DenoisingSettings) -> dict[str, Any]:
    """Return the part of `denoising_record` that a stored run depends on."""
    return _as_stored(what_projects(affecting(settings, "participant")))


def what_projects(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a denoising record that a stored run depends on: not its strategy."""
    return {name: value for name, value in record.items() if name not in STRATEGY}


def stored_itemsize(settings: DenoisingSettings) -> int:
    """Return the bytes of a number in the store."""
    return np.dtype(settings.store_precision).itemsize


def _open(run: RunInput) -> tuple[RunImage, NDArray[np.bool_]]:
    """Read the header and the mask; the first volume's voxels where there is no mask."""
    if run.reader == "leaddbs":
        return leaddbs.open_run(Path(run.bold), Path(run.metadata), run.space)
    image = open_image(Path(run.bold), run.space)
    check_complete(image)
    if run.mask:
        mask = read_volume(Path(run.mask), image.grid) > 0.5
        if not mask.any():
            raise RunError(f"{Path(run.mask).name} is empty")
        return image, mask
    first = read_first(image)
    return image, np.isfinite(first) & (first != 0)


def _confounds(
    run: RunInput,
    image: RunImage,
    mask: NDArray[np.bool_],
    settings: DenoisingSettings,
    *,
    signals: bool,
) -> Confounds:
    if settings.denoised or not run.confounds:
        return Confounds((), np.empty((image.n_volumes, 0)))
    if run.reader not in _MOTION_FILES:
        return complete_confounds(read_confounds(Path(run.confounds)))
    table = read_motion(Path(run.confounds), run.reader)
    if not run.white_matter:
        return complete_confounds(table)
    masks = {
        "white_matter": tissue_mask(run.white_matter, image.grid, mask, "white_matter"),
        "csf": tissue_mask(run.csf, image.grid, mask, "csf"),
        "global_signal": mask,
    }
    if len(table) != image.n_volumes:
        return table  # which is refused
    found = (
        tissue_signals(image, masks)
        if signals
        else np.random.default_rng(0).standard_normal((image.n_volumes, len(masks)))
    )
    rows = np.column_stack([np.asarray(table.rows), found])
    return complete_confounds(Confounds((*table.names, *masks), rows))


def _applied_filter(
    run: RunInput,
    metadata: Mapping[str, Any],
    settings: DenoisingSettings,
    n_volumes: int,
    repetition_time: float,
) -> tuple[tuple[float, float], int]:
    """Return the band of what is projected, and degrees of freedom that were lost before."""
    removed = settings.applied_regressors
    if not settings.denoised:
        return (settings.high_pass, settings.low_pass), removed
    if settings.applied_band:
        return (settings.applied_band[0], settings.applied_band[1]), removed
    if run.reader != "xcpd" or removed:
        return (0.0, 0.0), removed
    low, high, _ = xcpd.applied_band(metadata)
    design = _optional(run.confounds)
    if design is None and not high:
        return (low, high), 0
    return (low, high), xcpd.lost_degrees(design, metadata, n_volumes, repetition_time)


def _layout_metadata(run: RunInput, option: float | None) -> dict[str, Any]:
    """Return the repetition time that a layout lists beside its images; an option comes first."""
    if run.reader != "dpabi" or not run.metadata or option is not None:
        return {}
    stated = read_repetition_time(Path(run.metadata), run.original_id, run.session)
    return {} if stated is None else {"RepetitionTime": stated}


def _where(run: RunInput) -> str:
    """Return the file that a layout has the repetition time in."""
    return "TRInfo.tsv" if run.reader == "dpabi" else "a JSON file"


def _repetition_time(
    metadata: Mapping[str, Any], image: RunImage, option: float | None, where: str
) -> float:
    stated = metadata.get("RepetitionTime")
    if stated is None:
        header = image.repetition_time
        if option is None and (header <= 0 or header == _UNKNOWN_TR):
            raise RunError(
                f"no RepetitionTime in {where}, and the header states {header:g} s, which some "
                "programs write when they do not know it: copy that file, too, or state the time "
                "with --tr"
            )
        stated = header if option is None else option
    elif option is not None and stated != option:
        raise RunError(
            f"RepetitionTime is {stated!r} in its JSON file, but --tr is {option:g}; "
            "leave --tr out, or correct the file"
        )
    number = isinstance(stated, int | float) and not isinstance(stated, bool)
    if not number or not 0 < stated < float("inf"):
        raise RunError(
            f"RepetitionTime is {stated!r}, not a number of seconds; correct the JSON file"
        )
    if stated > _LONGEST_TR:
        raise RunError(
            f"RepetitionTime is {stated:g}, which looks like milliseconds; write seconds"
        )
    return float(stated)


def _others(run: RunInput, pattern: str) -> str:
    """Name the files of a kind beside a run, none of which is its own."""
    names = sorted(path.name for path in Path(run.bold).parent.glob(pattern))
    # without the participant, so that the same reason of many is one line
    shown = ", ".join(re.sub("^sub-[^_]*_", "", name) for name in names[:3])
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" (with other entities, there is {shown}{rest})" if names else ""


def _sidecar(path: str) -> dict[str, Any]:
    try:
        return read_json(_optional(path))
    except RequestError as error:
        raise RunError(str(error)) from error


def _not_fetched(path: Path) -> bool:
    """Return True if a file stands for content that git-annex (DataLad) has elsewhere."""
    try:
        status = path.stat()
    except OSError:
        return path.is_symlink() and not path.exists()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_POINTER_BYTES:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_ANNEX_POINTER)) == _ANNEX_POINTER
    except OSError:
        return False


def _optional(path: str) -> Path | None:
    return Path(path) if path else None
