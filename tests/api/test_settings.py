"""Options by name become sections of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.api.settings import by_section, checked
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError


def test_each_option_goes_to_its_section_in_its_type() -> None:
    sections = by_section(
        {"radius": 6, "height_control": "fdr", "participant_label": ["01", "02"], "radii": 4}
    )
    assert sections == {
        "seeds": {"radius": 6.0},
        "group": {"height_control": "fdr", "radii": (4,)},
        "selection": {"participant_label": ("01", "02")},
    }
    assert type(sections["seeds"]["radius"]) is float
    assert by_section({"covariates": "age"}) == {"group": {"covariates": ("age",)}}
    assert by_section({}) == {}


def test_files_are_named_absolutely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "peaks.tsv").touch()
    monkeypatch.chdir(tmp_path)
    sections = by_section({"coordinates": "peaks.tsv", "masks": Path("peaks.tsv")})
    file = str(tmp_path / "peaks.tsv")
    assert sections == {"seeds": {"coordinates": file, "masks": (file,)}}
    assert by_section({"analysis_mask": "gm"}) == {"group": {"analysis_mask": "gm"}}


@pytest.mark.parametrize(
    ("name", "hint"), [("hight_control", r"; did you mean 'height_control'\?"), ("zzzzz", "$")]
)
def test_an_option_that_does_not_exist_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=f"there is no option '{name}'{hint}"):
        by_section({name: 1})


def test_every_value_that_cannot_be_used_has_its_line() -> None:
    config = Config("in", "out", "group")
    assert checked(config) is config
    with pytest.raises(RequestError) as caught:
        checked(config.update({"group": {"alpha": 2.0, "tail": "both"}}))
    assert [line.split()[0] for line in caught.value.problems] == ["--alpha", "--tail"]
