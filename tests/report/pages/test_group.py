from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.report.figures.group import draw_group_figures
from fcnm_bids.report.pages.group import write_group_page
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.conftest import HOSTILE
from tests.report.explorer.made import make_results


class Elements(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page(finished: Path) -> Elements:
    return Elements((finished / "group.html").read_text(encoding="utf-8"))


def test_names_from_the_table_are_shown_as_they_are(page: Elements) -> None:
    for name in HOSTILE[:4]:
        assert name in page.text


def test_nothing_from_the_table_becomes_markup(page: Elements) -> None:
    assert not [a for a in page.all("img") if a.get("src") == "x"]
    assert not [a for _, a in page.found if any(name.startswith("on") for name in a)]
    data = ["application/json", "application/octet-stream"]
    assert [a.get("type") for a in page.all("script")] == [*data, None, None]


def test_only_the_pages_own_script_may_run(page: Elements) -> None:
    (policy,) = [a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy["content"])
    assert re.search(r"script-src( 'sha256-[A-Za-z0-9+/=]+'){3};", str(policy["content"]))


def test_nothing_is_asked_from_elsewhere(page: Elements) -> None:
    addresses = [a.get("src") or a.get("href") or "" for name, a in page.found if name != "a"]
    assert not [x for x in addresses if x and not x.startswith("data:")]


def test_links_lead_into_the_page_to_its_files_and_to_dois(finished: Path, page: Elements) -> None:
    links = [str(a["href"]) for a in page.all("a")]
    beyond = [link for link in links if not link.startswith(("#", "https://doi.org/10."))]
    assert "participants.tsv" in beyond
    assert any(link.startswith("group/figures/") for link in beyond)
    assert [link for link in beyond if not (finished / link).is_file()] == []
    assert any(link.startswith("https://doi.org/10.") for link in links)


def test_every_picture_has_a_text_beside_it(page: Elements) -> None:
    pictures = page.all("img")
    assert len(pictures) > 8
    assert all(len(a.get("alt") or "") > 20 for a in pictures)


def test_the_table_of_contents_leads_to_sections(page: Elements) -> None:
    targets = [str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")]
    anchors = [str(a["id"]) for _, a in page.found if "id" in a]
    assert len(anchors) == len(set(anchors))
    assert set(targets) <= set(anchors)


def test_the_numbers_are_those_of_the_tables(finished: Path, page: Elements) -> None:
    for path in sorted((finished / "group").glob("network-*_desc-clusters_clusters.tsv")):
        clusters = pd.read_csv(path, sep="\t")
        for volume in clusters["volume_mm3"]:
            assert f"{volume:,.0f}" in page.text


def test_no_p_value_of_overlap_is_shown(page: Elements) -> None:
    assert "No p-values are given" in page.text or "no overlap with canonical" in page.text


def test_the_command_and_the_versions_are_there(page: Elements) -> None:
    assert "fcnm-bids " in page.text
    assert "--network-threshold 0.5" in page.text
    assert "nibabel" in page.text


@pytest.mark.slow
def test_the_same_results_give_the_same_files(results: Path) -> None:
    first = {path: path.read_bytes() for path in draw_group_figures(results)}
    first[write_group_page(results)] = (results / "group.html").read_bytes()
    shutil.rmtree(results / "group" / "figures")
    (results / "group.html").unlink()
    draw_group_figures(results)
    write_group_page(results)
    assert [path.name for path, content in first.items() if path.read_bytes() != content] == []


def test_no_path_leaves_the_output_folder(finished: Path) -> None:
    strange = [p for p in finished.parent.rglob("*") if re.search(r"[<>]|x onerror", p.name)]
    assert strange == []
    assert sorted(p.name for p in finished.parent.iterdir()) == ["foci.tsv", "out", "work"]


def test_a_page_is_made_from_whatever_there_is(results: Path) -> None:
    shutil.rmtree(results / "logs")
    shutil.rmtree(results / "group" / "figures")
    for path in (results / "group").glob("network-*"):
        path.unlink()
    (results / "participants.tsv").unlink()
    text = Elements(write_group_page(results).read_text(encoding="utf-8")).text
    assert "The network was not made" in text
    assert "participants.tsv is missing" in text


def test_contrasts_of_an_earlier_table_are_not_shown(results: Path) -> None:
    table = pd.read_csv(results / "foci.tsv", sep="\t", dtype=str, keep_default_na=False)
    gone = table["contrast"].iloc[0]
    table[table["contrast"] != gone].to_csv(results / "foci.tsv", sep="\t", index=False)
    assert gone not in [contrast.name for contrast in GroupOutputs(results).contrasts]


def test_runs_left_out_are_listed_with_their_reasons(results: Path) -> None:
    excluded = results / "group" / "desc-excluded_runs.tsv"
    excluded.write_text("participant_id\trun\treason\nsub-09\tbold\ttoo <b>short</b>\n")
    text = write_group_page(results).read_text(encoding="utf-8")
    assert "too &lt;b&gt;short&lt;/b&gt;" in text


def test_a_crash_is_shown(results: Path) -> None:
    logs = max((results / "logs").glob("*/config.toml")).parent
    (logs / "crash-2026-node.txt").write_text("Traceback: <i>broken</i>")
    text = write_group_page(results).read_text(encoding="utf-8")
    assert "1 step failed" in text
    assert "Traceback: &lt;i&gt;broken&lt;/i&gt;" in text


def write_tsv(path: Path, text: str) -> None:
    path.write_text(text.replace(" ", "\t"))


def test_whatever_robustness_is_on_disk_is_shown(results: Path) -> None:
    label = GroupOutputs(results).networks[0].label
    path = results / "group" / f"network-{label}_desc-robustnessMore_metrics.tsv"
    write_tsv(path, "variant dice\nradius<7> 0.8765\n")
    page = Elements(write_group_page(results).read_text(encoding="utf-8"))
    assert "radius<7>" in page.text
    assert "0.876" in page.text


def test_a_note_says_where_no_robustness_was_checked(results: Path) -> None:
    for path in (results / "group").rglob("*robustness*"):
        path.unlink()
    page = Elements(write_group_page(results).read_text(encoding="utf-8"))
    assert "No robustness check has been run" in page.text


@pytest.mark.parametrize(
    ("asked", "share", "whole"),
    [
        ("brain", "Brain in the mask", "the share of the whole brain that"),
        ("gm", "Grey matter in the mask", "the share of grey matter that"),
        ("/x/cortex.nii.gz", "Tested voxels in the mask", "the share of the mask cortex.nii.gz"),
    ],
)
def test_shares_are_of_the_analysis_mask(results: Path, asked: str, share: str, whole: str) -> None:
    group = results / "group"
    label = GroupOutputs(results).networks[0].label
    path = group / f"network-{label}_desc-canonical_metrics.tsv"
    columns = "name n_voxels n_overlap coverage share enrichment dice"
    write_tsv(path, f"{columns}\nVisual 9 3 0.333 0.5 2.5 0.4\n")
    for sidecar in (
        *group.glob("seed-*_desc-significant_mask.json"),
        *group.glob("net*_mask.json"),
    ):
        sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "AnalysisMask": asked}))
    text = Elements(write_group_page(results).read_text(encoding="utf-8")).text
    assert share in text
    assert whole in text
    assert "Degrees of freedom (fewest)" in text
    assert "The mark on the colour bar is the threshold, t = 2" in text


