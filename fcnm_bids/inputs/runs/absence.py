"""Participants of a data set who have no run of a request, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fcnm_bids.inputs.runs.filters import matches

_LISTED = 12

_USUAL = {"echo": {"none"}, "part": {"none", "mag"}, "desc": {"preproc"}}
"""Values of which a run has one."""


class _File(Protocol):
    @property
    def entities(self) -> Mapping[str, Any]: ...


class MissingParticipants:
    """Collect why participants have no run, while their files are searched.

    Parameters
    ----------
    root
        A derivatives folder.
    labels
        Participants who are asked for; everybody where there are none.
    database
        Whether files are looked for in a database, which may be older than the folders.
    """

    def __init__(self, root: Path, labels: Sequence[str], *, database: bool = False) -> None:
        self._root = root
        self._none = "none in the database" if database else "no preprocessed run"
        self._labels = frozenset(labels)
        self.unreadable: dict[str, str] = {}

    def reasons(
        self, files: Iterable[_File], found: Iterable[_File], filters: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return why the participants without a run have none, by their labels.

        Parameters
        ----------
        files
            All files that may matter.
        found
            The runs of the request.
        filters
            What their entities had to be.
        """
        known = {str(f.entities["subject"]) for f in found}
        images: dict[str, list[Mapping[str, Any]]] = {}
        for file in files:
            if file.entities.get("suffix") == "bold" and "space" in file.entities:
                images.setdefault(str(file.entities["subject"]), []).append(file.entities)
        reasons = {}
        for folder in self._folders():
            label = folder.name.removeprefix("sub-")
            if label not in known and (not self._labels or label in self._labels):
                try:
                    why = self._why(folder, images.get(label, []), filters)
                except OSError as error:
                    why = f"cannot be read: {error.strerror}"
                reasons[label] = self.unreadable.get(label, why)
        return reasons

    def _why(
        self, folder: Path, images: Sequence[Mapping[str, Any]], filters: Mapping[str, Any]
    ) -> str:
        if not folder.is_dir():
            return "a broken link; fetch or mount what it points to"
        if not any(folder.iterdir()):
            return f"empty folder; run datalad get -n {folder.name}"
        if not images:
            functional = (folder / "func").is_dir() or any(folder.glob("ses-*/func"))
            return self._none if functional else "no func folder"
        others = []
        for name in (*filters, "space"):
            wanted = {name: filters[name]} if name in filters else {}
            values = sorted(_values(images, name))
            fits = any(matches(image, wanted) for image in images)
            if name == "space" and not wanted:
                fits = any(value.startswith("MNI") for value in values)
            if not fits:
                others.append(f"only {name} {', '.join(values)}")
        if not others:
            for name, usual in _USUAL.items():
                if name not in filters and usual.isdisjoint(_values(images, name)):
                    others.append(f"only {name} {', '.join(sorted(_values(images, name)))}")
        return "; ".join(dict.fromkeys(others)) or "no run that matches"

    def _folders(self) -> list[Path]:
        with os.scandir(self._root) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                # a broken link may be a participant, sub-01.html is none
                if entry.name.startswith("sub-") and (entry.is_dir() or _dangles(entry))
            )


def missing_summary(reasons: Mapping[str, str]) -> str | None:
    """Return one line about the participants of `reasons`, None where there are none."""
    if not reasons:
        return None
    listed = [f"{label} ({why})" for label, why in list(reasons.items())[:_LISTED]]
    more = f" and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    participants = "1 participant has" if len(reasons) == 1 else f"{len(reasons)} participants have"
    return f"{participants} no requested run: {', '.join(listed)}{more}"


def _values(images: Sequence[Mapping[str, Any]], name: str) -> set[str]:
    return {str(image.get(name, "none")) for image in images}


def _dangles(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not Path(entry.path).exists() and "." not in entry.name
