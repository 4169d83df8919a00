"""Stored runs of other settings are not replaced by accident."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.store_settings import refuse_other_store_settings

Make = Callable[..., Config]


def test_runs_of_a_shared_store_are_not_replaced_by_those_of_other_settings(
    request_for: Make, store: Path
) -> None:
    same = request_for()
    refuse_other_store_settings(plan_participant_level(same), same)
    other = request_for(denoising={"smoothing": 4.0, "nuisance_regressors": "24P"})
    with pytest.raises(RequestError) as refused:
        refuse_other_store_settings(plan_participant_level(other), other)
    first, smoothing = refused.value.problems
    assert str(store) in first
    assert "--overwrite" in first
    assert "--smoothing 4.0 now, 6.0 before (6 runs)" in smoothing
    overwriting = other.update({"running": {"overwrite": True}})
    refuse_other_store_settings(plan_participant_level(overwriting), overwriting)
