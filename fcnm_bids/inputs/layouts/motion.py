"""Head motion as other programs write it, under fMRIPrep's names and in its units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.denoise.confounds import Confounds
from fcnm_bids.errors import FileError, RunError
from fcnm_bids.readers.files import read_text
from fcnm_bids.readers.numbers import parse_number

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
_LARGEST_ROTATION = 0.6
"""Radians; nobody turns the head by 34 degrees in a scanner, so these are degrees."""
_HEAD_RADIUS = 50.0


def read_motion(path: Path, layout: str) -> Confounds:
    """Read six realignment parameters and the framewise displacement beside them.

    Parameters
    ----------
    path
        ``rp_*.txt`` of SPM (``dpabi``: mm and radians) or ``Movement_Regressors.txt`` (``hcp``:
        mm and degrees, six derivatives behind them).
    layout
        Reader of the layout: ``dpabi`` or ``hcp``.

    Returns
    -------
    Confounds
        Translations in mm, rotations in radians, and ``framewise_displacement`` in mm: the sum of
        absolute changes (Power et al. 2012), which ``FD_Power_*.txt`` confirms where it is there;
        of the HCP the relative root mean square (Jenkinson et al. 2002), where that is there.

    Raises
    ------
    RunError
        A file is no table of numbers of the expected shape, or rotations are not in the unit
        of the layout.
    """
    values = read_numbers(path)
    if values.shape[1] < 6:
        raise RunError(
            f"{path.name} has {values.shape[1]} columns, not six motion parameters; copy the "
            "right file"
        )
    motion = values[:, :6].copy()
    if layout == "hcp":
        motion[:, 3:] *= np.pi / 180
        beside = path.with_name("Movement_RelativeRMS.txt")
    else:
        prefix = path.name.partition("rp_")[0]
        beside = path.with_name(f"{prefix}FD_Power_{path.parent.name}.txt")
    arcs = motion * np.r_[np.ones(3), np.full(3, _HEAD_RADIUS)]
    displacement = np.abs(np.diff(arcs, axis=0, prepend=arcs[:1])).sum(axis=1)
    if beside.is_file():
        written = read_numbers(beside)[:, 0]
        if len(written) != len(motion):
            raise RunError(f"{beside.name} has {len(written)} rows, {path.name} has {len(motion)}")
        if layout == "hcp":
            displacement = written
        elif not np.allclose(displacement[1:], written[1:], rtol=0.01, atol=0.005):
            raise RunError(
                f"{beside.name} does not follow from {path.name} in mm and radians (as SPM "
                "writes it): does one of them belong to another run, or are rotations in degrees?"
            )
    elif np.abs(motion[:, 3:]).max() > _LARGEST_ROTATION:
        raise RunError(
            f"{path.name} has rotations of up to {np.abs(motion[:, 3:]).max():.3g}, which cannot "
            "be radians; convert them"
        )
    # the first volume has none before it to move against; the files have 0 there
    displacement = np.r_[np.nan, displacement[1:]]
    return Confounds((*MOTION, "framewise_displacement"), np.column_stack([motion, displacement]))


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read a text file of numbers that white space separates, shape (rows, columns).

    Raises
    ------
    RunError
        It cannot be read, is empty, or holds anything else.
    """
    try:
        rows = [line.split() for line in read_text(path).splitlines()]
        values = np.array([[_number(cell) for cell in row] for row in rows if row])
    except (FileError, ValueError) as error:
        raise RunError(
            f"{path.name} cannot be read as columns of numbers ({error}); copy it again"
        ) from error
    if values.ndim != 2 or not np.isfinite(values).all():
        raise RunError(
            f"{path.name} is empty, or contains values that are not finite; copy it again"
        )
    return values


def read_repetition_time(path: Path, subject: str, session: str) -> float | None:
    """Read a participant's repetition time from DPABI's ``TRInfo.tsv``.

    Parameters
    ----------
    subject
        Name as in the table.
    session
        Number of the session, "1" for those without a prefix.

    Returns
    -------
    float or None
        TR in seconds; None where the table does not list the participant.

    Raises
    ------
    RunError
        The file is no such table.
    """
    column = "TR" if session == "1" else f"S{session}_TR"
    try:
        rows = [line.split("\t") for line in read_text(path).splitlines()]
        place = rows[0].index(column)
        found = {row[0].strip(): row[place] for row in rows[1:] if len(row) > place}
        return _number(found[subject]) if subject in found else None
    except (FileError, ValueError, IndexError) as error:
        raise RunError(
            f"{path.name} has no numeric column {column} ({error}); correct it, or give --tr"
        ) from error


def _number(cell: str) -> float:
    """Return the number of a cell; a ValueError where it is none."""
    number = parse_number(cell.strip())
    if number is None:
        raise ValueError(f"{cell!r} is not a number")
    return number
