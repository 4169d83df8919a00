"""Plans made by hand, so that workflows can be built without any data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.pipeline.engine import Workflow

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.planning.plan import (
    GroupPlan,
    ParticipantPlan,
    PlannedParticipant,
    PlannedRun,
    SpecificityPlan,
    Validation,
)
from fcnm_bids.stats import Design
from fcnm_bids.workflows.group import init_group_wf

GRID = Grid((9, 8, 7), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
ENTITIES = {"space": "MNI152NLin6Asym", "task": "rest"}
CONTRASTS = [("a", "up"), ("b", "down"), ("c", "up")]
NO_NULLS = SpecificityPlan((), (), "k" * 64, "d" * 64, "s" * 64, ())


def configured(folder: Path, **sections: dict[str, Any]) -> tuple[Config, Path]:
    """A request, and the file that it is saved in."""
    config = Config(str(folder / "in"), str(folder / "out"), "group").update(
        {"running": {"work_dir": str(folder / "work")}, "resources": {"nprocs": 2}}
    )
    config = config.update(sections)
    path = folder / "config.toml"
    path.write_text(config.to_toml())
    return config, path


def stored_run(name: str) -> StoredRun:
    return StoredRun(
        Path(f"/store/{name}.h5"),
        f"key {name}",
        {"n_voxels": 300, "n_components": 40, "dof": 40},
        GRID,
    )


def group_plan(**changed: Any) -> GroupPlan:
    """Four participants, two of them with one run, and three contrasts."""
    participants = tuple(
        (label, tuple(stored_run(f"{label}-{n}") for n in range(1 + number % 2)))
        for number, label in enumerate(("01", "02", "03", "04"))
    )
    plan: dict[str, Any] = {
        "store": Path("/store"),
        "grid": GRID,
        "entities": ENTITIES,
        "contrasts": (),
        "participants": participants,
        "left_out": (),
        "key": "g" * 64,
        "contrast_keys": {name: f"{name}" * 64 for name, _ in CONTRASTS},
        "done": False,
        "notes": (),
        "design": Design(np.arange(4.0)[:, None], ("age",), ("age: a number",)),
        "mask_files": (Path("/mask.nii.gz"),),
        "validation": Validation(),
        "specificity": NO_NULLS,
    }
    return GroupPlan(**{**plan, **changed})


def planned_run(name: str) -> PlannedRun:
    return PlannedRun(
        files=RunInput(f"{name}.nii.gz", "/b", "/m", "/c", "", "", "MNI", f"/store/{name}.h5"),
        key=name,
        grid=GRID,
        stored=False,
        dof=40,
        n_components=40,
        n_volumes=100,
        n_kept=90,
        itemsize=2,
        n_masked=300,
    )


def participant_plan(*participants: PlannedParticipant) -> ParticipantPlan:
    return ParticipantPlan(Path("/in"), GRID, ENTITIES, (), participants, 3)


def built(folder: Path, plan: dict[str, Any] | None = None, **sections: Any) -> Workflow:
    config, path = configured(folder, **sections)
    return init_group_wf(group_plan(**(plan or {})), config, path, CONTRASTS)


def nodes(workflow: Workflow) -> dict[str, Any]:
    return {node.name: node for node in workflow._graph.nodes()}


def links(workflow: Workflow, into: str) -> set[tuple[str, str, str]]:
    """Node, output and input of everything that a node receives."""
    return {
        (source.name, output, port)
        for source, target, link in workflow._graph.edges(data=True)
        if target.name == into
        for output, port in link["connect"]
    }
