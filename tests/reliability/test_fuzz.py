"""Files that were damaged at random: a reader gives what is there, or an error of our own."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnm_bids.bids.read import read_json
from fcnm_bids.connectome import (
    Projected,
    ProjectedRun,
    RunImage,
    VolumeStream,
    check_complete,
    open_image,
    open_run,
    read_volume,
    write_run,
)
from fcnm_bids.denoise import (
    complete_confounds,
    keep_volumes,
    load_strategy,
    nuisance_columns,
    read_confounds,
)
from fcnm_bids.errors import FcnmError, RequestError, RunError, SeedError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.atlas import check_atlas
from fcnm_bids.inputs.participants_table import read_participants
from fcnm_bids.inputs.scores import read_scores
from fcnm_bids.seeds import read_foci
from fcnm_bids.stats import design_of
from tests.kept_rows import Projection

pytestmark = pytest.mark.faults

GRID = Grid((6, 5, 4), np.diag([2.0, 2, 2, 1]), "MNI152NLin6Asym")
N = 12

CASES = [
    150,
    pytest.param(int(os.environ.get("FCNM_FUZZ_CASES", "2500")), marks=pytest.mark.slow),
]
"""Files for each reader; ``FCNM_FUZZ_CASES=10000`` : so many."""


STRANGE = (b"\t", b"\n", b"\r", b'"', b"nan", b"1e999", b"-", b"\x00", b"\xff", b"1_0", b"9" * 20)


def damaged(random: Random, originals: list[bytes]) -> bytes:
    """A file of which some places were overwritten, lost, doubled or filled with something else."""
    if random.random() < 0.2:
        return random.randbytes(random.randint(0, 400))
    content = bytearray(random.choice(originals))
    for _ in range(random.randint(1, 5)):
        start = random.randint(0, len(content))
        stop = min(len(content), start + random.choice((0, 1, 2, 4, 8, 100)))
        letters = (chr(random.randrange(0x110000)) for _ in range(random.randint(0, 6)))
        content[start:stop] = random.choice(
            (
                random.randbytes(random.randint(0, 8)),
                random.choice(STRANGE),
                bytes(content[start:stop] * 2),
                "".join(letters).encode("utf-8", "surrogatepass"),
            )
        )
    if random.random() < 0.3:
        del content[random.randint(0, len(content)) :]
    return bytes(content)


def try_out(
    cases: int,
    originals: list[bytes],
    path: Path,
    read: Callable[[Path], object],
    own: type[Exception],
) -> None:
    """Read many damaged versions of files; only one kind of error may come out."""
    refused = 0
    for original in originals:
        path.write_bytes(original)
        read(path)

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # of a number alone, whose shrinking costs nothing: 10,000 files take minutes, not hours
    @given(st.integers(0, 2**64 - 1))
    def attempt(seed: int) -> None:
        nonlocal refused
        path.write_bytes(damaged(Random(seed), originals))
        try:
            read(path)
        except own:
            refused += 1

    attempt()
    assert refused


TABLE = """study\tcontrast\teffect\tx\ty\tz\tspace\tn
Smith 2019\tafter > before\tincrease\t-32\t50\t20\tMNI152\t18
Jones 2021\tdrüg > placebo\tincrease\t4\t-50.5\t28\tTAL\tn/a
"""
SLEUTH = """// Reference = MNI
// Smith 2019: after > before
// Subjects = 18
-32\t50\t20
12\t21\t3

