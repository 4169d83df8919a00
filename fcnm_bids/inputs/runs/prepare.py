"""A run's files, read and checked as far as that is possible without its voxels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
    open_image,
    read_first,
    read_volume,
)
from fcnm_bids.denoise import (
    Confounds,
    RunDenoising,
    complete_confounds,
    load_strategy,
    plan_denoising,
    read_confounds,
)
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.setting import affecting

_LONGEST_TR = 30.0
_UNKNOWN_TR = 1.0
"""Written into headers by fMRIPrep 23.2 and others, whatever the repetition time."""
_TR_TOLERANCE = 0.01
"""How far the header's repetition time may be from the sidecar's before that is worth a word."""

_VARYING_FOR_MASK = "no brain mask; the voxels that vary over time are taken for it"

_ANNEX_POINTER = b"/annex/objects/"
_EXCLUDING = ("min_time", "min_dof")
"""Settings that decide whether a run is used, not what is made of it."""


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
    """

    name: str
    bold: str
    mask: str
    confounds: str
    confounds_metadata: str
    metadata: str
    space: str
    stored: str

    @property
    def paths(self) -> list[Path]:
        """The files there are."""
        named = (self.bold, self.mask, self.confounds, self.confounds_metadata, self.metadata)
        return [Path(path) for path in named if path]

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
        Hash of everything that its projection depends on.
    notes
        What is odd about it, though it can be used.
    """

    image: RunImage
    mask: NDArray[np.bool_]
    repetition_time: float
    denoising: RunDenoising
    key: str
    notes: tuple[str, ...] = ()


def prepare_run(
    run: RunInput, settings: DenoisingSettings, *, blank: Sequence[int] = ()
) -> PreparedRun:
    """Read everything of a run but its voxels.

    Parameters
    ----------
    run
        Its files.
    settings
        How it is denoised.
    blank
        Numbers of volumes, from 0, that hold no measurement and are dropped.

    Raises
    ------
    RunError
        The run cannot be used; the text is the reason.
    """
    if not run.mask and not settings.denoised:
        raise RunError("no brain mask (desc-brain_mask) in the same space and resolution")
    if not run.confounds and not settings.denoised:
        raise RunError("no confound table (desc-confounds_timeseries or _regressors)")
    if absent := [path for path in run.paths if _not_fetched(path)]:
        folder = Path(run.name).parent
        raise RunError(
            "not fetched: datalad get "
            + " ".join((folder / path.name).as_posix() for path in absent)
        )
    image = open_image(Path(run.bold), run.space)
    check_complete(image)
    if run.mask:
        mask = read_volume(Path(run.mask), image.grid) > 0.5
        if not mask.any():
            raise RunError(f"{Path(run.mask).name} is empty")
    else:
        first = read_first(image)
        mask = np.isfinite(first) & (first != 0)
    metadata, confounds_metadata = (
        _sidecar(path) for path in (run.metadata, run.confounds_metadata)
    )
    repetition_time = _repetition_time(metadata, image, settings.tr)
    strategy = load_strategy(settings.nuisance_regressors)
    dummies = settings.dummy_scans
    denoising = plan_denoising(
        complete_confounds(read_confounds(Path(run.confounds)))
        if run.confounds
        else Confounds((), [()] * image.n_volumes),
        confounds_metadata,
        strategy,
        n_volumes=image.n_volumes,
        repetition_time=repetition_time,
        high_pass=settings.high_pass,
        low_pass=settings.low_pass,
        dummy_scans=dummies if dummies == "auto" else int(dummies),
        fd_threshold=settings.fd_threshold,
        min_time=settings.min_time,
        min_dof=settings.min_dof,
        blank=blank,
    )
    key = content_key(
        Path(run.bold),
        [_optional(run.mask), _optional(run.confounds), _optional(run.confounds_metadata)],
        {
            **what_projects(denoising_record(settings)),
            "space": run.space,
            "repetition_time": repetition_time,
        },
    )
    notes = [] if run.mask else [_VARYING_FOR_MASK]
    if "RepetitionTime" not in metadata and settings.tr is None:
        notes.append(
            f"no RepetitionTime in a JSON file; the {repetition_time:g} s of the image's header "
            "are used (--tr S states another)"
        )
    stated, header = repetition_time, image.repetition_time
    if header > 0 and abs(header - stated) > _TR_TOLERANCE * stated:
        notes.append(
            f"RepetitionTime is {stated:g} s, the image's header says {header:g} s; {stated:g} s "
            "is used"
        )
    return PreparedRun(image, mask, repetition_time, denoising, key, tuple(notes))


def denoising_record(settings: DenoisingSettings) -> dict[str, Any]:
    """The denoising settings with the content of the strategy in place of its name."""
    strategy = load_strategy(settings.nuisance_regressors)
    record = affecting(settings, "participant")
    record["nuisance_regressors"] = {
        "name": strategy.name,
        "confounds": list(strategy.patterns),
        "compcor": dict(strategy.compcor),
    }
    # through JSON, so that it compares equal to what a store's header gives back
    content: dict[str, Any] = json.loads(json.dumps(record))
    return content


def what_projects(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a denoising record that a projection depends on: neither names nor minima."""
    named = record.get("nuisance_regressors", {})
    kept = {name: value for name, value in record.items() if name not in _EXCLUDING}
    return {**kept, "nuisance_regressors": {k: v for k, v in named.items() if k != "name"}}


def _repetition_time(metadata: Mapping[str, Any], image: RunImage, option: float | None) -> float:
    stated = metadata.get("RepetitionTime")
    if stated is None:
        header = image.repetition_time
        if option is None and (header <= 0 or header == _UNKNOWN_TR):
            raise RunError(
                f"no RepetitionTime in a JSON file, and the header says {header:g} s, as programs "
                "write that do not know it: copy the JSON file along, or state it with --tr"
            )
        stated = header if option is None else option
    elif option is not None and stated != option:
        raise RunError(f"RepetitionTime is {stated!r} in its JSON file, and --tr {option:g}")
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not stated > 0:
        raise RunError(f"RepetitionTime is {stated!r}, not a number of seconds")
    if stated > _LONGEST_TR:
        raise RunError(f"RepetitionTime is {stated:g}, which looks like milliseconds; BIDS has s")
    return float(stated)


def _sidecar(path: str) -> dict[str, Any]:
    try:
        return read_json(_optional(path))
    except RequestError as error:
        raise RunError(str(error)) from error


def _not_fetched(path: Path) -> bool:
    """Whether a file stands for content that git-annex (DataLad) has elsewhere."""
    try:
        if path.stat().st_size > 1024:
            return False
        with path.open("rb") as file:
            return file.read(len(_ANNEX_POINTER)) == _ANNEX_POINTER
    except OSError:
        return path.is_symlink()


def _optional(path: str) -> Path | None:
    return Path(path) if path else None
