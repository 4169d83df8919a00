"""What is said of a plan: where foci come from, and what of the request does nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.app.plan_log import log_participant_plan
from fcnm_bids.config import Config
from fcnm_bids.planning.participant import plan_participant_level

Make = Callable[..., Config]

TABLE = """\
study	contrast	effect	x	y	z	space	{n}
A	a	up	10	10	10	MNI152	12
A	a	up	10	20	10	MNI152	12
B	b	up	10	20	10	TAL	9
"""


def told(make: Make, path: Path, table: str, **seeds: object) -> None:
    path.write_text(table)
    config = make(seeds={"coordinates": str(path), **seeds})
    log_participant_plan(plan_participant_level(config), config)


def test_spaces_of_foci_are_counted(
    request_for: Make, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    told(request_for, tmp_path / "foci.tsv", TABLE.format(n="n"), talairach="brett", radius=8.0)
    assert "2 contrasts with 3 foci (2 MNI152, 1 moved from TAL with brett): 2 up" in said.text
    assert "warning" not in said.text.lower()


def test_what_is_not_read_of_table_and_request_is_told(
    request_for: Make, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    told(request_for, tmp_path / "foci.tsv", TABLE.format(n="N_subjects"), effect="down")
    assert "--effect down is not used: the table has a column effect; leave it out" in said.messages
    assert "the column N_subjects is not read; rename it if you mean n" in said.messages
