"""The group report has the figures of all networks and, where asked for, of all contrasts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.report.figures import group
from fcnm_bids.report.figures.group import draw_effect_figures, draw_group_figures
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs


def own_figures(drawn: set[Path]) -> Callable[[NetworkOutputs, object], list[Path]]:
    """Name the figures of a network among some that are drawn."""
    return lambda network, _: [p for p in drawn if p.name.startswith(f"network-{network.label}_")]


def test_contrasts_are_drawn_once_and_only_where_asked_for(
    redrawn: tuple[Path, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, every = redrawn
    outputs = GroupOutputs(root)
    assert len(set(every)) == len(every)
    assert all(path.is_file() for path in every)
    overviews = {path for path in every if "_desc-contrasts_" in path.name}
    contrasts = {path for path in every if path.name.startswith("seed-")} | overviews
    assert len(overviews) == len(outputs.networks)
    assert len(contrasts - overviews) == len(outputs.contrasts)
    networks = [path for path in every if path.name.startswith("network-")]
    monkeypatch.setattr(group, "draw_network", own_figures(set(networks) - overviews))
    assert set(draw_group_figures(root, contrasts=False)) == set(every) - contrasts


def test_the_figures_of_an_effect_are_its_own(results: Path) -> None:
    network = GroupOutputs(results).networks[0]
    drawn = draw_effect_figures(results, network.effect)
    own = [path for path in drawn if "network-" in path.name]
    assert own
    assert all(path.name.startswith(f"network-{network.label}_") for path in own)
