"""Entries of the registry of nulls hold what reports, sidecars and the command line ask of them."""

from __future__ import annotations

from typing import get_args

import pytest

from fcnm_bids.config import Config, NullName
from fcnm_bids.inputs.rules import null_options
from fcnm_bids.specificity import ALL_NULLS, FOCUS_NULLS

OPTIONS = null_options(Config("in", "out", "group"))


def test_the_command_line_offers_the_registered_nulls_in_their_order() -> None:
    assert get_args(NullName) == ("all", *ALL_NULLS)


@pytest.mark.parametrize("name", FOCUS_NULLS)
def test_an_entry_speaks_of_its_draws(name: str) -> None:
    null = FOCUS_NULLS[name]
    about = null.describe(OPTIONS)
    assert null.name == name
    assert null.named(about).startswith("foci ")
    assert null.expected(OPTIONS).startswith("foci ")
    assert null.methods(about, None) != null.methods(about, "rate.nii.gz")
    assert null.title
