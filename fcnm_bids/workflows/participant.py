"""The participant level: project everybody's runs, map everybody's seeds."""

from __future__ import annotations

from pathlib import Path

from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import Config
from fcnm_bids.planning.plan import ParticipantPlan, PlannedParticipant
from fcnm_bids.resources.machine import node_threads
from fcnm_bids.resources.memory import contrast_gb, map_gb, project_gb, report_gb
from fcnm_bids.workflows.base import Output, WorkflowParts, inputs_of_plan


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

    level = WorkflowParts("fcnm_participants_wf", inputs_of_plan(plan, config_file))
    seeds = None
    if config.makes_subject_maps:
        seeds = level.node("seeds", MakeSeeds, mem_gb=contrast_gb(plan.grid.n_voxels))
    workflow = level.workflow()
    for participant in plan.participants:
        if participant.done:
            continue
        participant_wf = init_participant_wf(participant, plan, config, config_file)
        workflow.add_nodes([participant_wf])
        if seeds is not None and participant.runs:
            workflow.connect([(seeds, participant_wf, [("seeds_file", "map.seeds_file")])])
    return workflow


def init_participant_wf(
    participant: PlannedParticipant, plan: ParticipantPlan, config: Config, config_file: Path
) -> Workflow:
    """Build one participant's workflow: ``project``, ``map``, ``report``, ``manifest``.

    Without reports there is no ``report``.

    Parameters
    ----------
    participant
        The participant's part of the plan.
    plan, config, config_file
        As in `init_participants_wf`.
    """
    from fcnm_bids.interfaces.participant import MapParticipant, ProjectRuns
    from fcnm_bids.interfaces.report import ReportParticipant, WriteManifest

    root, subject = Path(config.output_dir), participant.subject
    names = OutputNames.of(root, plan.entities)
    shared = {**inputs_of_plan(plan, config_file), "subject": subject}
    level = WorkflowParts(participant_wf_name(subject), shared)
    project = level.node(
        "project",
        ProjectRuns,
        mem_gb=project_gb(plan.grid, participant.runs),
        n_procs=node_threads(config),
        runs=[run.files.to_dict() for run in participant.runs],
        excluded=[
            {"name": run.name, "reason": run.reason, "stored": run.stored}
            for run in participant.left_out
        ],
        qc_file=str(names.participant_table(subject, "qc")),
    )
    made = [project]
    if config.makes_subject_maps and participant.runs:
        maps = level.node(
            "map",
            MapParticipant,
            mem_gb=map_gb(participant.runs, plan.n_seeds),
            n_procs=node_threads(config),
            stored=Output(project, "stored"),
        )
        made.append(maps)
    files = level.files_of("gather", made)
    if config.running.reports != "none":
        report = level.node(
            "report", ReportParticipant, mem_gb=report_gb(plan.grid.n_voxels), after=files
        )
        files = Output(report, "out_files")
    level.node(
        "manifest",
        WriteManifest,
        folder=str(root / f"sub-{subject}"),
        key=participant.key,
        out_files=files,
    )
    return level.workflow()


def participant_wf_name(subject: str) -> str:
    """Return the name of a participant's workflow, without the plus sign that a label may hold."""
    return f"sub_{subject.replace('+', '_')}_wf"
