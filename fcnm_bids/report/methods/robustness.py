"""Write the methods text on the robustness checks."""

from __future__ import annotations

import pandas as pd

from fcnm_bids.inputs.multiverse import VARIED
from fcnm_bids.report.methods.citations import as_data, number_of
from fcnm_bids.report.results.group import GroupOutputs, read_sidecar, read_tsv

_VARIED = {
    "radius": "with other radii",
    "threshold": "at other thresholds",
    "leave-one-study-out": "without each study in turn",
    "studies alike": "with every study counting once",
    "away from own foci": "without each contrast near its own foci",
    "bootstrap": "with studies drawn with replacement",
    "participants": "on parts of the participants",
    "split-half": "on halves of the participants",
    "second connectome": "on a second connectome",
}


def robustness_text(results: GroupOutputs) -> str:
    """A sentence on what was varied, to which values; empty where nothing was.

    Parameters
    ----------
    results
        What the output folder holds.
    """
    found = []
    for network in results.networks:
        path = network.tables().get("robustness")
        table = None if path is None else read_tsv(path)
        if table is not None and {"check", "level", "draw"} <= set(table):
            found.append(network.without_primary(table))
    if not found:
        return ""
    every = pd.concat(found, ignore_index=True)
    varied = []
    for check, text in _VARIED.items():
        rows = every[every["check"] == check]
        if len(rows):
            to = _second(results) if check == "second connectome" else _values(check, rows)
            varied.append(f"{text} ({to})" if to else text)
    if not varied:
        return ""
    listed = f"{', '.join(varied[:-1])} and {varied[-1]}" if len(varied) > 1 else varied[0]
    return f" To test its robustness, the network was mapped again {listed}."


def multiverse_text(results: GroupOutputs) -> str:
    """Sentences on the specifications of every network; empty where there are none."""
    text = ""
    for network in results.networks:
        said = network.multiverse_sidecar
        if not said:
            continue
        if not text:
            table = network.multiverse
            varied = [own for own in VARIED if table is not None and table[own].nunique() > 1]
            text = (
                f" The networks were mapped in {said.get('NumberOfSpecifications')} specifications "
                f"that differed in {', '.join(own.replace('_', ' ') for own in varied)}; the one "
                "reported is the primary one."
            )
        sentences = [str(own) for own in said.get("Sentences", [])]
        text += f" {as_data(network.effect)}: {' '.join(sentences)}"
    return text


def _values(check: str, rows: pd.DataFrame) -> str:
    """The levels and draws of one check, in words."""
    levels = [as_data(level) for level in dict.fromkeys(rows["level"])]
    n_draws = rows.groupby("level")["draw"].nunique()
    if check in ("radius", "away from own foci"):
        return f"{', '.join(levels)} mm"
    if check == "threshold":
        return ", ".join(levels)
    if check in ("bootstrap", "split-half"):
        drawn = number_of(int(n_draws.max()), "draw")
        return drawn if check == "bootstrap" else f"{drawn}, the two halves compared"
    if check == "participants":
        known = sorted(pd.to_numeric(pd.Series(levels), errors="coerce").dropna())
        shares = ", ".join(f"{100 * share:g}%" for share in known)
        return f"{shares}, {number_of(int(n_draws.max()), 'draw')} each"
    return ""


def _second(results: GroupOutputs) -> str:
    """Return the number of participants of the second connectome."""
    for path in sorted((results.root / "group").glob("network-*_desc-validation_mask.nii.gz")):
        participants = read_sidecar(path).get("NumberOfParticipants")
        if isinstance(participants, int):
            return number_of(participants, "participant", "participants")
    return ""
