"""Plan the tests of specificity, and compute the keys of their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids.bids.write import write_image
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.planning.plan import SpecificityPlan
from fcnm_bids.planning.specificity import plan_specificity
from tests.workflows.plans import stored_run

GRID = Grid((4, 3, 2), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI152NLin6Asym")
ENTITIES = {"space": "MNI152NLin6Asym", "task": "rest"}
FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace
A\ta\tup\t6\t6\t6\tMNI152
A\tb\tdown\t9\t6\t6\tMNI152
B\tc\tup\t6\t9\t9\tMNI152
B\td\tdown\t6\t9\t9\tMNI152
"""


class Request:
    """A request on a folder without grey matter, unless it is made."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "fmriprep"
        self.root.mkdir()
        (folder / "foci.tsv").write_text(FOCI)
        monkeypatch.setenv("TEMPLATEFLOW_HOME", str(folder / "nothing"))
        self.config = Config(str(self.root), str(folder / "out"), "group").update(
            {"seeds": {"coordinates": str(folder / "foci.tsv")}}
        )

    def grey(self, *labels: str) -> None:
        for label in labels:
            name = f"sub-{label}_space-MNI152NLin6Asym_label-GM_probseg.nii.gz"
            write_image(self.root / f"sub-{label}" / "anat" / name, np.ones(24), GRID, {})

    def plan(self, labels: tuple[str, ...] = ("01", "02"), **sections: Any) -> SpecificityPlan:
        config = self.config.update(sections)
        participants = [(label, [stored_run(label)]) for label in labels]
        model = {"design": None, "mask": None}
        contrasts = read_contrasts(config.seeds)
        return plan_specificity(config, self.root, participants, contrasts, model, GRID, ENTITIES)


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    return Request(tmp_path, monkeypatch)


def test_without_grey_matter_the_degree_is_taken_everywhere_and_foci_are_refused(
    request_: Request, tmp_path: Path
) -> None:
    plan = request_.plan()
    assert (plan.nulls, plan.grey_files) == ((), ())
    assert plan.notes == (
        "degree: there is no grey matter image; strengths are computed over all analysis voxels",
    )
    with pytest.raises(
        RequestError, match=r"nulls draw their foci in grey matter.*--base-rate FILE"
    ):
        request_.plan(specificity={"specificity": ("random",)})
    write_image(tmp_path / "rate.nii.gz", np.arange(24.0), GRID, {})
    rate = {"specificity": ("random",), "base_rate": str(tmp_path / "rate.nii.gz")}
    assert request_.plan(specificity=rate).focus_nulls == ("random",)
    write_image(tmp_path / "rate.nii.gz", np.r_[np.inf, np.ones(23)], GRID, {})
    with pytest.raises(RequestError, match="rates have to be finite"):
        request_.plan(specificity=rate)


def test_grey_matter_is_everybodys(request_: Request) -> None:
    request_.grey("01", "02")
    plan = request_.plan(specificity={"specificity": ("all",)})
    assert set(plan.nulls) == {"random", "strength", "labels", "split"}
    assert [path.parent.parent.name for path in plan.grey_files] == ["sub-01", "sub-02"]
    assert plan.notes == ()


def changed(request_: Request, **sections: Any) -> tuple[bool, bool, bool]:
    """Which of the keys of all, of the draws and of the degree differ from those of defaults."""
    asked = {"specificity": ("random", "labels")}
    before = request_.plan(specificity=asked)
    sections["specificity"] = {**asked, **sections.get("specificity", {})}
    labels = sections.pop("labels", ("01", "02"))
    after = request_.plan(labels, **sections)
    pairs = ((before.key, after.key), (before.draws_key, after.draws_key),
             (before.strength_key, after.strength_key))  # fmt: skip
    return tuple(one != other for one, other in pairs)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        ({}, (False, False, False)),
        ({"resources": {"nprocs": 7}}, (False, False, False)),
        ({"labels": ("01",)}, (True, True, True)),
        ({"group": {"random_seed": 3}}, (True, True, True)),
        ({"group": {"alpha": 0.01}}, (True, True, False)),
        ({"seeds": {"radius": 9.0}}, (True, True, False)),
        ({"specificity": {"keep_hemisphere": True}}, (True, True, False)),
        ({"specificity": {"label_test": "down:up"}}, (True, False, False)),
        ({"specificity": {"specificity": ("random",)}}, (True, False, False)),
    ],
)
def test_keys_change_with_what_their_results_depend_on(
    request_: Request, sections: dict[str, Any], keys: tuple[bool, bool, bool]
) -> None:
    request_.grey("01", "02")
    assert changed(request_, **sections) == keys


def test_foci_of_the_table_are_in_the_keys(request_: Request) -> None:
    request_.grey("01", "02")
    before = request_.plan(specificity={"specificity": ("random",)})
    table = Path(str(request_.config.seeds.coordinates))
    table.write_text(FOCI.replace("\t9\t9\t", "\t9\t12\t"))
    after = request_.plan(specificity={"specificity": ("random",)})
    assert after.draws_key != before.draws_key
    assert after.strength_key == before.strength_key
