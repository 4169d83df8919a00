"""Names of regions in words, from the labels of the parcellation of Schaefer et al. (2018)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import NamedTuple

import pandas as pd

YEO = {
    "Vis": "Visual",
    "SomMot": "Somatomotor",
    "DorsAttn": "Dorsal attention",
    "SalVentAttn": "Salience and ventral attention",
    "Limbic": "Limbic",
    "Cont": "Control",
    "Default": "Default mode",
}
"""Yeo's seven networks by their short names in the parcellation of Schaefer et al. (2018)."""

_HEMISPHERES = {"LH": "left", "RH": "right"}
_PARTS = {"Cent": " central", "Peri": " peripheral", "A": " A", "B": " B", "C": " C", "": ""}
_LABEL = re.compile(
    rf"(?:7|17)Networks_(LH|RH)_({'|'.join(YEO)}|TempPar)({'|'.join(_PARTS)})"
    r"(?:_([A-Za-z0-9]+?))?_([0-9]+)"
)
_LIMIT = re.compile(r"(x|y|z|\|x\|)(<=|>=|<)(-?[0-9]+)")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


class _Parcel(NamedTuple):
    """The parts of a label, such as 17Networks_LH_ContA_PFCl_3."""

    hemisphere: str
    network: str
    part: str
    component: str
    number: int


def canonical_network(label: str) -> str | None:
    """Return the network of Yeo et al. (2011) in a label of Schaefer's; None for other labels."""
    parcel = _parse(label)
    return None if parcel is None else _network_words(parcel)


def region_words(
    labels: Mapping[int, str], centres: Mapping[int, Sequence[float]]
) -> dict[int, str]:
    """Return names of regions in words; labels that are not Schaefer's stay as they are.

    The component of a label is translated by a table (`data/regions/components.tsv`, with the
    source of each row). Components that hold several places, such as PFCl, are distinguished by the
    centre of the parcel. Components that version 0.14.3 of the parcellation corrected are
    corrected first (`data/regions/corrections.tsv`), unless the labels are of that version.

    Parameters
    ----------
    labels
        Labels by region number: 7Networks_RH_Cont_PFCl_3, say.
    centres
        Centre of mass of each region in mm; regions that an image lacks are named without.
    """
    parcels = {number: _parse(label) for number, label in labels.items()}
    corrected = any(p is not None and p.component == "pCunPCC" for p in parcels.values())
    seven = any(label.startswith("7Networks_") for label in labels.values())
    words = {}
    for number, parcel in parcels.items():
        if parcel is None:
            words[number] = labels[number]
            continue
        if seven and not corrected:
            parcel = _corrected(parcel, len(labels))
        words[number] = _words(parcel, centres.get(number)) or labels[number]
    return words


def _parse(label: str) -> _Parcel | None:
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    hemisphere, network, part, component, number = found.groups()
    return _Parcel(hemisphere, network, part, component or network, int(number))


def _corrected(parcel: _Parcel, n_parcels: int) -> _Parcel:
    for row in _table("corrections"):
        own = row["hemisphere"], row["network"], row["component"]
        if (
            int(row["parcels"]) == n_parcels
            and own == (parcel.hemisphere, parcel.network, parcel.component)
            and int(row["first"]) <= parcel.number <= int(row["last"])
        ):
            return parcel._replace(component=row["corrected"])
    return parcel


def _words(parcel: _Parcel, centre: Sequence[float] | None) -> str | None:
    """Return hemisphere, component and network in words; None for an unknown component."""
    rows = _table("components")
    keys = ((parcel.network, parcel.component), ("*", parcel.component), (parcel.network, "*"))
    for key in keys:
        for row in rows:
            if (row["network"], row["component"]) == key and _holds(row["where"], centre):
                side, name = _HEMISPHERES[parcel.hemisphere], row["name"]
                return f"{side} {name} ({_network_words(parcel, str.lower)} network)"
    return None


def _network_words(parcel: _Parcel, case: Callable[[str], str] = str) -> str:
    return case(YEO.get(parcel.network, "Temporo-parietal")) + _PARTS[parcel.part]


def _holds(where: str, centre: Sequence[float] | None) -> bool:
    """Return whether a centre lies within a limit such as ``z>=18`` or ``|x|<46``."""
    if where == "n/a":
        return True
    if centre is None:
        return False
    found = _LIMIT.fullmatch(where)
    assert found is not None, where
    axis, sign, limit = found.groups()
    value = abs(centre[0]) if axis == "|x|" else centre["xyz".index(axis)]
    return bool(_COMPARE[sign](value, float(limit)))


@cache
def _table(name: str) -> tuple[dict[str, str], ...]:
    text = (files("fcnm_bids") / "data" / "regions" / f"{name}.tsv").read_text(encoding="utf-8")
    table = pd.read_csv(StringIO(text), sep="\t", dtype=str, keep_default_na=False)
    return tuple(table.to_dict("records"))  # type: ignore[arg-type]
