"""The participant level: project everybody's runs, map everybody's seeds."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import Config
from fcnm_bids.planning.plan import ParticipantPlan, PlannedParticipant
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

    root = Path(config.output_dir)
    names = OutputNames.of(root, plan.entities)
    workflow = Workflow(name=participant_wf_name(participant.subject))
    project = pe.Node(
        ProjectRuns(
            config_file=str(config_file),
            runs=[run.files.to_dict() for run in participant.runs],
            excluded=[
                {"name": run.name, "reason": run.reason, "stored": run.stored}
                for run in participant.left_out
            ],
            qc_file=str(names.participant_table(participant.subject, "qc")),
        ),
        name="project",
        mem_gb=project_gb(plan.grid, participant.runs),
        n_procs=node_threads(config),
    )
    manifest = pe.Node(
        WriteManifest(
            config_file=str(config_file),
            folder=str(root / f"sub-{participant.subject}"),
            key=participant.key,
        ),
        name="manifest",
        run_without_submitting=True,
        mem_gb=0.01,
    )
    # lists of files stay lists: a list of lists, one per node
    gather = pe.Node(
        Merge(2, no_flatten=True), name="gather", run_without_submitting=True, mem_gb=0.01
    )
    workflow.connect(project, "out_files", gather, "in1")
    if config.running.reports == "none":
        workflow.connect(gather, "out", manifest, "out_files")
    else:
        report = pe.Node(
            ReportParticipant(config_file=str(config_file), subject=participant.subject),
            name="report",
            mem_gb=report_gb(plan.grid.n_voxels),
        )
        workflow.connect(gather, "out", report, "after")
        workflow.connect(report, "out_files", manifest, "out_files")
    if config.makes_subject_maps and participant.runs:
        maps = pe.Node(
            MapParticipant(
                config_file=str(config_file),
                subject=participant.subject,
                entities=dict(plan.entities),
            ),
            name="map",
            mem_gb=map_gb(participant.runs, plan.n_seeds),
            n_procs=node_threads(config),
        )
        workflow.connect(
            [
                (project, maps, [("stored", "stored")]),
                (maps, gather, [("out_files", "in2")]),
            ]
        )
    else:
        gather.inputs.in2 = []
    return workflow


def participant_wf_name(subject: str) -> str:
    """Return the name of a participant's workflow, without the plus sign that a label may hold."""
    return f"sub_{subject.replace('+', '_')}_wf"