def test_p_values_of_overlap_are_shown_where_there_are_any(results: Path) -> None:
    label = GroupOutputs(results).networks[0].label
    path = results / "group" / f"network-{label}_desc-canonical_metrics.tsv"
    columns = "name n_voxels n_overlap coverage share enrichment dice p_random"
    write_tsv(path, f"{columns}\nVisual 9 3 0.333 0.5 2.5 0.4 0.0123\n")
    page = Elements(write_group_page(results).read_text(encoding="utf-8"))
    assert "33.3 %" in page.text
    assert "0.0123" in page.text


def summary(root: Path) -> str:
    """The verdict on the network of a report."""
    found = re.search(r"<dd>(.*?)</dd>", write_group_page(root).read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_the_summary_has_the_evidence_in_sentences(tmp_path: Path) -> None:
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3)
    said = {"LowestDiceWithoutAStudy": 0.678, "labels": {"ShareSurviving": None}}
    said |= {"strength": {"ShareSurviving": None}, "random": {"ShareSurviving": 0.9}}
    stem = root / "group" / "network-increase_desc-"
    Path(f"{stem}verdict.json").write_text(json.dumps(said))
    tests = pd.DataFrame({"test": ["strength", "random"]})
    tests.to_csv(f"{stem}specificity_metrics.tsv", sep="\t", index=False)
    text = summary(root)
    assert "Every voxel of the network is connected with at least 50% of its 3 contrasts." in text
    assert "The comparison with foci of equal strength gives no verdict." in text
    assert "90% of the network survives the comparison with foci scattered in grey matter." in text
    assert "Not compared with studies that exchange the labels of two effects." in text
    assert "Robustness: Dice at least 0.67 whichever study is left out." in text
    pairs = {"MedianDiceOfHalves": 0.25, "PairsOfHalves": 20, "PairsOfHalvesCompared": 20}
    Path(f"{stem}verdict.json").write_text(json.dumps(said | pairs))
    assert (
        "Robustness: Dice at least 0.67 whichever study is left out, and median Dice 0.25 between "
        "random halves of the participants (20 pairs)." in summary(root)
    )
    said |= {"LowestDiceWithoutAStudy": 0.0, "StudiesOfLowestDice": ["A <b>"]}
    Path(f"{stem}verdict.json").write_text(json.dumps(said | {"VoxelsWithoutThem": [0]}))
    assert "Robustness: no network remains when A &lt;b&gt; is left out (Dice 0)." in summary(root)


def test_the_summary_of_an_empty_network_has_no_evidence(tmp_path: Path) -> None:
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3, threshold=1.1)
    verdict = {"LowestDiceWithoutAStudy": None, "labels": {"ShareSurviving": None}}
    path = root / "group" / "network-increase_desc-verdict.json"
    path.write_text(json.dumps(verdict))
    text = summary(root)
    assert (
        "No network: there is no cluster of voxels that are each connected with at least 110%"
        in text
    )
    assert "Not compared" not in text
