"""One set of settings per output folder, handed from level to level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.reruns.settings_lock import foci_file, inherit_settings, lock_settings, settings_file
from fcnm_bids.seeds import read_foci, write_foci
from fcnm_bids.simulate import Truth

Make = Callable[..., Config]
Given = dict[str, dict[str, Any]]


@pytest.fixture
def participant(request_for: Make) -> Config:
    """A participant level that has run: its settings are kept, its foci written."""
    config = request_for(
        denoising={"smoothing": 8.0, "low_pass": 0.0}, selection={"task_id": "rest"}
    )
    lock_settings(config)
    keep_foci(config)
    return config


def keep_foci(config: Config) -> None:
    write_foci(
        read_foci(str(config.seeds.coordinates), effect=None), foci_file(Path(config.output_dir))
    )


def group_of(config: Config, **given: dict[str, Any]) -> Config:
    """A group level into the same folder, with only the options that are given."""
    fresh = Config(config.bids_dir, config.output_dir, "group")
    return inherit_settings(fresh.update(given), given)


def refusal(ask: Callable[[], Any]) -> list[str]:
    with pytest.raises(RequestError) as refused:
        ask()
    return list(refused.value.problems)


def other_table(simulated: Truth, folder: Path) -> str:
    """The simulated coordinates with one focus elsewhere."""
    table = simulated.foci.drop(columns="on_network")
    table.loc[0, "x"] += 1
    path = folder / "other.tsv"
    table.to_csv(path, sep="\t", index=False)
    return str(path)


def test_the_group_level_starts_from_what_the_participant_level_was_run_with(
    participant: Config,
) -> None:
    group = group_of(participant)
    assert group.denoising == participant.denoising
    assert group.selection == participant.selection
    assert group.seeds.radius == participant.seeds.radius
    assert group.seeds.coordinates == str(foci_file(Path(participant.output_dir)))
    assert group.analysis_level == "group"


def test_without_a_participant_level_nothing_is_inherited(request_for: Make) -> None:
    config = request_for(level="group")
    assert inherit_settings(config, {}) == config


def test_resources_and_group_settings_are_free(participant: Config) -> None:
    given: Given = {"resources": {"nprocs": 3}, "group": {"alpha": 0.01}, "running": {"verbose": 1}}
    group = group_of(participant, **given)
    assert (group.resources.nprocs, group.group.alpha, group.running.verbose) == (3, 0.01, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"denoising": {"smoothing": 8.0}},
        {"selection": {"task_id": "rest"}},
        {"seeds": {"radius": 4.0, "sphere": "mm"}},
        {"selection": {"participant_label": ("01", "02")}},
    ],
)
def test_what_is_given_again_with_the_same_value_is_fine(participant: Config, given: Given) -> None:
    assert group_of(participant, **given).denoising == participant.denoising


@pytest.mark.parametrize(
    ("given", "flag", "values"),
    [
        ({"denoising": {"smoothing": 6.0}}, "--smoothing", ("6.0", "8.0")),
        ({"denoising": {"low_pass": 0.1}}, "--low-pass", ("0.1", "0.0")),
        ({"seeds": {"radius": 5.0}}, "--radius", ("5.0", "4.0")),
        ({"seeds": {"masks": ("x.nii",)}}, "--masks", ("x.nii", "(none)")),
        ({"selection": {"task_id": "nback"}}, "--task-id", ("nback", "rest")),
        ({"selection": {"session_id": ("a",)}}, "--session-id", ("a", "(none)")),
        ({"selection": {"space": "MNI305"}}, "--space", ("MNI305", "without it")),
    ],
)
def test_an_option_that_differs_is_refused_with_both_values(
    participant: Config, given: Given, flag: str, values: tuple[str, str]
) -> None:
    _, problem = refusal(lambda: group_of(participant, **given))
    assert flag in problem
    assert all(value in problem for value in values)


def test_all_differences_are_told(participant: Config) -> None:
    given: Given = {"denoising": {"smoothing": 6.0, "high_pass": 0.02}, "seeds": {"radius": 5.0}}
    assert len(refusal(lambda: group_of(participant, **given))) == 1 + 3


def test_the_same_coordinates_may_lie_elsewhere(
    participant: Config, simulated: Truth, tmp_path: Path
) -> None:
    table = pd.read_csv(simulated.coordinates, sep="\t")
    table[table.columns[::-1]].to_csv(tmp_path / "moved.csv", index=False)
    given: Given = {"seeds": {"coordinates": str(tmp_path / "moved.csv")}}
    assert group_of(participant, **given).seeds.coordinates == str(tmp_path / "moved.csv")


def test_other_coordinates_are_refused_with_the_difference(
    participant: Config, simulated: Truth, tmp_path: Path
) -> None:
    given: Given = {"seeds": {"coordinates": other_table(simulated, tmp_path)}}
    _, problem = refusal(lambda: group_of(participant, **given))
    assert (
        f"foci or effects differ from the earlier table for {simulated.foci.contrast[0]}" in problem
    )
    assert "foci.tsv" in problem


def test_after_a_participant_level_without_maps_its_table_is_read_again(
    request_for: Make, simulated: Truth
) -> None:
    config = request_for(connectome={"subject_maps": "none"}, seeds={"effect": "pain"})
    lock_settings(config)
    group = group_of(config)
    assert group.seeds.coordinates == str(simulated.coordinates)
    assert group.seeds.effect == "pain"


def test_a_connectome_without_seeds_leaves_the_seeds_open(request_for: Make) -> None:
    config = request_for(connectome={"connectome_only": True}, seeds={"coordinates": None})
    lock_settings(config)
    given: Given = {"seeds": {"coordinates": "/any.tsv", "radius": 7.0}}
    assert group_of(config, **given).seeds.radius == 7
    later = request_for(seeds={"radius": 7.0})
    lock_settings(later)
    assert group_of(config).seeds.radius == 7


def test_the_store_is_found_where_the_participant_level_put_it(
    request_for: Make, tmp_path: Path
) -> None:
    config = request_for(connectome={"connectome_dir": str(tmp_path / "store")})
    lock_settings(config)
    assert group_of(config).connectome_path == tmp_path / "store"
    given: Given = {"connectome": {"connectome_dir": str(tmp_path / "moved")}}
    assert group_of(config, **given).connectome_path == tmp_path / "moved"


def again(config: Config, **changed: dict[str, Any]) -> Callable[[], None]:
    return lambda: lock_settings(config.update(changed))


def test_the_same_request_again_changes_nothing(participant: Config) -> None:
    path = settings_file(Path(participant.output_dir))
    before = path.stat().st_mtime_ns
    lock_settings(participant)
    lock_settings(participant.update({"resources": {"nprocs": 9}, "group": {"alpha": 0.01}}))
    lock_settings(participant.update({"selection": {"participant_label": ("01",)}}))
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changed", "flag", "values"),
    [
        ({"denoising": {"smoothing": 6.0}}, "--smoothing", ("6.0 now", "8.0 before")),
        ({"seeds": {"radius": 5.0}}, "--radius", ("5.0 now", "4.0 before")),
        ({"seeds": {"masks": ("x.nii",)}}, "--masks", ("x.nii now", "(none) before")),
        ({"selection": {"task_id": None}}, "--task-id", ("(none) now", "rest before")),
        ({"selection": {"space": "S"}}, "--space", ("S now", "(none) before")),
    ],
)
def test_a_rerun_with_other_settings_is_refused_with_both_values(
    participant: Config, changed: Given, flag: str, values: tuple[str, str]
) -> None:
    first, problem = refusal(again(participant, **changed))
    assert "--overwrite" in first
    assert flag in problem
    assert all(value in problem for value in values)


def test_a_rerun_with_other_coordinates_is_refused(
    participant: Config, simulated: Truth, tmp_path: Path
) -> None:
    other = other_table(simulated, tmp_path)
    _, problem = refusal(again(participant, seeds={"coordinates": other}))
    assert "foci or effects differ from the earlier table" in problem


def kept_table(simulated: Truth, folder: Path, keep: Callable[[str], bool], prefix: str) -> str:
    """Some of the simulated contrasts, and copies of them under other names."""
    table = simulated.foci.drop(columns="on_network")
    table = table[table["contrast"].map(keep)]
    copies = table.assign(study=prefix + table["study"], contrast=prefix + table["contrast"])
    table = pd.concat([table, copies])
    path = folder / "changed.tsv"
    table.to_csv(path, sep="\t", index=False)
    return str(path)


def test_contrasts_may_be_added_and_taken_out(
    participant: Config, simulated: Truth, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = simulated.foci["contrast"][0]
    fewer = kept_table(simulated, tmp_path, lambda name: name != first, prefix="New ")
    given: Given = {"seeds": {"coordinates": fewer}}
    with caplog.at_level("INFO", "fcnm_bids"):
        lock_settings(participant.update(given))
    assert "contrasts that are new: New Simulated" in caplog.text
    assert f"contrasts taken out, and their outputs with them: {first}\n" in caplog.text
    assert group_of(participant, **given).seeds.coordinates == fewer


def test_a_table_without_any_contrast_of_before_is_refused(
    participant: Config, simulated: Truth, tmp_path: Path
) -> None:
    table = simulated.foci.drop(columns="on_network")
    table["contrast"] = "Other " + table["contrast"]
    table.to_csv(tmp_path / "another.tsv", sep="\t", index=False)
    asked = again(participant, seeds={"coordinates": str(tmp_path / "another.tsv")})
    _, problem = refusal(asked)
    assert "it shares no contrast with the earlier table" in problem


def test_a_contrast_of_another_effect_is_refused(
    participant: Config, simulated: Truth, tmp_path: Path
) -> None:
    table = simulated.foci.drop(columns="on_network")
    first = table["contrast"] == table["contrast"][0]
    table.loc[first, "effect"] = "another"
    table.to_csv(tmp_path / "moved.tsv", sep="\t", index=False)
    assert refusal(again(participant, seeds={"coordinates": str(tmp_path / "moved.tsv")}))


def test_overwriting_replaces_the_settings(participant: Config) -> None:
    changed: Given = {"denoising": {"smoothing": 6.0}, "running": {"overwrite": True}}
    lock_settings(participant.update(changed))
    assert group_of(participant).denoising.smoothing == 6
    assert refusal(again(participant))


def test_comparing_alone_keeps_nothing(participant: Config, tmp_path: Path) -> None:
    elsewhere = Config(participant.bids_dir, str(tmp_path / "new"), "participant")
    lock_settings(elsewhere, save=False)
    assert not (tmp_path / "new").exists()
    assert refusal(
        lambda: lock_settings(participant.update({"seeds": {"radius": 5.0}}), save=False)
    )


def test_the_group_level_is_held_to_its_own_settings(participant: Config) -> None:
    group = group_of(participant)
    lock_settings(group)
    lock_settings(group.update({"resources": {"nprocs": 9}}))
    lock_settings(
        group.update({"seeds": {"coordinates": participant.seeds.coordinates, "effect": "x"}})
    )
    first, problem = refusal(again(group, group={"alpha": 0.01}))
    assert "--overwrite" in first
    assert "--alpha 0.01 now, 0.05 before" in problem
    lock_settings(group.update({"group": {"alpha": 0.01}, "running": {"overwrite": True}}))
    assert refusal(again(group))


def test_settings_of_another_version_are_explained(participant: Config) -> None:
    path = settings_file(Path(participant.output_dir))
    path.write_text(path.read_text() + "\n[future]\nx = 1\n")
    assert "[future]" in refusal(lambda: group_of(participant))[0]
