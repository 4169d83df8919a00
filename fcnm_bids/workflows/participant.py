"""The participant level: project everybody's runs, map everybody's seeds."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import Config
from fcnm_bids.planning.plan import ParticipantPlan, PlannedPerson
from fcnm_bids.resources.machine import node_threads
from fcnm_bids.resources.memory import contrast_gb, map_gb, project_gb, report_gb


def init_participants_wf(plan: ParticipantPlan, config: Config, config_file: Path) -> Workflow:
    """Build the participant level for those who are not done yet.

    Parameters
    ----------
    plan
        What the preflight found.
    config
        The request.
    config_file
        The request, saved.
    """
    from fcnm_bids.interfaces.seeds import MakeSeeds

    workflow = Workflow(name="fcnm_participants_wf")
    seeds = None
    if config.makes_subject_maps:
        seeds = pe.Node(
            MakeSeeds(
                config_file=str(config_file),
                shape=list(plan.grid.shape),
                affine=plan.grid.affine.tolist(),
                entities=dict(plan.entities),
            ),
            name="seeds",
            mem_gb=contrast_gb(plan.grid.n_voxels),
        )
        workflow.add_nodes([seeds])
    for person in plan.people:
        if person.done:
            continue
        person_wf = init_person_wf(person, plan, config, config_file)
        workflow.add_nodes([person_wf])
        if seeds is not None and person.runs:
            workflow.connect([(seeds, person_wf, [("seeds_file", "map.seeds_file")])])
    return workflow


def init_person_wf(
    person: PlannedPerson, plan: ParticipantPlan, config: Config, config_file: Path
) -> Workflow:
    """Build one person's workflow: ``project``, ``map``, ``report``, ``manifest``.

    Parameters
    ----------
    person
        The person's part of the plan.
    plan, config, config_file
        As in `init_participants_wf`.
    """
    from fcnm_bids.interfaces.participant import MapPerson, ProjectRuns
    from fcnm_bids.interfaces.report import ReportPerson, WriteManifest

    root = Path(config.output_dir)
    names = OutputNames.of(root, plan.entities)
    workflow = Workflow(name=person_wf_name(person.subject))
    project = pe.Node(
        ProjectRuns(
            config_file=str(config_file),
            runs=[run.files.to_dict() for run in person.runs],
            excluded=[
                {"name": run.name, "reason": run.reason, "stored": run.stored}
                for run in person.left_out
            ],
            qc_file=str(names.person_table(person.subject, "qc")),
        ),
        name="project",
        mem_gb=project_gb(plan.grid, person.runs),
        n_procs=node_threads(config),
    )
    manifest = pe.Node(
        WriteManifest(
            config_file=str(config_file),
            folder=str(root / f"sub-{person.subject}"),
            key=person.key,
        ),
        name="manifest",
        run_without_submitting=True,
        mem_gb=0.01,
    )
    # lists of files stay lists: a list of lists, one per node
    gather = pe.Node(
        Merge(2, no_flatten=True), name="gather", run_without_submitting=True, mem_gb=0.01
    )
    report = pe.Node(
        ReportPerson(config_file=str(config_file), subject=person.subject),
        name="report",
        mem_gb=report_gb(plan.grid.n_voxels),
    )
    workflow.connect(
        [
            (project, gather, [("promised", "in1")]),
            (gather, report, [("out", "after")]),
            (report, manifest, [("promised", "promised")]),
        ]
    )
    if config.makes_subject_maps and person.runs:
        maps = pe.Node(
            MapPerson(
                config_file=str(config_file),
                subject=person.subject,
                entities=dict(plan.entities),
            ),
            name="map",
            mem_gb=map_gb(person.runs, plan.n_seeds),
            n_procs=node_threads(config),
        )
        workflow.connect(
            [
                (project, maps, [("stored", "stored")]),
                (maps, gather, [("promised", "in2")]),
            ]
        )
    else:
        gather.inputs.in2 = []
    return workflow


def person_wf_name(subject: str) -> str:
    """What a person's workflow is called: labels may hold a plus sign, names of nodes may not."""
    return f"sub_{subject.replace('+', '_')}_wf"
