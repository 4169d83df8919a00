"""Options of the group level are not dropped without a word at participant level."""

from __future__ import annotations

import pytest

from fcnm_bids.cli.parser import parse
from fcnm_bids.planning.group_options import given_too_early


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
    said = given_too_early(request.config, request.explicit)
    assert said is not None
    assert f"not used here: {named} give them to `group`" in said


@pytest.mark.parametrize(
    ("level", "options"),
    [("participant", []), ("participant", ["--radius", "5"]), ("group", ["--alpha", "0.01"])],
)
def test_what_a_level_uses_is_no_reason_for_a_warning(level: str, options: list[str]) -> None:
    request = parse(["bids", "out", level, *options])
    assert given_too_early(request.config, request.explicit) is None
