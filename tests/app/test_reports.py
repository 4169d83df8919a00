from __future__ import annotations

import re
from pathlib import Path

import pytest

from fcnm_bids.cli.run import DONE, FAILED, WRONG_REQUEST, main
from fcnm_bids.report.figures import group as group_figures
from fcnm_bids.simulate import Truth


@pytest.fixture
def out(simulated: Truth, tmp_path: Path) -> Path:
    """The participant level's results of two participants."""
    assert call(simulated, tmp_path, "participant", *participants(simulated)) == DONE
    return tmp_path / "out"


def participants(simulated: Truth) -> list[str]:
    return [
        *("--participant-label", "01", "02"),
        *("--coordinates", str(simulated.coordinates)),
    ]


def call(simulated: Truth, tmp_path: Path, level: str, *options: str) -> int:
    command = [str(simulated.fmriprep), str(tmp_path / "out"), level, "--nprocs", "1"]
    return main([*command, "-w", str(tmp_path / "work"), *options])


def test_reports_are_rebuilt_from_what_is_there(
    simulated: Truth, out: Path, tmp_path: Path
) -> None:
    figures = sorted((out / "sub-01" / "figures").iterdir())
    before = {path: path.read_bytes() for path in [out / "sub-01.html", *figures]}
    for path in before:
        path.unlink()
    logs = sorted((out / "logs").iterdir())
    assert call(simulated, tmp_path, "participant", "--reports-only") == DONE
    assert {path: path.read_bytes() for path in before} == before
    assert sorted((out / "logs").iterdir()) == logs


def test_one_participants_report_alone(simulated: Truth, out: Path, tmp_path: Path) -> None:
    for name in ("01", "02"):
        (out / f"sub-{name}.html").unlink()
    options = ("--reports-only", "--participant-label", "02")
    assert call(simulated, tmp_path, "participant", *options) == DONE
    assert [path.name for path in out.glob("*.html")] == ["sub-02.html"]


def test_reports_left_out_are_drawn_by_a_later_run(simulated: Truth, tmp_path: Path) -> None:
    given = participants(simulated)
    root = tmp_path / "out"
    assert call(simulated, tmp_path, "participant", *given, "--reports", "none") == DONE
    assert not list(root.glob("*.html"))
    assert not list(root.rglob("figures"))
    listed = (root / "sub-01" / "manifest.tsv").read_bytes()
    assert call(simulated, tmp_path, "participant", *given, "--reports", "qc") == DONE
    assert (root / "sub-02.html").is_file()
    shown = {path.name.split("desc-")[1] for path in (root / "sub-01" / "figures").iterdir()}
    assert shown == {"motion_bold.svg", "carpet_bold.png"}
    page = (root / "sub-01.html").read_text(encoding="utf-8")
    assert "--reports-only draws them" in re.sub("</?span[^>]*>", "", page)
    assert call(simulated, tmp_path, "participant", "--reports-only") == DONE
    assert len(list((root / "sub-01" / "figures").glob("*_statmap.png"))) > 1
    assert (root / "sub-01" / "manifest.tsv").read_bytes() == listed


def test_no_reports_cannot_be_the_only_ones(simulated: Truth, tmp_path: Path) -> None:
    options = ("--reports-only", "--reports", "none")
    assert call(simulated, tmp_path, "participant", *options) == WRONG_REQUEST


def test_a_group_without_reports_has_all_its_results(
    simulated: Truth, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_figures, "draw_network", lambda *_: [])
    assert call(simulated, tmp_path, "group", "--reports", "none") == DONE
    assert not (out / "group.html").exists()
    assert not (out / "group" / "figures").exists()
    made = {path.name for path in (out / "group").iterdir()}
    assert call(simulated, tmp_path, "group") == DONE
    assert (out / "group.html").is_file()
    figures = {path.name for path in (out / "group" / "figures").iterdir()}
    assert any("seed-" in name for name in figures)
    assert {path.name for path in (out / "group").iterdir()} == made | {"figures"}


def test_without_results_there_is_nothing_to_report(simulated: Truth, tmp_path: Path) -> None:
    assert call(simulated, tmp_path, "group", "--reports-only") == WRONG_REQUEST


def test_the_methods_text_alone_computes_nothing(simulated: Truth, tmp_path: Path) -> None:
    options = (*participants(simulated), "--boilerplate-only", "--smoothing", "3")
    assert call(simulated, tmp_path, "participant", *options) == DONE
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["logs"]
    (text,) = (tmp_path / "out" / "logs").glob("*/CITATION.md")
    assert "3 mm full width" in text.read_text(encoding="utf-8")


def test_a_crash_still_leaves_a_report_that_shows_it(
    simulated: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fcnm_bids.interfaces import participant

    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("no maps <today>")

    monkeypatch.setattr(participant, "participant_maps", broken)
    assert call(simulated, tmp_path, "participant", *participants(simulated)) == FAILED
    page = (tmp_path / "out" / "sub-01.html").read_text(encoding="utf-8")
    assert "1 step failed" in page
    assert "no maps &lt;today&gt;" in page


def test_another_spaces_atlas_ends_before_any_computing(
    simulated: Truth, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    atlas = tmp_path / "atlas-X_space-MNI152NLin2009cAsym_dseg.nii.gz"
    atlas.write_bytes(b"x")
    code = call(simulated, tmp_path, "group", "--network-atlas", str(atlas))
    assert code == WRONG_REQUEST
    assert "its space is MNI152NLin2009cAsym" in capsys.readouterr().err
    assert not (out / "group").exists()
