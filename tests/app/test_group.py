"""What progress at group level is told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fcnm_bids.app.group import group_progress


class _Workflow:
    name = "wf"

    def list_node_names(self) -> list[str]:
        draws = ["draws_observed_000000", "draws_random_000000", "draws_strength_000020"]
        return ["seeds", "contrast_0000_a", *draws, "network_up", "report"]

    def get_node(self, name: str) -> Any:
        return SimpleNamespace(inputs=SimpleNamespace(n_draws=20))


def test_draws_and_the_report_count_and_the_observed_foci_are_no_draw() -> None:
    totals = {stage.verb: stage.total for stage in group_progress(_Workflow()) if stage.total}
    assert totals == {
        "contrasts tested": 1,
        "networks mapped": 1,
        "draws made": 40,
        "report drawn": 1,
    }
    (draws,) = (s for s in group_progress(_Workflow()) if s.verb == "draws made")
    assert set(draws.weights) == {"wf.draws_random_000000", "wf.draws_strength_000020"}


def test_draws_that_time_ended_are_not_called_made() -> None:
    verbs = [stage.verb for stage in group_progress(_Workflow(), timed=True)]
    assert "draws made or out of time" in verbs
    assert "draws made" not in verbs
