"""The nodes of the group level and what passes between them."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.planning.plan import ExcludedRun, SpecificityPlan, Validation
from fcnm_bids.reruns.result_cache import (
    MAPPED,
    VARIANTS,
    cache_folder,
    cache_result,
    cached_file,
)
from fcnm_bids.resources.forecast import group_needs, node_kind
from fcnm_bids.stats import Design
from fcnm_bids.workflows.group import init_group_wf
from tests.workflows.plans import (
    CONTRASTS,
    built,
    configured,
    group_plan,
    links,
    nodes,
    stored_run,
)


def test_every_contrast_and_network_has_its_nodes(tmp_path: Path) -> None:
    workflow = built(tmp_path)
    for number, name in enumerate("abc"):
        own = f"{number:04d}_{name}"
        assert links(workflow, f"contrast_{own}") == {
            ("sums", "out", "moments_dirs"),
            ("seeds", "seeds_file", "seeds_file"),
        }
        assert links(workflow, f"variants_{own}") == {
            ("sums", "out", "moments_dirs"),
            ("seeds", "seeds_file", "seeds_file"),
            (f"contrast_{own}", "mapped_file", "mapped_file"),
        }
    assert links(workflow, "mapped_up") == {
        ("contrast_0000_a", "mapped_file", "in1"),
        ("contrast_0002_c", "mapped_file", "in2"),
    }
    assert ("mapped_up", "out", "mapped_files") in links(workflow, "network_up")
    assert ("effects", "out", "effect_files") in links(workflow, "compare")
    sums = nodes(workflow)["sums_0000"].inputs
    assert sums.numbers == [0, 1, 2]
    assert sums.covariates == [[0.0], [1.0], [2.0], [3.0]]
    assert sums.mask_files == ["/mask.nii.gz"]
    assert sums.slab == [0, 1]
    assert links(workflow, "sums") == {("sums_0000", "moments_dir", "in1")}


def test_every_node_that_promises_files_comes_before_the_manifest(tmp_path: Path) -> None:
    workflow = built(tmp_path)
    gathered = {source for source, *_ in links(workflow, "gather")}
    promising = {
        name
        for name, node in nodes(workflow).items()
        if "out_files" in node.outputs.copyable_trait_names() and name not in ("report", "manifest")
    }
    assert promising == gathered
    assert nx.is_directed_acyclic_graph(workflow._graph)
    last = [node.name for node in nx.topological_sort(workflow._graph)][-1]
    assert last == "manifest"
    manifest = nodes(workflow)["manifest"].inputs
    assert (manifest.key, manifest.folder) == ("g" * 64, str(tmp_path / "out" / "group"))


def test_every_node_declares_its_memory(tmp_path: Path) -> None:
    for name, node in nodes(built(tmp_path)).items():
        if not node.run_without_submitting:
            assert 0 < node.mem_gb < 10, name
            assert 1 <= node.n_procs <= 2, name


def test_a_contrast_that_is_cached_is_not_mapped_again(tmp_path: Path) -> None:
    config, _ = configured(tmp_path)
    folder = cache_folder(config, "b" * 64)
    folder.mkdir(parents=True)
    for path in (cached_file(folder, MAPPED), cached_file(folder, VARIANTS)):
        path.touch()
    cache_result(folder, MAPPED)
    cache_result(folder, VARIANTS)
    workflow = built(tmp_path)
    assert nodes(workflow)["sums_0000"].inputs.numbers == [0, 2]
    assert "contrast_0001_b" not in nodes(workflow)
    assert links(workflow, "mapped_down") == {("cached_0001_b", "mapped_file", "in1")}
    assert links(workflow, "variants_down") == {("cached_0001_b", "variants_file", "in1")}
    assert nodes(workflow)["cached_0001_b"].inputs.cache_dir == str(folder)


def test_a_second_connectome_reaches_every_check(tmp_path: Path) -> None:
    assert "validation" not in nodes(built(tmp_path))
    second = Validation((("07", (stored_run("07"),)),), Design(np.ones((1, 1)), ("age",), ("x",)))
    workflow = built(tmp_path, {"validation": second}, group={"validation_dir": "/second"})
    validation = nodes(workflow)["validation"].inputs
    assert validation.participants == [("07", [("/store/07.h5", stored_run("07").key)])]
    assert (validation.covariates, validation.coding) == ([[1.0]], ["x"])
    for label in ("up", "down"):
        assert ("validation", "validation_file", "validation_file") in links(
            workflow, f"robustness_{label}"
        )


def test_sidecars_name_the_model_and_who_was_left_out(tmp_path: Path) -> None:
    left_out = (ExcludedRun("05", "x.h5", "damaged"), ExcludedRun("05", "y.h5", "damaged"))
    workflow = built(tmp_path, {"left_out": left_out}, group={"max_mean_fd": 0.3})
    model = nodes(workflow)["contrast_0000_a"].inputs.model
    assert model["Covariates"] == ["age"]
    assert model["AnalysisMaskFiles"] == 1
    assert model["ParticipantsLeftOut"] == ["sub-05: damaged"]
    assert model["MaximumMeanFramewiseDisplacement"] == 0.3
    assert nodes(workflow)["participants"].inputs.excluded == [
        ("05", "x.h5", "damaged"),
        ("05", "y.h5", "damaged"),
    ]


def test_one_network_is_compared_with_none(tmp_path: Path) -> None:
    config, path = configured(tmp_path)
    workflow = init_group_wf(group_plan(), config, path, [("a", "up")])
    assert "compare" not in nodes(workflow)


@pytest.mark.parametrize("measured", [(), ("strength",)])
def test_an_outcome_is_related_to_the_contrasts_that_have_a_value(
    tmp_path: Path, measured: tuple[str, ...]
) -> None:
    outcome = PlannedOutcome(
        *("pain", "pain", ("a", "c"), (1.0, 2.0), ((), ()), (), ()),
        measured=measured,
        cohorts=("", ""),
        is_group=False,
    )
    workflow = built(tmp_path, {"outcomes": (outcome,)})
    related = next(name for name in nodes(workflow) if name.startswith("outcome"))
    into = links(workflow, related)
    assert (("strength", "strength_file", "strength_file") in into) is bool(measured)
    (files,) = {source for source, _, port in into if port == "mapped_files"}
    assert {source for source, *_ in links(workflow, files)} == {
        "contrast_0000_a",
        "contrast_0002_c",
    }


def test_forecasts_are_those_of_nodes_that_there_are(tmp_path: Path) -> None:
    second = Validation((("07", (stored_run("07"),)),), Design(np.ones((1, 1)), ("age",), ("x",)))
    nulls = SpecificityPlan(("random", "labels"), (), "k" * 64, "d" * 64, "s" * 64, ())
    outcome = PlannedOutcome(
        *("pain", "pain", ("a", "c"), (1.0, 2.0), ((), ()), (), ()),
        measured=(),
        cohorts=("", ""),
        is_group=False,
    )
    plan = {
        "validation": second,
        "specificity": nulls,
        "outcomes": (outcome,),
        "sampled": ("up",),
    }
    config, _ = configured(tmp_path)
    kinds = {node_kind(name) for name in nodes(built(tmp_path, plan))}
    assert set(group_needs(group_plan(**plan), config, CONTRASTS)) - kinds == {"multiverse"}


@pytest.mark.parametrize(("reports", "drawn"), [("none", False), ("qc", True)])
def test_figures_are_drawn_where_reports_are_asked_for(
    tmp_path: Path, reports: str, drawn: bool
) -> None:
    outcome = PlannedOutcome(
        *("pain", "pain", ("a", "c"), (1.0, 2.0), ((), ()), (), ()),
        measured=(),
        cohorts=("", ""),
        is_group=False,
    )
    plan = {"outcomes": (outcome,), "sampled": ("up",)}
    names = set(nodes(built(tmp_path, plan, running={"reports": reports})))
    assert {"outcome_pain", "sample_up"} <= names
    figures = {"drawing_outcome_pain", "drawing_sample_up", "figures_up", "figures_down"}
    assert names & figures == (figures if drawn else set())
