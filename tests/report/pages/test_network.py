"""One network's section of the group report, from files made up of noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.report.figures.contrast import contrast_figure
from fcnm_bids.report.pages.html import Folded, Note, Section, Table, render_page
from fcnm_bids.report.pages.network import is_empty, network_section
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return make_results(tmp_path / "out", voxel=16.0, contrasts=3)


def walk(blocks: tuple[Any, ...]) -> Iterator[Any]:
    for block in blocks:
        yield block
        yield from walk(getattr(block, "blocks", ()))


def part(root: Path, name: str) -> tuple[Any, ...]:
    section = network_section(GroupOutputs(root), "increase")
    (found,) = (s for s in section.sections if s.anchor == f"effect-increase-{name}")
    return tuple(walk(found.blocks))


def tables(blocks: tuple[Any, ...]) -> dict[str, Table]:
    return {block.caption: block for block in blocks if isinstance(block, Table)}


def the(found: dict[str, Table], caption: str) -> Table:
    (table,) = (table for name, table in found.items() if name.startswith(caption))
    return table


def network_tsv(root: Path, desc: str, suffix: str, frame: pd.DataFrame) -> Path:
    path = root / "group" / f"network-increase_desc-{desc}_{suffix}.tsv"
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def test_a_network_has_its_sections(made: Path) -> None:
    section = network_section(GroupOutputs(made), "increase")
    assert section.title == "Network: increase"
    names = [s.anchor.removeprefix("effect-increase-") for s in section.sections]
    assert names == ["clusters", "canonical", "specificity", "robustness", "contrasts"]
    assert not is_empty(GroupOutputs(made), GroupOutputs(made).networks[0])


def test_a_network_that_was_not_made_is_an_error_beside_its_contrasts(made: Path) -> None:
    for path in (made / "group").glob("network-*_mask.nii.gz"):
        path.unlink()
    section = network_section(GroupOutputs(made), "increase")
    (note,) = section.blocks
    assert (note.tone, note.text) == ("error", "The network was not made; see Errors.")
    assert [s.title for s in section.sections] == ["Contrasts"]


def test_an_empty_network_says_so_instead_of_tables(made: Path) -> None:
    frame = pd.DataFrame(columns=["cluster", "volume_mm3", "peak_x", "peak_y", "peak_z"])
    network_tsv(made, "clusters", "clusters", frame)
    assert is_empty(GroupOutputs(made), GroupOutputs(made).networks[0])
    section = network_section(GroupOutputs(made), "increase")
    assert "The network of increase is empty." in section.blocks[0].paragraphs
    assert "Clusters" not in [s.title for s in section.sections]


def test_clusters_and_peaks_are_shown_as_far_as_they_help(made: Path) -> None:
    regions = "; ".join([*(f"{20 - n} % region {n}" for n in range(9)), "4 % no region"])
    voxels = "; ".join(str(20 * (9 - n) + 4) for n in range(10))
    clusters = {"cluster": ["1"], "volume_mm3": ["8192"], "peak_probability": ["0.6666667"]}
    clusters |= {"peak_x": ["2"], "peak_y": ["-3"], "peak_z": ["4"]}
    frame = pd.DataFrame({**clusters, "cluster_labels": [regions], "com_x": ["1.23456"]})
    frame["cluster_label_voxels"] = voxels
    network_tsv(made, "clusters", "clusters", frame)
    peaks = pd.DataFrame({"cluster": ["1"] * 8, "peak": range(8), "probability": ["1"] * 8})
    path = network_tsv(made, "peaks", "clusters", peaks)
    path.with_suffix(".json").write_text('{"SmallestDistance": 8}')
    blocks = part(made, "clusters")
    (folded,) = [block for block in blocks if isinstance(block, Folded)]
    assert folded.title == "Regions of cluster 1 (8.2 cm³)"
    assert [row[:2] for row in folded.blocks[0].rows] == [
        *((f"region {n}", f"{20 - n} %") for n in range(9)),
        ("no region", "4 %"),
    ]
    # 184 of 940 voxels, rather than the rounded 20 %
    assert folded.blocks[0].rows[0][2] == "1,604"
    found = tables(blocks)
    row = the(found, "Clusters of the network").rows[0]
    assert "2 of 3 (0.667)" in row
    assert any(cell.endswith("18 % region 2; 6 more; 4 % no region") for cell in row)
    assert "1.2" in row
    shown = the(found, "Peaks within the clusters, at least 8 mm apart: 5 a cluster at most, 5 of")
    assert len(shown.rows) == 5


def test_canonical_networks_have_percentages_and_what_is_missing(made: Path) -> None:
    frame = pd.DataFrame(
        {"name": ["Visual", "Limbic"], "coverage": ["0.125", "n/a"], "share": ["0.5", "0"]}
    )
    path = network_tsv(made, "canonical", "metrics", frame)
    path.with_suffix(".json").write_text('{"Missing": ["no atlas of nuclei"], "Atlas": "Yeo"}')
    blocks = part(made, "canonical")
    (table,) = tables(blocks).values()
    assert table.rows[0][:3] == ("Visual", "12.5 %", "50.0 %")
    assert table.rows[1][1] == "–"
    assert "(Yeo)" in table.caption
    assert any(isinstance(b, Note) and b.text == "No atlas of nuclei." for b in blocks)


def test_many_variants_are_summed_up_by_what_was_varied(made: Path) -> None:
    assert any("No robustness check" in getattr(b, "text", "") for b in part(made, "robustness"))
    draws = [("bootstrap", "n/a", n, 0.5 + n / 100) for n in range(30)]
    radii = [("radius", "1", "n/a", 0.9), ("radius", "7", "n/a", 0.4)]
    frame = pd.DataFrame([*radii, *draws], columns=["check", "level", "draw", "dice"])
    primary = GroupOutputs(made).networks[0].sidecar["Threshold"]
    frame.loc[len(frame)] = ["threshold", f"{primary:g}", "n/a", 1.0]
    network_tsv(made, "robustness", "metrics", frame)
    (table,) = tables(part(made, "robustness")).values()
    assert [row[:3] for row in table.rows] == [
        ("radius", "lowest at 7 mm", "2"),
        ("bootstrap", "", "30"),
    ]
    assert [float(cell) for cell in table.rows[0][3:]] == [0.65, 0.4, 0.9]
    assert [float(cell) for cell in table.rows[1][3:]] == pytest.approx([0.645, 0.5, 0.79])
    frame.iloc[:5].to_csv(
        made / "group" / "network-increase_desc-robustness_metrics.tsv", sep="\t", index=False
    )
    assert len(next(iter(tables(part(made, "robustness")).values())).rows) == 5


def test_halves_without_a_network_and_ties_are_counted(made: Path) -> None:
    studies = [
        ("leave-one-study-out", name, "n/a", 0.0 if name in "ab" else 0.8, 9) for name in "abc"
    ]
    parts = [("participants", "0.25", n, 0.0, 0) for n in range(20)]
    dice = [None] * 4 + [0.0] + [0.3] * 15
    halves = [("split-half", "0.5", n, own, 5 * (n > 3)) for n, own in enumerate(dice)]
    columns = ["check", "level", "draw", "dice", "n_voxels"]
    network_tsv(
        made, "robustness", "metrics", pd.DataFrame([*studies, *parts, *halves], columns=columns)
    )
    blocks = part(made, "robustness")
    (table,) = tables(blocks).values()
    assert [row[:3] for row in table.rows] == [
        ("leave-one-study-out", "lowest at a, b", "3"),
        ("participants", table.rows[1][1], "20"),
        ("split-half (with each other)", table.rows[2][1], "16 of 20; 4 without any network"),
    ]
    (note,) = [block.text for block in blocks if isinstance(block, Note)]
    assert note.startswith(
        "No network remains in 20 of 20 draws of 25% of the participants (Dice 0 or n/a). In 4 of "
        "20 pairs of halves, there are no networks to compare (Dice n/a). In 1 of 20 pairs of "
        "halves, only one half has a network, or the networks of the two halves share no voxel "
        "(Dice 0). A t test"
    )


def test_variants_of_an_empty_network_are_not_compared_with_it(tmp_path: Path) -> None:
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3, threshold=1.1)
    rows = [("radius", "1", "0"), ("radius", "7", "12"), ("bootstrap", "n/a", "0")]
    frame = pd.DataFrame(rows, columns=["check", "level", "n_voxels"]).assign(dice="n/a")
    network_tsv(root, "robustness", "metrics", frame)
    (table,) = part(root, "robustness")
    assert table.rows == (("radius", "2", "12", "7 mm"), ("bootstrap", "1", "0", ""))


def test_contrasts_state_participants_threshold_and_share(made: Path) -> None:
    results = GroupOutputs(made)
    contrast = results.contrasts[0]
    sidecar = Path(str(contrast.mask).replace(".nii.gz", ".json"))
    said = {"VoxelsTested": 200, "VoxelsSignificant": 25, "NumberOfParticipants": 12}
    said["ParticipantsWithoutCoverage"] = ["03"]
    sidecar.write_text(json.dumps({**contrast.sidecar, **said}))
    blocks = part(made, "contrasts")
    (table,) = tables(blocks).values()
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["Contrast"] == contrast.name
    assert row["Participants covered"] == "11 of 12"
    assert row["Threshold t"] == "4.5"
    assert row["Brain in the mask"] == "12.5 %"
    folded = [block for block in blocks if isinstance(block, Folded)]
    assert [block.title for block in folded] == [c.name for c in results.contrasts]
    foci, absent = folded[0].blocks[-2:]
    assert [place.position for _, place in foci.entries] == [tuple(f) for f in contrast.foci]
    (network,) = results.networks
    assert {place.network for _, place in foci.entries} == {network.label}
    assert [place.contrast for place in table.places] == [c.label for c in results.contrasts]
    assert absent.paragraphs == ("The seed has too little coverage for a map in 1 participant: 03",)


def test_a_contrast_without_maps_is_named(made: Path) -> None:
    results = GroupOutputs(made)
    lost = results.contrasts[1]
    lost.mask.unlink()
    notes = [b.text for b in part(made, "contrasts") if isinstance(b, Note)]
    assert notes == [f"{lost.name}: its maps were not made."]
    assert isinstance(network_section(GroupOutputs(made), "increase"), Section)


def test_many_contrasts_are_folded_and_their_slices_linked(tmp_path: Path) -> None:
    root = make_results(tmp_path / "many", voxel=16.0, contrasts=25)
    results = GroupOutputs(root)
    for contrast in results.contrasts:
        path = contrast_figure(root, contrast.label)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    everything, *each = [b for b in part(root, "contrasts") if isinstance(b, Folded)]
    assert [block.title for block in everything.blocks] == [c.name for c in results.contrasts]
    figures = [block.blocks[0] for block in each]
    assert not any(figure.inside for figure in figures)
    text = render_page("T", "S", [Section("own", "Own", (figures[0],))])
    assert "<img" not in text
    assert f'href="{figures[0].place}"' in text