// Jones 2021: drug > placebo
// Subjects = 25
4\t-50\t28
"""
NIMADS = json.dumps(
    {
        "id": "x",
        "studies": [
            {
                "id": "a",
                "name": "Smith 2019",
                "metadata": {"sample_size": 18},
                "analyses": [
                    {
                        "id": "b",
                        "name": "after > before",
                        "points": [{"coordinates": [-32, 50, 20], "space": "MNI"}],
                    }
                ],
            }
        ],
    }
)


def workbook() -> bytes:
    content = io.BytesIO()
    pd.read_csv(io.StringIO(TABLE), sep="\t").to_excel(content, index=False)
    return content.getvalue()


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("foci.tsv", TABLE),
        ("foci.csv", TABLE.replace("\t", ",")),
        ("foci.txt", SLEUTH),
        ("foci.json", NIMADS),
    ],
)
def test_coordinates(tmp_path: Path, name: str, content: str, cases: int) -> None:
    path = tmp_path / name
    try_out(cases, [content.encode()], path, coordinates, SeedError)


def coordinates(path: Path) -> None:
    foci = read_foci(path, effect="up")
    assert np.isfinite([(focus.x, focus.y, focus.z) for focus in foci]).all()


@pytest.mark.parametrize("cases", CASES)
def test_coordinates_in_workbooks(tmp_path: Path, cases: int) -> None:
    try_out(cases, [workbook()], tmp_path / "foci.xlsx", coordinates, SeedError)


PARTICIPANTS = """participant_id\tage\tsite
sub-01\t31\tessen
sub-02\t44\t"bochum, west"
sub-03\t5e1\tessen
sub-04\t29.5\t"bochum, west"
"""


def covariates(path: Path) -> None:
    found = read_participants(path)
    if found.table.empty:  # nobody of a group is in it, which is named before
        return
    named = [name for name in found.table.columns if name != "participant_id"]
    cells = {name: list(found.table[name]) for name in named}
    design = design_of(cells, list(found.table.index), found.categorical)
    assert np.isfinite(design.columns).all()


@pytest.mark.parametrize("cases", CASES)
def test_participants(tmp_path: Path, cases: int) -> None:
    originals = [PARTICIPANTS.encode(), PARTICIPANTS.encode("utf-16")]
    try_out(cases, originals, tmp_path / "participants.tsv", covariates, RequestError)


@pytest.mark.parametrize("cases", CASES)
def test_scores(tmp_path: Path, cases: int) -> None:
    table = "mask\tpain\tgroup\nA\t1.5\tcase\nB\t-2\tcontrol\nC\tn/a\tcase\n"
    read = lambda path: read_scores(path, ["A", "B", "C"])  # noqa: E731
    try_out(cases, [table.encode()], tmp_path / "scores.tsv", read, RequestError)


@pytest.mark.parametrize("cases", CASES)
def test_atlas_tables(tmp_path: Path, cases: int) -> None:
    image = tmp_path / f"atlas-Mine_space-{GRID.space}_dseg.nii"
    labels = np.arange(GRID.n_voxels, dtype=np.int16).reshape(GRID.shape) % 2
    image.write_bytes(nib.Nifti1Image(labels, GRID.affine).to_bytes())
    table = b"index\tname\tnetwork\n1\tleft\tVis\n2\tNA\tn/a\n"
    read = lambda path: check_atlas([str(image)], GRID)  # noqa: E731
    try_out(cases, [table], image.with_suffix(".tsv"), read, RequestError)


SIDECAR = json.dumps(
    {"RepetitionTime": 2.0, "SliceTiming": [0, 1e-3], "x": {"y": None, "z": "\u00fc"}},
    ensure_ascii=False,
).encode()


@pytest.mark.parametrize("cases", CASES)
def test_sidecars(tmp_path: Path, cases: int) -> None:
    try_out(cases, [SIDECAR], tmp_path / "bold.json", read_json, RequestError)


def confounds() -> bytes:
    rng = np.random.default_rng(1)
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    names += ["csf", "white_matter", "global_signal", "framewise_displacement"]
    table = pd.DataFrame(rng.normal(size=(N, len(names))).round(3), columns=names)
    table["csf_derivative1"] = table["csf"].diff()
    table["non_steady_state_outlier00"] = [1, *[0] * (N - 1)]
    return table.to_csv(sep="\t", index=False, na_rep="n/a").encode()


def nuisance(path: Path) -> None:
    table = complete_confounds(read_confounds(path))
    keep_volumes(table, dummy_scans="auto", fd_threshold=0.5)
    names = load_strategy("27P").columns(table.names, {})
    assert np.isfinite(nuisance_columns(table, names)).all()


@pytest.mark.parametrize("cases", CASES)
def test_confounds(tmp_path: Path, cases: int) -> None:
    try_out(cases, [confounds()], tmp_path / "confounds.tsv", nuisance, RunError)


WITHOUT_CHECK_SUM: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "foci.tsv": (TABLE.encode(), coordinates),
    "foci.txt": (SLEUTH.encode(), coordinates),
    "foci.json": (NIMADS.encode(), coordinates),
    "participants.tsv": (PARTICIPANTS.encode(), covariates),
    "bold.json": (SIDECAR, read_json),
    "confounds.tsv": (confounds(), nuisance),
}


@pytest.mark.parametrize("name", WITHOUT_CHECK_SUM)
def test_a_flipped_bit_in_a_text_is_read_or_refused(tmp_path: Path, name: str) -> None:
    path, (content, read) = tmp_path / name, WITHOUT_CHECK_SUM[name]
    for place in np.random.default_rng(13).choice(8 * len(content), 300, replace=False):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with suppress(FcnmError):
            read(path)


def image(shape: tuple[int, ...], kind: type[nib.Nifti1Image] = nib.Nifti1Image) -> bytes:
    values = np.random.default_rng(1).integers(0, 1000, shape).astype(np.int16)
    return bytes(kind(values, GRID.affine).to_bytes())


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_runs(tmp_path: Path, suffix: str, cases: int) -> None:
    originals = [image((*GRID.shape, N)), image((*GRID.shape, N), nib.Nifti2Image)]
    if suffix == ".nii.gz":
        # damaged before they are compressed, and after it
        originals += [gzip.compress(content, 1, mtime=0) for content in originals]

    def read(path: Path) -> None:
        opened = open_image(path, GRID.space)
        check_complete(opened)
        if opened.volume_bytes * opened.n_volumes < 10**7:
            assert sum(len(rows) for _, rows in VolumeStream(opened, 4)) == opened.n_volumes

    def packed(path: Path) -> None:
        if suffix == ".nii.gz" and not path.read_bytes().startswith(b"\x1f\x8b"):
            path.write_bytes(gzip.compress(path.read_bytes(), 1))
        read(path)

    try_out(cases, originals, tmp_path / f"bold{suffix}", packed, RunError)


@pytest.mark.parametrize("cases", CASES)
def test_masks(tmp_path: Path, cases: int) -> None:
    originals = [image(GRID.shape), image((*GRID.shape, 1))]
    read = lambda path: read_volume(path, GRID)  # noqa: E731
    try_out(cases, originals, tmp_path / "mask.nii", read, RunError)


def stored(path: Path) -> bytes:
    rng = np.random.default_rng(1)
    m, n_voxels = 5, 40
    run = ProjectedRun(rng.normal(size=(m, n_voxels)).astype(np.float32), np.arange(n_voxels), GRID)
    carpet = np.zeros((N, 3), dtype=np.float32)
    projection = Projection(np.linalg.qr(rng.normal(size=(N, N)))[0][:m], np.ones(N, bool), ())
    opened = RunImage(path, GRID, N, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
    write_run(
        path,
        Projected(run, n_voxels, carpet, np.arange(3), "ab"),
        projection.stored,
        opened,
        key="0123",
        attributes={"source": "sub-01/func/x.nii.gz"},
    )
    return path.read_bytes()


@pytest.mark.parametrize("cases", CASES)
def test_stored_runs(tmp_path: Path, cases: int) -> None:
    whole = stored(tmp_path / "run.h5")
    expected = open_run(tmp_path / "run.h5").load().columns(slice(None))

    def read(path: Path) -> None:
        run = open_run(path)
        run.verify()
        # what passes for undamaged is what was written
        np.testing.assert_array_equal(run.load().columns(slice(None)), expected)

    try_out(cases, [whole], tmp_path / "damaged.h5", read, StoreError)
