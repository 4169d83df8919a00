"""The page's answer to whether a network is specific, against the tables it is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.report.figures.specificity import draw_specificity
from fcnm_bids.report.pages import html as page
from fcnm_bids.report.pages.html import render_page
from fcnm_bids.report.pages.specificity import specificity_blocks
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.text import as_text

REGIONS = "test\tname\tn_overlap\tn_overlap_null\tp\n" + "".join(
    f"{null}\t<b>Visual</b>\t31\t{mean}\t{p}\n{null}\tLimbic & co\t0\t1.5\t1\n"
    for null, mean, p in (("random", 12.345, 0.0123), ("strength", 17.5, 0.4567))
)


class Section(HTMLParser):
    """One section of a page: its text, tables by caption, findings, notes, pictures."""

    def __init__(self, page: str, anchor: str) -> None:
        super().__init__()
        self.anchor, self.depth = anchor, 0
        self.text, self.tables, self.caption = "", {}, ""  # type: ignore[var-annotated]
        self.findings: list[str] = []
        self.notes: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "section":
            if about.get("id") == self.anchor:
                self.depth = 1
            elif self.depth:
                self.depth += 1
        if not self.depth:
            return
        self.tags.append((tag, about))
        if tag == "span":  # an option within a text
            return
        self._within = tag
        if tag == "tr":
            self.tables.setdefault(self.caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self.caption][-1].append("")
        if tag == "caption":
            self.caption = ""
        if tag == "dd":
            self.findings.append("")
        if tag == "p":
            self.notes.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section" and self.depth:
            self.depth -= 1
        if tag != "span":
            self._within = ""

    def handle_data(self, data: str) -> None:
        if not self.depth:
            return
        self.text += data
        if self._within == "caption":
            self.caption += data
        if self._within in ("td", "th"):
            self.tables[self.caption][-1][-1] += data
        if self._within == "dd":
            self.findings[-1] += data
        if self._within == "p":
            self.notes[-1] += data

    def table(self, caption: str) -> list[list[str]]:
        """The rows of the one table whose caption begins so; the headings first."""
        (found,) = [rows for name, rows in self.tables.items() if name.startswith(caption)]
        return found


def section_of(root: Path, which: int = 0) -> Section:
    """The section made anew."""
    results = GroupOutputs(root)
    blocks = tuple(specificity_blocks(results, results.networks[which]))
    return Section(render_page("", "", [page.Section("own", "Is it specific?", blocks)]), "own")


def section_within(root: Path, which: int = 0) -> Section:
    """The section of the page that the run wrote."""
    label = GroupOutputs(root).networks[which].label.lower()
    text = (root / "group.html").read_text(encoding="utf-8")
    return Section(text, f"effect-{label}-specificity")


def table_path(root: Path, desc: str, which: int = 0) -> Path:
    label = GroupOutputs(root).networks[which].label
    return root / "group" / f"network-{label}_desc-{desc}_metrics.tsv"


@pytest.fixture(scope="module")
def written(finished: Path) -> Section:
    return section_within(finished)


def read(root: Path, desc: str) -> pd.DataFrame:
    return pd.read_csv(table_path(root, desc), sep="\t", dtype=str, keep_default_na=False)


def test_the_verdicts_stand_first_and_as_they_are(finished: Path, written: Section) -> None:
    tests = read(finished, "specificity")
    assert list(tests["test"]) == ["labels", "similarity", "strength", "random", "split", "degree"]
    assert written.findings == list(tests["verdict"])
    assert next(tag for tag, _ in written.tags if tag in ("dl", "table", "img", "p")) == "dl"


def test_the_table_of_tests_has_the_numbers_on_disk(finished: Path, written: Section) -> None:
    tests = read(finished, "specificity").set_index("test")
    rows = written.table("The network against its nulls")
    assert [row[0] for row in rows[1:]] == [
        "Studies that exchange labels",
        "Left-out studies",
        "Foci of equal strength",
        "Foci scattered in grey matter",
        "Random halves of the contrasts",
    ]
    columns = ["n_draws", "smallest_p", "n_voxels", "n_voxels_null", "n_voxels_null_upper"]
    columns += ["p_size", "share_surviving", "n_voxels_pfwe", "min_pfwe"]
    columns += ["n_voxels_convergence", "min_pfwe_convergence", "statistic", "p", "n_splits"]
    for test, row in zip(
        ("labels", "similarity", "strength", "random", "split"), rows[1:], strict=True
    ):
        expected = [as_text(tests.loc[test, name]) for name in columns]
        share = tests.loc[test, "share_surviving"]
        if test == "strength":
            # four participants: the reliability of strength is far too small
            expected[3:11] = ["withheld"] * 8
            assert row[1:] == expected
            continue
        expected[6] = "–" if share == "n/a" else f"{100 * float(share):.1f} %"
        assert row[1:] == expected


def test_the_degree_has_the_numbers_on_disk(finished: Path, written: Section) -> None:
    degree = read(finished, "degree")
    mean, probability = written.table("Correlation of the map with")[1:]
    single = written.table("Mean Fisher z of each contrast")[1:]
    expected = degree.set_index("map").astype(float)
    order = [*expected.index[:-2], "mean", "probability"]
    shown = [[float(cell) for cell in row[1:]] for row in (*single, mean, probability)]
    np.testing.assert_allclose(shown, expected.loc[order], rtol=0, atol=5.1e-4)
    assert [f"contrast {row[0]}" for row in single] == list(degree["map"])[:-2]
    said = json.loads(table_path(finished, "degree").with_suffix(".json").read_text())
    assert f"{said['Iterations']} iterations" in written.text
    assert f"{said['Targets']:,} random voxels" in written.text


COMPARED = "\n".join(
    (
        "test\tmap\tmeasure\tstatistic\tn_voxels\tvalue\tmedian_null\tp\tp_fwe\twithheld",
        "random\t<b>PET\tconvergence\tpearson\t712\t0.4321\t0.01\t0.0123\t0.03\tFalse",
        "strength\t<b>PET\tprobability\tpearson\t713\t0.4\t0.2\tn/a\tn/a\tTrue",
        "labels\t12\tdifference\tinside minus outside\t9\tn/a\tn/a\tn/a\tn/a\tFalse",
    )
)


def test_other_maps_stand_with_every_test(results: Path) -> None:
    table_path(results, "comparedmaps").write_text(COMPARED + "\n")
    found = section_of(results)
    random, strength, labels = found.table("Similarity of other maps")[1:]
    scattered = "Foci scattered in grey matter"
    assert random[:5] == ["<b>PET", "convergence map", scattered, "pearson", "0.432"]
    assert random[5:] == ["0.01", "0.0123", "0.03", "712"]
    assert strength[1:3] == ["probability map", "Foci of equal strength"]
    assert strength[4:] == ["0.400", "withheld", "withheld", "withheld", "713"]
    assert labels[:2] == ["12", "difference from the other effect"]
    assert labels[4:] == ["–", "–", "–", "–", "9"]
    assert not [tag for tag, _ in found.tags if tag == "b"]


def test_nothing_of_a_withheld_test_looks_like_a_result(results: Path) -> None:
    path = table_path(results, "specificity")
    tests = read(results, "specificity")
    tests["withheld"] = ["True" if test == "strength" else "n/a" for test in tests["test"]]
    tests.to_csv(path, sep="\t", index=False)
    regions = REGIONS.replace("\tp\n", "\tp\twithheld\n")
    regions = re.sub(r"(random.*)", r"\1\tFalse", re.sub(r"(strength.*)", r"\1\tTrue", regions))
    table_path(results, "canonicalnull").write_text(regions)
    found = section_of(results)
    rows = {row[0]: row[1:] for row in found.table("The network against its nulls")[1:]}
    # sizes of the null's networks, p of the size, share, voxels, p, and voxels and p of convergence
    assert rows["Foci of equal strength"][3:11] == ["withheld"] * 8
    assert "withheld" not in rows["Foci scattered in grey matter"]
    rows = {row[0]: row[1:] for row in found.table("Voxels of the network in each")[1:]}
    assert rows["<b>Visual</b>"] == ["31", "12.3", "0.0123", "withheld", "withheld"]


def test_canonical_networks_stand_once_with_every_null(results: Path) -> None:
    table_path(results, "canonicalnull").write_text(REGIONS)
    found = section_of(results)
    assert found.table("Voxels of the network in each canonical")[1:] == [
        ["<b>Visual</b>", "31", "12.3", "0.0123", "17.5", "0.457"],
        ["Limbic & co", "0", "1.5", "1", "1.5", "1"],
    ]
    assert not [tag for tag, _ in found.tags if tag == "b"]
    assert "not corrected for the number of networks (2)" in found.text
    assert "inside each canonical network minus outside" not in found.text


def test_the_map_inside_canonical_networks_is_compared_too(results: Path) -> None:
    columns = "\tdifference\tdifference_null\tp_difference\tp_difference_fwe"
    lines = REGIONS.splitlines()
    more = [f"{line}\t0.25\t{i}\t0.0{i}\t0.1" for i, line in enumerate(lines[1:], 1)]
    table_path(results, "canonicalnull").write_text("\n".join([lines[0] + columns, *more]) + "\n")
    rows = section_of(results).table("Mean probability inside each canonical")
    assert rows[1] == ["<b>Visual</b>", "0.25", "1", "0.01", "0.1", "3", "0.03", "0.1"]
    assert rows[0][2:4] == ["Scattered foci: median", "p, scattered foci"]


@pytest.mark.parametrize("which", [0, 1])
def test_both_effects_say_what_the_labels_stand_for(finished: Path, which: int) -> None:
    found = section_within(finished, which)
    counts = read(finished, "labels")
    rows = found.table("What the labels")[1:]
    assert rows == [
        [row[0], *(as_text(cell) for cell in row[1:])] for row in counts.to_numpy().tolist()
    ]
    assert "<img src=x onerror=alert(2)>" in [row[0] for row in rows]
    assert not [about for tag, about in found.tags if tag == "img" and about.get("src") == "x"]


def test_the_picture_is_there_with_words_beside_it(written: Section) -> None:
    (picture,) = [about for tag, about in written.tags if tag == "img"]
    assert str(picture["src"]).startswith("data:image/svg+xml")
    assert len(str(picture["alt"])) > 80
    assert "Orange: the observed foci" in written.text


ALL = ("specificity", "degree", "canonicalnull", "labels", "randomdraws", "strengthdraws")
SIGNS: dict[str, Callable[[Section], bool]] = {
    "specificity": lambda found: bool(found.findings),
    "degree": lambda found: "R² of all" in found.text,
    "canonicalnull": lambda found: "<b>Visual</b>" in found.text,
    "labels": lambda found: "stand for" in found.text,
}


@pytest.mark.parametrize("lost", ALL)
def test_a_missing_table_takes_nothing_else_with_it(results: Path, lost: str) -> None:
    table_path(results, "canonicalnull").write_text(REGIONS)
    table_path(results, lost).unlink()
    found = section_of(results)
    assert {desc: sign(found) for desc, sign in SIGNS.items()} == {
        desc: desc != lost for desc in SIGNS
    }


@pytest.mark.parametrize(
    ("content", "labels_drawn"),
    [("", True), ("verdict\nyes\n", True), ("test\trandom\n\x00", False)],
)
def test_damaged_tables_are_not_fatal(results: Path, content: str, labels_drawn: bool) -> None:
    for desc in ALL:
        table_path(results, desc).write_text(content)
    assert "Is it specific?" in section_of(results).text
    network = GroupOutputs(results).networks[0]
    assert draw_specificity(results / "a.svg", network) == labels_drawn


def keep_tests(root: Path, *tests: str) -> None:
    frame = read(root, "specificity")
    frame[frame["test"].isin(tests)].to_csv(table_path(root, "specificity"), sep="\t", index=False)


def test_what_was_not_asked_for_is_said_and_how_to_ask(results: Path) -> None:
    keep_tests(results, "degree", "random")
    table_path(results, "canonicalnull").write_text(REGIONS)
    found = section_of(results)
    (note,) = [text for text in found.notes if text.startswith("Not compared with")]
    for option in ("--specificity strength", "--specificity labels", "--specificity split"):
        assert option in note
    assert "--specificity random" not in note
    assert "--label-test A:B" in note
    # what an earlier run left behind is not shown
    assert "equal strength: mean" not in found.text.lower()
    assert "stand for" not in found.text


def test_a_note_says_that_no_null_was_looked_at(results: Path) -> None:
    keep_tests(results, "degree")
    found = section_of(results)
    assert any(text.startswith("No null model was run") for text in found.notes)
    assert found.findings == [read(results, "specificity")["verdict"][0]]
    assert len([tag for tag, _ in found.tags if tag == "table"]) == 2
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert not draw_specificity(results / "a.svg", GroupOutputs(results).networks[0])


def change_settings(root: Path, old: str, new: str) -> None:
    for path in (root / "logs").glob("*/config.toml"):
        if Config.read(path).analysis_level == "group":
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_test_that_was_asked_for_and_is_lost_is_an_error(results: Path) -> None:
    change_settings(results, '[\n    "all",', '[\n    "random",\n    "strength",')
    keep_tests(results, "degree", "random", "labels", "split")
    notes = section_of(results).notes
    assert "Requested, but missing: strength; see Errors." in notes


def test_draws_too_few_for_the_error_rate_are_said(results: Path) -> None:
    frame = read(results, "specificity")
    frame.loc[frame["test"] == "random", ["n_draws", "smallest_p"]] = ["9", "0.1"]
    frame.to_csv(table_path(results, "specificity"), sep="\t", index=False)
    notes = " ".join(section_of(results).notes)
    assert (
        "Foci scattered in grey matter: 9 draws give no p below 0.1, so they cannot reach 0.05; at "
        "least 19 are needed" in notes
    )
    assert "9 of 19 draws were made; see Errors" in notes
    assert "equal strength: 19 draws" not in notes


@pytest.mark.parametrize(
    ("exact", "remedy"),
    [(False, "at least 19 are needed (--n-permutations)"), (True, "more studies are needed")],
)
def test_few_relabellings_are_drawn_or_all_there_are(
    results: Path, exact: bool, remedy: str
) -> None:
    frame = read(results, "specificity")
    frame.loc[frame["test"] == "labels", ["n_draws", "smallest_p"]] = ["9", "0.1"]
    frame.to_csv(table_path(results, "specificity"), sep="\t", index=False)
    for path in (results / "group").glob("network-*_desc-labels_stat-z_statmap.json"):
        said = {"LabellingsPossible": 2016, "LabellingsExact": exact}
        path.write_text(json.dumps({**json.loads(path.read_text()), **said}))
    notes = " ".join(section_of(results).notes)
    assert f"9 relabellings give no p below 0.1, so they cannot reach 0.05; {remedy}" in notes


def test_draws_that_the_time_cut_short_are_said(results: Path) -> None:
    change_settings(results, "[specificity]", "[specificity]\nspecificity_time = 60.0")
    change_settings(results, "n_permutations = 19", "n_permutations = 500")
    notes = " ".join(section_of(results).notes)
    assert "19 of 500 draws were made; the time that --specificity-time allows was used up" in notes


def test_the_word_is_left_to_the_verdicts(written: Section) -> None:
    text = written.text
    for finding in written.findings:
        text = text.replace(finding, "")
    text = text.replace("Is it specific?", "").replace("--specificity", "")
    text = re.sub(r"group/figures/\S+", "", text)
    assert "specific" not in text.lower()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"StrengthMatch": "nearest20"}, "Foci of about equal strength (approximate)"),
        ({"NullResolution": 12.0}, "of a coarser grid (12 mm)"),
    ],
)
def test_what_the_draws_were_is_told(results: Path, changes: dict[str, object], named: str) -> None:
    sidecar = table_path(results, "strengthdraws").with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | changes))
    assert named in section_of(results).text
