"""The participant level: what it refuses, and what there is left to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fcnm_bids.app.participant import run_participants
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participant_level

Make = Callable[..., Config]
ONLY = {"connectome_only": True}


def test_a_dry_run_writes_nothing(request_for: Make, tmp_path: Path) -> None:
    config = request_for(connectome=ONLY, running={"dry_run": True})
    assert run_participants(config)
    assert not (tmp_path / "out").exists()


def test_a_store_of_other_settings_is_not_written_over(request_for: Make, store: Path) -> None:
    config = request_for(connectome=ONLY, denoising={"smoothing": 4.0})
    with pytest.raises(RequestError, match="projected with other settings"):
        run_participants(config)


@pytest.mark.parametrize("stored", [True, False])
def test_when_all_is_done_nothing_is_made_unless_no_run_was_stored(
    request_for: Make,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: pytest.LogCaptureFixture,
    stored: bool,
) -> None:
    config = request_for(connectome=ONLY, running={"reports": "none"})
    plan = plan_participant_level(config)
    done = replace(plan, participants=tuple(replace(one, done=True) for one in plan.participants))
    monkeypatch.setattr("fcnm_bids.app.participant.plan_participant_level", lambda _: done)
    if stored:
        assert run_participants(config)
        assert said.messages[-1] == "everything is there already; nothing to do"
        return
    for path in store.rglob("*.h5"):
        path.unlink()
    with pytest.raises(RequestError, match="all turned out to be damaged when they were read"):
        run_participants(config)
