"""Options of the group level are not dropped without a word at participant level."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.cli.parser import parse
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group_options import (
    log_other_space,
    sampled_effects,
    unused_group_options,
)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--covariates", "age", "--alpha", "0.01"], "--covariates, --alpha;"),
        (["--specificity"], "--specificity;"),
        (["--preset", "fcnm-fdr", "--tail", "two-sided"], "--preset, --tail;"),
    ],
)
def test_they_are_named(options: list[str], named: str) -> None:
    request = parse(["bids", "out", "participant", *options])
    said = unused_group_options(request.config, request.explicit)
    assert said is not None
    assert f"not used here: {named} give them to `group`" in said


@pytest.mark.parametrize(
    ("level", "options"),
    [("participant", []), ("participant", ["--radius", "5"]), ("group", ["--alpha", "0.01"])],
)
def test_what_a_level_uses_is_no_reason_for_a_warning(level: str, options: list[str]) -> None:
    request = parse(["bids", "out", level, *options])
    assert unused_group_options(request.config, request.explicit) is None


@pytest.mark.parametrize("name", ["sub-01_space-T1w_mask.nii.gz", "space-fsaverage_mask.nii.gz"])
def test_a_space_that_is_not_mni_s_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"^--base-rate .*its name states"):
        log_other_space("--base-rate", Path(name), "MNI152NLin6Asym")


def test_another_variant_of_mni_space_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    log_other_space("--base-rate", Path("space-MNI152NLin6Asym_x.nii"), "MNI152NLin6Asym")
    assert caplog.text == ""
    log_other_space("--base-rate", Path("space-MNI152NLin2009cAsym_x.nii"), "MNI152NLin6Asym")
    assert "used as it is" in caplog.text


def test_effects_with_enough_contrasts_are_taken_as_a_sample() -> None:
    config = parse(["bids", "out", "group", "--scores", "x.tsv", "--random-studies"]).config
    contrasts = [*((f"a{n}", "up") for n in range(4)), ("b1", "down"), ("b2", "down")]
    enough, notes = sampled_effects(config, contrasts, 5)
    assert (enough, len(notes)) == (("up",), 1)
    assert notes[0].startswith("--random-studies: down has 2 contrasts")
    _, (_, few) = sampled_effects(config, contrasts, 4)
    assert "up has 4 contrasts, and 4 participants do not outnumber them" in few
    with pytest.raises(RequestError, match="no effect has enough contrasts"):
        sampled_effects(config, contrasts[4:])
