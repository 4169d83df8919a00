"""Nodes of the nulls: blocks of draws, and what every assessment receives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import NULLS
from fcnm_bids.planning.plan import SpecificityPlan
from tests.workflows.plans import built, links, nodes


def plan(*nulls: str) -> dict[str, Any]:
    keys = ("k" * 64, "d" * 64, "s" * 64)
    return {"specificity": SpecificityPlan(nulls, (Path("/grey.nii.gz"),), *keys, ())}


def test_without_nulls_the_degree_alone_is_assessed(tmp_path: Path) -> None:
    workflow = built(tmp_path, plan())
    assert not {"nulls", "labels"} & set(nodes(workflow))
    assert not [name for name in nodes(workflow) if name.startswith("draws_")]
    for label in ("up", "down"):
        assert links(workflow, f"specificity_{label}") == {
            ("strength", "strength_file", "strength_file"),
            ("seeds", "seeds_file", "seeds_file"),
            (f"network_{label}", "effect_file", "effect_file"),
            (f"gather_specificity_of_{label}", "out", "mapped_files"),
            (f"robustness_{label}", "halves", "halves"),
        }
    assert nodes(workflow)["strength"].inputs.grey_files == ["/grey.nii.gz"]


def test_blocks_of_all_nulls_come_in_turn_and_hold_every_draw(tmp_path: Path) -> None:
    n = 2 * NULLS.draws_per_block + 1
    workflow = built(tmp_path, plan("random", "strength"), group={"n_permutations": n})
    drawing = {k: v for k, v in nodes(workflow).items() if k.startswith("draws_")}
    size = NULLS.draws_per_block
    assert list(drawing) == [
        "draws_observed_000000",
        *(
            f"draws_{null}_{first:06d}"
            for first in (0, size, 2 * size)
            for null in ("random", "strength")
        ),
    ]
    for null in ("random", "strength"):
        numbers = [
            number
            for node in drawing.values()
            if node.inputs.null == null
            for number in range(node.inputs.first, node.inputs.first + node.inputs.n_draws)
        ]
        assert numbers == list(range(n))
    files = [node.inputs.block_file for node in drawing.values()]
    assert len(set(files)) == len(files)
    assert {Path(path).parent for path in files} == {tmp_path / "work" / "nulls" / ("d" * 16)}
    blocks = nodes(workflow)["specificity_up"].inputs.blocks
    assert sorted(path for own in blocks.values() for path, _ in own) == sorted(files)
    assert {null: sum(m for _, m in own) for null, own in blocks.items()} == {
        "observed": 1,
        "random": n,
        "strength": n,
    }
    assert {source for source, *_ in links(workflow, "gather_draws")} == set(drawing)
    assert ("gather_draws", "out", "after") in links(workflow, "specificity_down")


def test_draws_share_places_and_contrasts_of_all_effects(tmp_path: Path) -> None:
    workflow = built(tmp_path, plan("random"))
    assert links(workflow, "gather_nulls") == {
        (f"contrast_{number:04d}_{name}", "mapped_file", f"in{number + 1}")
        for number, name in enumerate("abc")
    }
    assert ("strength", "strength_file", "strength_file") in links(workflow, "nulls")
    assert links(workflow, "draws_random_000000") == {
        ("nulls", "nulls_file", "nulls_file"),
        ("nulls", "deadline", "deadline"),
        ("seeds", "seeds_file", "seeds_file"),
    }


@pytest.mark.parametrize("null", ["labels", "split"])
def test_labels_are_exchanged_once_for_all_networks(tmp_path: Path, null: str) -> None:
    workflow = built(tmp_path, plan(null))
    assert ("contrast_0000_a", "mapped_file", "index_file") in links(workflow, "labels")
    for label in ("up", "down"):
        assert ("labels", "rows_file", "rows_file") in links(workflow, f"specificity_{label}")
    assert ("labels", "out_files") in {(s, o) for s, o, _ in links(workflow, "gather")}
