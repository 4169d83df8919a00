"""Whole runs of the command line: exit codes, reruns, faults."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.reruns.settings_lock import inherit_settings
from tests.cli.desk import Desk, Ended, Finished, read_table, snapshot
from tests.reliability.outputs import contents


def changed(before: dict[Path, tuple[int, int]], after: dict[Path, tuple[int, int]]) -> set[Path]:
    return {path for path in before | after if before.get(path) != after.get(path)}


def test_both_levels_end_well(finished: Finished) -> None:
    for ended in (finished.participant, finished.group):
        assert ended.code == 0, ended.out + ended.err
        assert ended.err == ""
        assert ended.out.splitlines()[-1].endswith(f"done: {finished.output}")
    assert "4 participants, 6 runs" in finished.participant.out
    assert "residual degrees of freedom" in finished.participant.out
    assert "4 participants, 6 projected runs" in finished.group.out


def test_nothing_is_written_but_outputs_and_work(finished: Finished) -> None:
    assert snapshot(finished.fmriprep.parent) == finished.input_before
    desk = finished.desk
    assert list(desk.cwd.iterdir()) == []
    assert list(desk.temporary.iterdir()) == []
    assert not desk.home.exists()
    assert {path.name for path in desk.work.iterdir()} <= {"matplotlib", "cached"}


def test_the_request_is_saved_beside_the_outputs(finished: Finished) -> None:
    saved = [Config.read(path) for path in finished.output.glob("logs/*/config.toml")]
    assert {config.analysis_level for config in saved} == {"participant", "group"}
    for config in saved:
        assert config.output_dir == str(finished.output)
        assert config.denoising.nuisance_regressors == "27P"
        assert config.resources.nprocs == 2
    assert not list(finished.output.glob("logs/*/crash*"))


def test_a_rerun_of_either_level_does_nothing_and_says_so(
    finished: Finished, desk: Desk, output: Path
) -> None:
    before = snapshot(output)
    for level, given in (("participant", ["--coordinates", finished.coordinates]), ("group", [])):
        ended = desk.call(finished.fmriprep, output, level, *given)
        assert ended.code == 0, ended.err
        assert "everything is there already; nothing to do" in ended.out
    assert snapshot(output) == before


def again(finished: Finished, desk: Desk, output: Path, *options: object) -> Ended:
    return desk.call(
        *(finished.fmriprep, output, "participant"),
        *("--coordinates", finished.coordinates, *options),
    )


def test_a_missing_output_and_a_damaged_run_are_made_again_and_nothing_else(
    finished: Finished, desk: Desk, output: Path
) -> None:
    [missing] = output.glob("sub-01/func/*seed-x_stat-fisherz_statmap.nii.gz")
    content = missing.read_bytes()
    missing.unlink()
    [damaged] = output.glob("connectome/sub-03/func/*.h5")
    with h5py.File(damaged) as file:
        key = file.attrs["key"]
    damaged.write_bytes(damaged.read_bytes()[:5000])
    before = snapshot(output)
    ended = again(finished, desk, output)
    assert ended.code == 0, ended.out + ended.err
    assert f"warning: {damaged.name} is damaged" in ended.out
    assert "it is made again" in ended.out
    assert "2 of 4 participants complete" in ended.out
    made = {path.parts[0] for path in changed(before, snapshot(output)) if path.parts[0] != "logs"}
    assert made - {"connectome", "seeds", "foci.tsv"} <= {
        "sub-01",
        "sub-01.html",
        "sub-03",
        "sub-03.html",
    }
    assert {path.parts[1] for path in changed(before, snapshot(output)) if "h5" in path.suffix} == {
        "sub-03"
    }
    assert missing.stat().st_size == pytest.approx(len(content), abs=20)
    with h5py.File(damaged) as file:
        assert file.attrs["key"] == key


def test_a_hole_in_the_group_is_seen(finished: Finished, output: Path) -> None:
    def done() -> bool:
        asked = Config(str(finished.fmriprep), str(output), "group")
        return plan_group_level(inherit_settings(asked, {})).done

    assert done()
    for path in (output / "group.html", *output.glob("group/seed-x_*_stat-t_statmap.*")):
        content = path.read_bytes()
        path.unlink()
        assert not done()
        path.write_bytes(b"")
        assert not done()
        path.write_bytes(content)
    assert done()


def test_an_emptied_output_is_made_again(finished: Finished, desk: Desk, output: Path) -> None:
    before = contents(output / "sub-01")
    [emptied] = output.glob("sub-01/func/*seed-x_stat-fisherz_statmap.nii.gz")
    emptied.write_bytes(b"")
    ended = again(finished, desk, output)
    assert ended.code == 0, ended.out + ended.err
    assert f"{emptied} is empty; made again" in ended.out
    assert "3 of 4 participants complete" in ended.out
    assert contents(output / "sub-01") == before


def test_a_contrast_more_is_mapped_without_overwriting(
    finished: Finished, desk: Desk, output: Path, tmp_path: Path
) -> None:
    table = read_table(finished.coordinates)
    gone, kept = table["contrast"].unique()
    new = table[table["contrast"] == kept].assign(study="New", contrast="new one")
    pd.concat([table[table["contrast"] == kept], new]).to_csv(
        tmp_path / "grown.tsv", sep="\t", index=False
    )
    old = {path.name for path in output.glob("group/seed-*_stat-t_statmap.nii.gz")}
    grown = ("--coordinates", tmp_path / "grown.tsv", "--reports", "none")
    ended = desk.call(finished.fmriprep, output, "group", *grown)
    assert ended.code == 0, ended.out + ended.err
    assert "contrasts that are new: new one" in ended.out
    assert f"contrasts taken out, and their outputs with them: {gone}" in ended.out
    now = {path.name for path in output.glob("group/seed-*_stat-t_statmap.nii.gz")}
    assert len(old & now) == len(old - now) == len(now - old) == 1
    found = output.glob("group/network-increase_space-*_probseg.json")
    [network] = (path for path in found if "_desc-" not in path.name)
    assert json.loads(network.read_text())["Contrasts"] == [kept, "new one"]


@pytest.mark.slow
def test_contrasts_that_were_there_are_kept(
    finished: Finished,
    desk: Desk,
    output: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table = read_table(finished.coordinates)
    first = table[table["contrast"] == table["contrast"].iloc[0]]
    third, fourth = (first.assign(study=name, contrast=f"the {name}") for name in ("3rd", "4th"))
    tables = [tmp_path / name for name in ("three.tsv", "four.tsv")]
    for path, parts in zip(tables, ([table, third], [fourth, table, third]), strict=True):
        pd.concat(parts).to_csv(path, sep="\t", index=False)
    other = Path(shutil.copytree(output, tmp_path / "other"))

    def grown(place: Path, place_to_work: Desk, path: Path) -> Ended:
        words = (finished.fmriprep, place, "group", "--coordinates", path)
        ended = place_to_work.run(*words, HOME=str(desk.home))
        assert ended.code == 0, ended.out + ended.err
        return ended

    assert "are kept" not in grown(output, desk, tables[0]).out
    before = snapshot(output / "group")
    spoilt = next(output.glob("group/seed-*3rd*_stat-t_statmap.json"))
    spoilt.write_text("{}")
    assert "2 of 4 contrasts are cached from an earlier run" in grown(output, desk, tables[1]).out
    made = {path.name for path in changed(before, snapshot(output / "group"))}
    # figures are the report's, which is drawn anew
    images = {name for name in made if name.startswith("seed-") and "_space-" in name}
    assert not any("_desc-connectome_" in name for name in made)
    assert {name.split("_")[0] for name in images} == {
        "seed-the3rd",
        "seed-the4th",
    }
    grown(other, Desk(tmp_path_factory.mktemp("elsewhere")), tables[1])
    parts = [contents(place / "group", but="html") for place in (output, other)]
    assert parts[0] == parts[1]
    assert len(list((desk.work / "cached").glob("*/*"))) == 5


def test_a_rerun_with_other_settings_is_refused_and_overwriting_replaces(
    finished: Finished, desk: Desk, output: Path, tmp_path: Path
) -> None:
    before = snapshot(output)
    ended = again(finished, desk, output, "--radius", "6", "--smoothing", "0")
    assert ended.code == 2
    assert "--overwrite" in ended.problems[0]
    assert ended.problems[1:] == ["--radius 6.0 now, 4.0 before", "--smoothing 0.0 now, 6.0 before"]
    assert snapshot(output) == before

    table = read_table(finished.coordinates)
    one = tmp_path / "one.tsv"
    table[table["contrast"] == "../../x"].to_csv(one, sep="\t", index=False)
    old = {path.name for path in output.glob("sub-01/func/*statmap.nii.gz")}
    ended = desk.call(
        *(finished.fmriprep, output, "participant", "--coordinates", one, "--radius", "6"),
        *("--participant-label", "sub-01", "--overwrite", "--reports", "none"),
    )
    assert ended.code == 0, ended.out + ended.err
    [kept] = output.glob("sub-01/func/*statmap.nii.gz")
    assert "seed-x_" in kept.name
    assert kept.name in old
    sidecar = json.loads(Path(str(kept).replace(".nii.gz", ".json")).read_text())
    assert sidecar["SphereRadius"] == 6


def test_the_group_level_refuses_what_differs_from_the_participant_level(
    finished: Finished, desk: Desk, output: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.tsv"
    table = read_table(finished.coordinates)
    table.loc[0, "x"] = "99"
    table.to_csv(other, sep="\t", index=False)
    before = snapshot(output)
    for given, told in (
        (["--smoothing", "8"], "--smoothing 8.0: the participant level was run with 6.0"),
        (["--coordinates", other], "foci or effects differ from the earlier table for"),
    ):
        ended = desk.call(finished.fmriprep, output, "group", *given)
        assert ended.code == 2
        assert told in ended.problems[1]
    assert snapshot(output) == before


@pytest.mark.faults
def test_a_damaged_image_leaves_its_run_out_and_the_rest_goes_on(
    finished: Finished, desk: Desk, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    root = dataset("01", "02")
    # a plus sign is allowed in labels
    for path in sorted(root.rglob("*sub-01*"), key=lambda p: -len(p.parts)):
        path.rename(path.with_name(path.name.replace("sub-01", "sub-a+1")))
    [bold] = root.glob("sub-02/func/*run-2*_bold.nii.gz")
    whole = bold.read_bytes()
    bold.write_bytes(whole[: len(whole) // 2])
    request = (root, tmp_path / "out", "participant", "--connectome-only")
    ended = desk.call(*request)
    assert ended.code == 0, ended.out + ended.err
    assert f"{bold.name} is excluded" in ended.out
    [table] = (tmp_path / "out").glob("sub-02/func/*desc-qc_metrics.tsv")
    qc = read_table(table).set_index("run")
    assert list(qc["included"]) == ["True", "False"]
    assert qc["reason"].iloc[0] == "n/a"
    assert "cut short" in qc["reason"].iloc[1]
    stored = {path.name.split("_space")[0] for path in (tmp_path / "out").rglob("*.h5")}
    assert stored == {"sub-a+1_task-rest", "sub-02_task-rest_run-1"}
    assert "nothing to do" in desk.call(*request).out

    bold.write_bytes(whole)
    repaired = desk.call(*request)
    assert repaired.code == 0, repaired.out + repaired.err
    assert "1 of 2 participants complete" in repaired.out
    assert list(read_table(table)["included"]) == ["True", "True"]


@pytest.mark.faults
def test_when_every_image_is_damaged_no_usable_run_is_left(
    desk: Desk, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    root = dataset("01")
    [bold] = root.rglob("*_bold.nii.gz")
    bold.write_bytes(bold.read_bytes()[:200_000])
    for _ in range(2):
        ended = desk.call(root, tmp_path / "out", "participant", "--connectome-only")
        assert ended.code == 2
        assert ended.problems[0] == "no usable run is left"
        assert "cut short" in ended.problems[1]


@pytest.mark.faults
def test_a_node_that_fails_is_exit_code_1_and_a_rerun_makes_the_rest(
    desk: Desk, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    root = dataset("01", "03")
    in_the_way = tmp_path / "out" / "sub-03"
    in_the_way.parent.mkdir()
    in_the_way.touch()
    request = (root, tmp_path / "out", "participant", "--connectome-only")
    ended = desk.call(*request)
    assert ended.code == 1
    assert "error: fcnm_participants_wf.sub_03_wf.project: " in ended.out
    assert "not everything was made (sub-03)" in ended.out
    assert "the same command again makes the rest" in ended.out
    assert list((tmp_path / "out").glob("logs/*/crash*"))
    assert (tmp_path / "out" / "sub-01" / "manifest.tsv").is_file()
    in_the_way.unlink()
    ended = desk.call(*request)
    assert ended.code == 0, ended.out + ended.err
    assert "1 of 2 participants complete" in ended.out


def test_array_jobs_share_their_folders(finished: Finished, desk: Desk, tmp_path: Path) -> None:
    store, output = tmp_path / "lab store", tmp_path / "out"
    jobs = [
        desk.start(
            *(finished.fmriprep, output, "participant", "--connectome-dir", store),
            *("--coordinates", finished.coordinates, "--subject-maps", "none", "--reports", "none"),
            *("--participant-label", label, "--nprocs", "1"),
        )
        for label in ("01", "03")
    ]
    for ended in map(desk.wait, jobs):
        assert ended.code == 0, ended.out + ended.err
    assert len(list(store.rglob("*.h5"))) == 2
    assert not (output / "connectome").exists()
    for label in ("01", "03"):
        listed = read_table(output / f"sub-{label}" / "manifest.tsv")
        assert set(listed["status"]) == {"present"}


@pytest.mark.slow
def test_a_lab_maps_masks_on_its_store(finished: Finished, desk: Desk, tmp_path: Path) -> None:
    store, new = finished.output / "connectome", tmp_path / "new"
    mask = finished.fmriprep.parent / "truth" / "network-increase_mask.nii.gz"
    before = snapshot(store)
    ended = desk.run(store, new, "group", "--masks", mask, "--effect", "läsion")
    assert ended.code == 0, ended.out + ended.err
    assert list(new.glob("group/network-lasion_*_probseg.nii.gz"))
    assert list(new.glob("group/seed-networkincreasemask_*_stat-t_statmap.nii.gz"))
    assert len(read_table(new / "participants.tsv")) == 4
    assert snapshot(store) == before
    assert not (new / "connectome").exists()


def test_the_group_level_says_what_to_run_first(
    finished: Finished, desk: Desk, tmp_path: Path
) -> None:
    ended = desk.call(
        finished.fmriprep, tmp_path / "out", "group", "--coordinates", finished.coordinates
    )
    assert ended.code == 2
    assert "run the participant level first" in ended.problems[0]
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_the_plan_and_writes_nothing(
    finished: Finished, desk: Desk, tmp_path: Path
) -> None:
    ended = again(finished, desk, tmp_path / "out", "--dry-run")
    assert ended.code == 0, ended.err
    assert "4 participants, 6 runs" in ended.out
    assert "2 contrasts" in ended.out
    kinds = [line.split()[1] for line in ended.out.splitlines() if line.endswith((" s", " min"))]
    assert kinds == ["seeds", "project", "map", "report", "all"]
    assert not (tmp_path / "out").exists()
    assert not desk.work.exists()


def test_a_wrong_request_tells_every_problem_on_a_line_of_its_own(
    finished: Finished, desk: Desk, tmp_path: Path
) -> None:
    ended = desk.run(
        finished.fmriprep, tmp_path / "out", "participant", "--radius", "-1", "-f", "x"
    )
    assert ended.code == 2
    assert "argument -f/--fd-thresh/--fd-threshold" in ended.err
    values = ("--radius", "-1", "--alpha", "7")
    ended = desk.run(finished.fmriprep, tmp_path / "out", "participant", *values)
    assert ended.code == 2
    assert [line.split()[0].rstrip(":") for line in ended.problems] == ["--radius", "--alpha"]
    (tmp_path / "photos").mkdir()
    ended = desk.run(tmp_path / "photos", tmp_path / "out", "participant")
    assert ended.code == 2
    assert all(line.startswith("fcnm-bids: ") for line in ended.err.splitlines())
    assert "no sub-* folders" in ended.problems[0]
    assert "Traceback" not in ended.err + ended.out
    assert not (tmp_path / "out").exists()
