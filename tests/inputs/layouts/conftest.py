from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fcnm_bids.cli.parser import parse
from fcnm_bids.connectome import StoredRun, project_run, varying_voxels
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.inputs.runs.prepare import prepare_run, readable_image
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.planning.input_settings import adopt_layout
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.simulate import SimulationDesign, simulate_dataset
from fcnm_bids.simulate.head import load_head
from fcnm_bids.simulate.images import write_volume

Store = Callable[..., dict[str, list[StoredRun]]]
Project = Callable[..., dict[str, list[ProjectedRun]]]


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two participants with two sessions each, as fMRIPrep leaves them."""
    design = SimulationDesign(n_participants=2, sessions=("1", "2"), voxel_size=8, n_volumes=150)
    return simulate_dataset(tmp_path_factory.mktemp("sim") / "data", design).fmriprep


@pytest.fixture
def tissue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TemplateFlow with the tissues of the simulated head."""
    from fcnm_bids.inputs.layouts.tissue import template_tissue

    head = load_head("MNI152NLin6Asym", 8.0)
    folder = tmp_path / "templateflow" / "tpl-MNI152NLin2009cAsym"
    folder.mkdir(parents=True)
    for label, values in (("WM", head.white), ("CSF", head.fluid)):
        name = f"{folder.name}_res-02_label-{label}_probseg.nii.gz"
        write_volume(folder / name, values.astype(float), head.grid)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(folder.parent))
    template_tissue.cache_clear()
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., ParticipantPlan]:
    """Plan the participant level of a folder, as the command line would."""

    def plan(root: Path, *options: str) -> ParticipantPlan:
        line = [str(root), str(tmp_path / f"out-{root.name}"), "participant"]
        asked = parse([*line, "--connectome-only", "--min-time", "60", *options])
        return plan_participant_level(adopt_layout(asked.config, asked.explicit))

    return plan


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Store the runs of a folder, as the command line would; by participant."""

    def store(root: Path, *options: str) -> dict[str, list[StoredRun]]:
        line = [str(root), str(tmp_path / f"out-{root.name}"), "participant"]
        asked = parse([*line, "--connectome-only", "--min-time", "60", *options])
        config = adopt_layout(asked.config, asked.explicit)
        planned = plan_participant_level(config)
        stored: dict[str, list[StoredRun]] = {}
        for participant in planned.participants:
            for run in participant.runs:
                found = store_run(run.files, config.denoising, tmp_path)
                stored.setdefault(participant.subject, []).append(found)
                assert stored[participant.subject][-1].dof == run.dof
        return stored

    return store


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Project the runs of a folder, before the store rounds them; by participant."""

    def project(root: Path, *options: str) -> dict[str, list[ProjectedRun]]:
        line = [str(root), str(tmp_path / f"out-{root.name}"), "participant"]
        asked = parse([*line, "--connectome-only", "--min-time", "60", *options])
        config = adopt_layout(asked.config, asked.explicit)
        projected: dict[str, list[ProjectedRun]] = {}
        for participant in plan_participant_level(config).participants:
            for planned in participant.runs:
                run, smoothing = planned.files, config.denoising.smoothing
                prepared = prepare_run(run, config.denoising, signals=bool(run.white_matter))
                with readable_image(run, prepared.image, tmp_path) as image:
                    mask = prepared.mask if run.has_mask else varying_voxels(image)
                    found = project_run(image, mask, prepared.denoising.basis, smoothing=smoothing)
                directions = prepared.denoising.directions.q
                denoised = replace(found.run, directions=directions)
                projected.setdefault(participant.subject, []).append(denoised)
        return projected

    return project
