"""Finished outputs are compared with what was written."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.app.check import check_outputs
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.simulate import Truth


@pytest.fixture
def asked(request_for: Callable[..., Config], store: Path) -> Config:
    """A participant level whose outputs are a map and a table of two, and a whole store."""
    root = store.parent
    for label in ("01", "02"):
        folder = root / f"sub-{label}"
        folder.mkdir()
        (folder / "map.nii.gz").write_bytes(bytes(range(100)))
        (folder / "table.tsv").write_bytes(b"x\n1\n")
        (root / f"sub-{label}.html").write_text("page")
        files = [*folder.iterdir(), root / f"sub-{label}.html", *store.glob(f"sub-{label}/*/*.h5")]
        Manifest(folder, root).write(files, "key", {})
    return request_for()


def test_what_was_written_is_whole(asked: Config, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "fcnm_bids"):
        assert check_outputs(asked)
    assert "checked: manifests 2, faults 0" in caplog.text


@pytest.mark.parametrize(
    ("place", "at"),
    [("sub-01/map.nii.gz", 50), ("sub-02/table.tsv", 2), ("connectome/sub-02/func/*.h5", -900)],
)
def test_every_kind_of_output_is_read(
    asked: Config, caplog: pytest.LogCaptureFixture, place: str, at: int
) -> None:
    path = sorted(Path(asked.output_dir).glob(place))[0]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert not check_outputs(asked)
    [error] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert str(path) in error


def test_chosen_participants_are_checked(asked: Config) -> None:
    (Path(asked.output_dir) / "sub-02" / "table.tsv").write_text("x\n2\n")
    for label, whole in (("01", True), ("02", False)):
        chosen = {"selection": {"participant_label": (label,)}}
        assert check_outputs(asked.update(chosen)) is whole


def test_an_empty_folder_has_nothing_to_check(request_for: Callable[..., Config]) -> None:
    with pytest.raises(RequestError, match="no finished output of the group level"):
        check_outputs(request_for(level="group"))


def test_an_image_that_changed_behind_an_equal_size_and_time_is_found(
    simulated: Truth,
    request_for: Callable[..., Config],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = Path(shutil.copytree(simulated.fmriprep, tmp_path / "data"))
    packed = sorted(data.glob("sub-*/func/*_desc-preproc_bold.nii.gz"))[0]
    image = packed.with_suffix("")
    image.write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    label = image.name.split("_")[0].removeprefix("sub-")
    asked = request_for(data, selection={"participant_label": (label,)})

    def plan() -> list[bool]:
        [participant] = plan_participant_level(asked).participants
        for run in participant.runs:
            store_run(run.files, asked.denoising, tmp_path)
        return [run.stored for run in participant.runs]

    def rewrite() -> None:
        folder = Path(asked.output_dir) / f"sub-{label}"
        folder.mkdir(exist_ok=True)
        (folder / "table.tsv").write_text("x")
        Manifest(folder, folder.parent).write([folder / "table.tsv"], "key", {})

    assert not any(plan())
    rewrite()
    assert all(plan())
    assert check_outputs(asked)
    before, content = image.stat(), bytearray(image.read_bytes())
    content[-3] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert all(plan())
    assert not check_outputs(asked)
    [error] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert error.endswith(
        f"was made before the content of {image} changed; remove the stored run, or restore the "
        "image if it is damaged"
    )
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not all(plan())
    assert check_outputs(asked)
