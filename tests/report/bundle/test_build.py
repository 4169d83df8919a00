"""A bundle holds what a paper needs, and nothing that should stay in the laboratory."""

from __future__ import annotations

import getpass
import re
import socket
from pathlib import Path
from zipfile import ZipFile

import nibabel as nib
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.report.bundle.build import write_bundle
from tests.report.bundle.made import PARTICIPANT, SCORE, with_record
from tests.report.explorer.made import make_results


def texts(folder: Path) -> dict[str, str]:
    """All that can be read in a folder: names of files, texts, and parts of workbooks."""
    found = {"names": "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))}
    for path in folder.rglob("*"):
        if path.suffix in (".csv", ".json", ".md", ".rtf", ".bib"):
            found[path.name] = path.read_text(encoding="utf-8")
        elif path.suffix == ".xlsx":
            with ZipFile(path) as parts:
                found[path.name] = "".join(parts.read(n).decode() for n in parts.namelist())
        elif path.suffix in (".pdf", ".tiff"):
            found[path.name] = path.read_bytes().decode("latin-1")
        elif path.suffix == ".gz":
            header = nib.load(path).header
            found[path.name] = " ".join(str(header[key]) for key in ("descrip", "intent_name"))
    return found


def test_nothing_private_is_inside(root: Path, bundle: Path) -> None:
    private = [PARTICIPANT, SCORE, str(root), root.parent.name, "secret", "someone"]
    if len(socket.gethostname()) > 4:
        private.append(socket.gethostname())
    private.append(f"/{getpass.getuser()}/")
    for name, text in texts(bundle).items():
        assert [word for word in private if word in text] == [], name
        if not name.endswith((".pdf", ".tiff", ".xlsx")):
            assert not re.search(r"(?:^|[\s\"'(])/(?:home|tmp|root|var|mnt|data)/", text), name


def test_seeds_from_masks_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lesions are often called after their patients."""
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3, names=("sub-017_lesion",))
    (root / "foci.tsv").unlink()
    with_record(root)
    monkeypatch.setattr("fcnm_bids.report.bundle.build.draw_figures", lambda *_: ([], []))
    write_bundle(root, tmp_path / "bundle")
    for name, text in texts(tmp_path / "bundle").items():
        assert "sub017" not in text, name
        assert "sub-017" not in text, name
    studies = (tmp_path / "bundle" / "tables" / "studies.csv").read_text(encoding="utf-8")
    assert "Seed 1" in studies


def test_a_bundle_replaces_nothing_but_a_bundle(root: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    for results, folder, problem in (
        (root, tmp_path / "notes", "is no bundle"),
        (root, root / "bundle", "lies in the output folder"),
        (tmp_path / "notes", tmp_path / "b", "no network"),
    ):
        with pytest.raises(RequestError, match=problem):
            write_bundle(results, folder)
    assert {path.name for path in tmp_path.rglob("*")} == {"notes", "mine.txt"}
