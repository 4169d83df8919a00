from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from io import StringIO

import pandas as pd
import pytest

from fcnm_bids.inputs.region_names import YEO, canonical_network, region_words

REGIONS = files("fcnm_bids") / "data" / "regions"


def parcellations() -> dict[str, dict[int, str]]:
    """Labels of every resolution of Schaefer's parcellation that TemplateFlow's client knows."""
    found = {}
    skeleton = files("templateflow") / "conf" / "templateflow-skel.zip"
    with zipfile.ZipFile(str(skeleton)) as archive:
        for path in archive.namelist():
            kind = re.search(r"tpl-MNI152NLin6Asym_atlas-Schaefer2018_desc-(\w+)_dseg\.tsv$", path)
            if kind:
                table = pd.read_csv(StringIO(archive.read(path).decode()), sep="\t")
                found[kind[1]] = dict(zip(table["index"], table["name"], strict=True))
    return found


KINDS = parcellations()
CENTRES = {"-": (-40.0, -60.0, -30.0), "+": (40.0, 60.0, 50.0), "0": (0.0, 0.0, 0.0)}


def test_there_are_parcellations_to_test() -> None:
    assert {f"{n}00Parcels7Networks" for n in (1, 2, 3, 4, 5, 6, 8, 10)} <= set(KINDS)


@pytest.mark.parametrize("where", [*CENTRES, None])
@pytest.mark.parametrize("kind", KINDS)
def test_every_label_has_words(kind: str, where: str | None) -> None:
    labels = KINDS[kind]
    words = region_words(labels, dict.fromkeys(labels, CENTRES[where]) if where else {})
    for number, label in labels.items():
        side = {"LH": "left", "RH": "right"}[label.split("_")[1]]
        assert re.fullmatch(rf"{side} [A-Za-z ,-]+ \([A-Za-z -]+ network\)", words[number]), label
        network = str(canonical_network(label))
        assert f"({network[0].lower()}{network[1:]} network)" in words[number]
        if kind.endswith("Parcels7Networks"):
            assert network in YEO.values()


@pytest.mark.parametrize(
    ("kind", "corrected"),
    [("100", 2), ("200", 4), ("300", 4), ("400", 7), ("500", 9), ("600", 13), ("800", 13)],
)
def test_parietal_parcels_that_were_called_temporal(kind: str, corrected: int) -> None:
    labels = KINDS[f"{kind}Parcels7Networks"]
    called = [n for n, label in labels.items() if "_LH_Default_Temp_" in label]
    words = region_words(labels, {})
    parietal = [n for n in called if "inferior parietal" in words[n]]
    assert parietal == called[-corrected:]


def one(label: str, centre: tuple[float, float, float] | None = None) -> str:
    return region_words({1: label}, {1: centre} if centre else {})[1]


def test_labels_of_later_versions_are_taken_as_they_are() -> None:
    labels = {n: f"7Networks_LH_Default_Temp_{n}" for n in range(1, 400)}
    labels[400] = "7Networks_LH_Default_pCunPCC_1"
    words = region_words(labels, {})
    assert words[11] == "left temporal cortex (default mode network)"
    assert words[400] == "left posterior cingulate cortex and precuneus (default mode network)"
    assert one("7Networks_RH_SalVentAttn_FrOperIns_1", (36, 20, 2)).startswith("right insula")


def test_the_centre_tells_places_of_one_component_apart() -> None:
    name = "7Networks_RH_Cont_PFCl_3"
    assert one(name, (48, 28, 28)) == "right dorsolateral prefrontal cortex (control network)"
    assert one(name, (42, 50, -9)) == "right lateral prefrontal cortex (control network)"
    assert one(name) == "right lateral prefrontal cortex (control network)"


@pytest.mark.parametrize("label", ["left caudate", "7Networks_LH_Vis", "Cont_PFCl_3", "NA"])
def test_other_labels_stay(label: str) -> None:
    assert one(label) == label
    assert canonical_network(label) is None


def test_every_name_has_a_source() -> None:
    table = pd.read_csv(str(REGIONS / "components.tsv"), sep="\t", keep_default_na=False)
    assert (table["source"].str.len() > 10).all()
    assert not table.duplicated(["network", "component", "where"]).any()
    last = table.groupby(["network", "component"])["where"].last()
    own: Mapping[tuple[str, str], str] = last.to_dict()
    for (network, component), where in own.items():
        general = ("*", component) in own and network != "*"
        assert where == "n/a" or general, (network, component)
