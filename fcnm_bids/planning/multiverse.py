"""Plan the multiverse: participants of each specification, and those that cannot be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.inputs.dataset import InputDataset
from fcnm_bids.inputs.multiverse import Specification
from fcnm_bids.inputs.rules import contrast_weights
from fcnm_bids.planning.design import group_design
from fcnm_bids.planning.exclusion import exclude_by_motion, stored_entities, stored_runs
from fcnm_bids.planning.group_options import check_analysis_mask
from fcnm_bids.planning.plan import ExcludedRun, MultiversePlan, PlannedSample
from fcnm_bids.reruns.keys import fingerprint


def plan_multiverse(
    specifications: Sequence[Specification],
    config: Config,
    dataset: InputDataset,
    primary: PlannedSample,
) -> MultiversePlan:
    """Plan specifications, each on the participants that a request of it alone would have.

    Parameters
    ----------
    specifications
        The primary one first; none for no multiverse.
    config
        The request.
    dataset
        The data set that was named.
    primary
        The participants of the request.

    Raises
    ------
    RequestError
        The data can serve none but the primary one.
    """
    if not specifications:
        return MultiversePlan()
    first = specifications[0]
    samples = {str(first.of("denoising")): primary}
    refused: dict[str, str] = {}
    dropped: Counter[tuple[str, str]] = Counter()
    usable = []
    unserved: dict[str, tuple[str, str] | None] = {}
    for own in specifications:
        request, strategy = own.request(config), str(own.of("denoising"))
        named = own.changed(first, "denoising")
        seeds = str((own.of("seeds"), request.group.weights))
        if seeds not in unserved:  # the table is read for it
            unserved[seeds] = _unserved(own, first, request)
        if not (cause := unserved[seeds]) and strategy not in samples:
            if strategy not in refused:
                try:
                    samples[strategy] = _sample(request, dataset, primary)
                except RequestError as error:
                    refused[strategy] = "; ".join((error.problems[1:] or error.problems)[:2])
            cause = (named, refused[strategy]) if strategy in refused else None
        if cause:
            dropped[cause] += 1
        else:
            usable.append(own)
    notes = [
        f"--multiverse: removed {n} specification{'' if n == 1 else 's'} with {named}: {why}"
        for (named, why), n in dropped.items()
    ]
    if len(usable) < 2:
        raise RequestError(
            [*notes, "--multiverse: no specification is left except the primary one"]
        )
    labels = set.intersection(*({who for who, _ in own.participants} for own in samples.values()))
    if len(labels) < 2:
        notes.append("--multiverse: fewer than two participants are common to all specifications")
    every = list(samples.values())
    numbers = {strategy: number for number, strategy in enumerate(samples)}
    common = numbers if len(labels) > 1 else dict.fromkeys(numbers, -1)
    for own in usable:
        sample = samples[strategy := str(own.of("denoising"))]
        if common[strategy] == numbers[strategy] and len(labels) < len(sample.participants):
            common = {**common, strategy: len(every)}
            some = {label: runs for label, runs in sample.participants if label in labels}
            every.append(_modelled(own.request(config), dataset, some, sample.left_out))
    key = {
        "specifications": [(own.name, own.settings) for own in usable],
        "samples": [_record(sample) for sample in every],
        "dropped": notes,
    }
    strategies = [str(own.of("denoising")) for own in usable]
    return MultiversePlan(
        tuple(usable),
        tuple(every),
        tuple(numbers[strategy] for strategy in strategies),
        tuple(common[strategy] for strategy in strategies),
        tuple(notes),
        key,
    )


def _unserved(own: Specification, first: Specification, request: Config) -> tuple[str, str] | None:
    """Return the settings that the seeds cannot serve, and the reason; None where they can."""
    if request.seeds.masks:
        named = own.changed(first, "seeds")
        return (named, "masks have neither spheres nor units") if named else None
    try:
        contrast_weights(request.group, read_contrasts(request.seeds))
    except RequestError as error:
        return f"weights {request.group.weights}", error.problems[0]
    return None


def _sample(request: Config, dataset: InputDataset, primary: PlannedSample) -> PlannedSample:
    """Find the participants as the group level does.

    Raises
    ------
    RequestError
        The request cannot have at least two, or has them on another grid.
    """
    from_store = dataset.kind == "connectome"
    runs, left_out = stored_runs(
        request.connectome_path,
        request,
        from_store=from_store,
        source=None if from_store else dataset.root,
    )
    if different := primary.participants[0][1][0].grid.difference(runs[0][1].grid):
        raise RequestError(f"its runs lie on another grid: {different}")
    participants, moved = exclude_by_motion(runs, request, left_out)
    return _modelled(request, dataset, participants, (*left_out, *moved))


def _modelled(
    request: Config,
    dataset: InputDataset,
    participants: Mapping[str, Sequence[StoredRun]],
    left_out: Sequence[ExcludedRun],
) -> PlannedSample:
    """Give participants the design and the images of the analysis mask that a request asks for.

    Raises
    ------
    RequestError
        They cannot be had.
    """
    some_run = next(iter(participants.values()))[0]
    masks = check_analysis_mask(
        request.group.analysis_mask,
        dataset.root,
        some_run.grid,
        stored_entities(some_run),
        list(participants),
    )
    return PlannedSample(
        tuple((label, tuple(runs)) for label, runs in participants.items()),
        group_design(request, dataset.root, participants),
        tuple(masks),
        tuple(left_out),
    )


def _record(sample: PlannedSample) -> dict[str, Any]:
    """Return everything about a sample that results depend on."""
    return {
        "participants": {label: [run.key for run in runs] for label, runs in sample.participants},
        "design": (sample.design.names, sample.design.columns.tolist()),
        "mask": [fingerprint(path) for path in sample.mask_files],
        "left_out": [asdict(run) for run in sample.left_out],
    }
