"""Files of specifications, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.multiverse import Specification, read_specifications
from tests.docs.pages import PAGES, programs


def request(path: Path | str = "default") -> Config:
    return Config("in", "out", "group").update({"group": {"multiverse": str(path)}})


def read(folder: Path, text: str) -> tuple[Specification, ...]:
    (folder / "choices.toml").write_text(text)
    return read_specifications(request(folder / "choices.toml"))


def test_the_default_has_48_specifications_with_the_request_first() -> None:
    found = read_specifications(request())
    assert len(found) == 48
    assert [own.name for own in found[:3]] == ["primary", "2", "3"]
    assert found[0].request(request()) == request()
    strategies = {own.settings["nuisance_regressors"] for own in found}
    assert strategies == {"27P", "26P", "acompcor"}
    assert len({str(own.settings) for own in found}) == 48


def test_the_files_of_the_documentation_are_read(tmp_path: Path) -> None:
    counts = []
    for page in PAGES:
        for block in programs(page, "toml"):
            counts.append(len(read(tmp_path, block.text)))
    assert counts == [7]  # 3 x 2, of which one is the request, and one map a study


def test_a_request_outside_of_the_list_is_one_more() -> None:
    other = request().update({"seeds": {"radius": 5.0}})
    found = read_specifications(other)
    assert len(found) == 49
    assert found[0].settings["radius"] == 5.0


def test_named_specifications_change_what_they_name(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"confounds": ["csf"]}')
    text = '[named."a b"]\nradius = 6\n[named.c]\nnuisance_regressors = "mine.json"\n'
    _, first, second = read(tmp_path, text)
    assert (first.name, first.settings["radius"]) == ("a b", 6.0)
    assert first.changed(read(tmp_path, text)[0], "seeds") == "radius 6.0"
    assert first.request(request()).seeds.radius == 6.0
    assert second.settings["nuisance_regressors"] == str(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[combinations", "not valid TOML"),
        ("radius = 4", "only [combinations] with lists and [named.NAME] with values are allowed"),
        ("[combinations]\nradius = 4", "[combinations] radius: put the value in brackets"),
        ("[combinations]\nalpha = [0.1]", "alpha cannot be varied; choose from radius"),
        ('[combinations]\nradius = ["wide"]', "radius = 'wide': float was expected"),
        ('[named.a]\nheight_control = "fwer"', "height control 'fwer': choose one of"),
        ('[named.a]\nnuisance_regressors = "99P"', "neither a strategy"),
        ("[named.a]\nradius = -1", "--radius -1: not above 0"),
        ("[combinations]\nradius = [4.0]", "lists only the request itself"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as refused:
        read(tmp_path, text)
    assert any(problem in line for line in refused.value.problems)
    assert all("--multiverse" in line for line in refused.value.problems)
