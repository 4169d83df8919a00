"""Every setting has a flag, a help text and a default, and parses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from fcnm_bids import __version__
from fcnm_bids.cli.parser import Request, build_parser, parse
from fcnm_bids.config import SECTIONS, Config
from fcnm_bids.errors import RequestError
from fcnm_bids.setting import declared_settings, flag

REPOSITORY = Path(__file__).resolve().parents[2]
FIELDS = [(section, option.name) for section, kind in SECTIONS.items() for option in fields(kind)]
ACTIONS = {
    tuple(action.dest.split(".")): action
    for action in reversed(build_parser()._actions)  # the first of several that share a place
    if "." in action.dest
}
ALIASES = {
    "--session-label": ("selection", "session_id"),
    "-t": ("selection", "task_id"),
    "-p": ("denoising", "nuisance_regressors"),
    "-f": ("denoising", "fd_threshold"),
    "--min-effect": ("group", "min_mean_z"),
    "--n-cpus": ("resources", "nprocs"),
    "--nthreads": ("resources", "nprocs"),
    "--mem": ("resources", "mem_gb"),
    "--mem-mb": ("resources", "mem_gb"),
    "--use-plugin": ("resources", "nipype_plugin_file"),
    "-w": ("running", "work_dir"),
    "-v": ("running", "verbose"),
}


def ask(*options: str, level: str = "participant") -> Request:
    return parse(["bids", "out", level, *options])


def an_answer(section: str, name: str) -> tuple[list[str], Any]:
    """Words for an option on the command line, and the value that they stand for."""
    hint = get_type_hints(SECTIONS[section])[name]
    if hint is bool:
        return [], True
    if name == "verbose":
        return [], 1
    if get_origin(hint) is Literal:
        return [get_args(hint)[-1]], get_args(hint)[-1]
    if get_origin(hint) is tuple:
        if get_args(hint)[0] is float:
            return ["2", "5.5"], (2.0, 5.5)
        if get_origin(get_args(hint)[0]) is Literal:
            first, *_, last = get_args(get_args(hint)[0])
            return [first, last], (first, last)
        return ["a", "b"], ("a", "b")
    numbers = {"high_pass": 0.02, "nprocs": 2}
    if hint is int:
        return ["5"], 5
    if hint is float or float in get_args(hint):
        value = numbers.get(name, 0.5)
        return [str(value)], value
    return ["auto"], "auto"


def without_folder(value: Any) -> Any:
    """A value whose paths are again as they were given."""
    here = f"{Path.cwd()}/"
    if isinstance(value, tuple):
        return tuple(without_folder(item) for item in value)
    return value.removeprefix(here) if isinstance(value, str) else value


def test_the_options_are_the_settings() -> None:
    assert set(ACTIONS) == set(FIELDS)


NEEDED = {
    "control_masks": ("seeds", "masks", "a.nii"),
    **dict.fromkeys(
        ("outcomes", "score_covariates", "mask_test"), ("outcomes", "scores", "scores.tsv")
    ),
}
"""Options without which others are refused: section, name, value."""


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_an_option_has_both_spellings(section: str, name: str) -> None:
    for spelling in (flag(name), f"--{name}"):
        words, value = an_answer(section, name)
        declared = next(s for own, s in declared_settings(SECTIONS[section]) if own.name == name)
        first = (*declared.nulls[:1],)
        beside = ["--specificity", *first] if first else []
        if name in NEEDED:
            beside += [flag(NEEDED[name][1]), NEEDED[name][2]]
        given = ask(spelling, *words, *beside).explicit
        assert without_folder(given[section][name]) == value
        if first:
            del given[section]["specificity"]
        if name in NEEDED:
            del given[NEEDED[name][0]][NEEDED[name][1]]
        # a preset stands for many options, any other for itself
        assert name == "preset" or given == {section: {name: given[section][name]}}


def test_an_earlier_name_is_understood_and_the_present_one_told(tmp_path: Path) -> None:
    asked = ask("--min_effect", "0.1")
    assert asked.config.group.min_mean_z == 0.1
    assert asked.preset == (
        "--min-effect is now called --min-mean-z; the earlier name will be removed",
    )
    saved = tmp_path / "old.toml"
    saved.write_text("[group]\nmin_effect = 0.2\n")
    assert ask("--config-file", str(saved)).config.group.min_mean_z == 0.2


def test_specificity_alone_asks_for_all_tests() -> None:
    assert ask("--specificity").config.specificity.specificity == ("all",)
    assert ask().config.specificity.specificity == ()
    assert ask("--specificity", "split").config.specificity.specificity == ("split",)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2H", 7200)])
def test_times_have_units(text: str, seconds: float) -> None:
    asked = ask("--specificity", "--specificity-time", text)
    assert asked.config.specificity.specificity_time == seconds


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--label-test", "a:b"], "--label-test needs --specificity labels, split or all"),
        (["--thin-foci", "--specificity", "random"], "--thin-foci needs --specificity labels,"),
        (["--keep-distances", "--specificity", "strength"], "needs --specificity random or all"),
        (["--null-resolution", "4"], "--null-resolution needs --specificity random, strength"),
        (["--strength-match", "nearest20", "--specificity", "labels"], "strength or all"),
    ],
)
def test_an_option_of_a_null_is_not_dropped_without_a_word(options: list[str], told: str) -> None:
    with pytest.raises(RequestError, match=re.escape(told)):
        ask(*options)


@pytest.mark.parametrize(("alias", "place"), ALIASES.items())
def test_an_alias_in_both_spellings(alias: str, place: tuple[str, str]) -> None:
    section, name = place
    words = {"--mem": ["500M"], "--mem-mb": ["500"]}.get(alias, an_answer(section, name)[0])
    spellings = {alias, "--" + alias[2:].replace("-", "_")} if alias.startswith("--") else {alias}
    for spelling in spellings:
        assert list(ask(spelling, *words).explicit[section]) == [name]


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_an_option_has_a_help_text_that_states_its_default(section: str, name: str) -> None:
    text = ACTIONS[section, name].help
    assert text
    assert len(text) > 10
    default = getattr(SECTIONS[section](), name)
    if default in (None, (), False) or name in ("verbose", "nprocs"):
        return
    several = default if isinstance(default, tuple) else (default,)
    shown = " ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in several)
    assert f"default: {shown}" in text


def test_what_is_found_out_by_itself_says_so() -> None:
    for place in (
        ("selection", "participant_label"),
        ("selection", "session_id"),
        ("selection", "task_id"),
        ("selection", "space"),
        ("selection", "resolution"),
        ("connectome", "connectome_dir"),
        ("resources", "nprocs"),
        ("resources", "mem_gb"),
    ):
        assert "default: " in str(ACTIONS[place].help)


def test_no_option_is_named_by_its_place_in_the_code() -> None:
    assert not re.search(r"[A-Z]+\.[A-Z_]+", build_parser().format_help())


def test_nothing_given_is_nothing_explicit() -> None:
    request = ask()
    assert request.explicit == {}
    assert request.config.seeds == Config("", "", "participant").seeds
    assert request.config.analysis_level == "participant"


def test_the_group_level() -> None:
    assert ask(level="group").config.analysis_level == "group"


@pytest.mark.parametrize("options", [["--notrack"], ["--skip-bids-validation"]])
def test_options_of_other_bids_apps_are_accepted_and_change_nothing(options: list[str]) -> None:
    assert ask(*options).explicit == {}


def test_labels_lose_their_prefixes() -> None:
    selection = ask(
        "--participant-label", "sub-01", "02", "sub-sub", "--session-id", "ses-a", "b"
    ).config.selection
    assert selection.participant_label == ("01", "02", "sub")
    assert selection.session_id == ("a", "b")


@pytest.mark.parametrize(
    ("options", "gb"),
    [
        (["--mem", "16G"], 16),
        (["--mem", "16GB"], 16),
        (["--mem", "16 GiB"], 16),
        (["--mem", "1.5g"], 1.5),
        (["--mem", "500M"], 0.5),
        (["--mem", "2T"], 2000),
        (["--mem", "2000000K"], 2),
        (["--mem", "3000000000B"], 3),
        (["--mem", "16000"], 16),  # MB, as with fMRIPrep
        (["--mem-mb", "16000"], 16),
        (["--mem_mb", "500"], 0.5),
        (["--mem-gb", "2.5"], 2.5),
    ],
)
def test_units_of_memory(options: list[str], gb: float) -> None:
    assert ask(*options).config.resources.mem_gb == pytest.approx(gb)


@pytest.mark.parametrize("size", ["", "G", "16X", "+1G", "1.2.3G", "16GG", "lots"])
def test_a_size_that_is_none_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ask("--mem", size)
    assert ended.value.code == 2
    assert "size" in capsys.readouterr().err


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").touch()
    config = ask(
        *["--coordinates", "foci.tsv", "--masks", "a.nii", "b.nii", "-w", "scratch"],
        *["--bids-filter-file", "f.json", "--connectome-dir", "store", "-p", "mine.json"],
    ).config
    assert config.bids_dir == str(tmp_path / "bids")
    assert config.output_dir == str(tmp_path / "out")
    assert config.seeds.coordinates == str(tmp_path / "foci.tsv")
    assert config.seeds.masks == (str(tmp_path / "a.nii"), str(tmp_path / "b.nii"))
    assert config.selection.bids_filter_file == str(tmp_path / "f.json")
    assert config.connectome.connectome_dir == str(tmp_path / "store")
    assert config.denoising.nuisance_regressors == str(tmp_path / "mine.json")
    assert config.running.work_dir == str(tmp_path / "scratch")


def test_the_name_of_a_strategy_stays_a_name() -> None:
    assert ask("-p", "acompcor").config.denoising.nuisance_regressors == "acompcor"


def test_the_work_folder_is_absolute_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask().config.running.work_dir == str(tmp_path / "work")


def settings(folder: Path, text: str) -> list[str]:
    path = folder / "settings.toml"
    path.write_text(text)
    return ["--config-file", str(path)]


def test_a_configuration_file_counts_and_options_win(tmp_path: Path) -> None:
    text = (
        'bids_dir = "/other"\n[seeds]\nradius = 7.0\neffect = "up"\n'
        '[selection]\nparticipant_label = ["sub-01"]\n[denoising]\nsmoothing = 8\n'
    )
    request = ask(*settings(tmp_path, text), "--radius", "5")
    assert request.config.seeds.radius == 5
    assert request.config.seeds.effect == "up"
    assert request.config.denoising.smoothing == 8
    assert request.config.selection.participant_label == ("01",)
    assert request.config.bids_dir.endswith("/bids")
    assert request.explicit == {
        "seeds": {"radius": 5.0, "effect": "up"},
        "selection": {"participant_label": ("01",)},
        "denoising": {"smoothing": 8.0},
    }


def test_the_saved_configuration_can_be_given_again(tmp_path: Path) -> None:
    first = ask("--radius", "5", "--masks", "a.nii", "--mem", "2G", "--overwrite", "-v").config
    again = ask(*settings(tmp_path, first.to_toml())).config
    for section in SECTIONS:
        assert getattr(again, section) == getattr(first, section)


def test_a_configuration_file_with_mistakes_lists_them_all(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as refused:
        ask(*settings(tmp_path, '[seeds]\nradios = 1.0\nsphere = "cube"\n[nonsense]\n'))
    assert len(refused.value.problems) == 3


def test_all_values_that_make_no_sense_are_listed() -> None:
    with pytest.raises(RequestError) as refused:
        ask("--radius", "-1", "--alpha", "2", "--dummy-scans", "x", "--high-pass", "0.2")
    assert [problem.split()[0].rstrip(":") for problem in refused.value.problems] == [
        "--radius",
        "--alpha",
        "--high-pass",
        "--dummy-scans",
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--radios", "4"], "--radios"),
        (["--radius", "four"], "--radius"),
        (["--radius"], "--radius"),
        (["--sphere", "cube"], "voxel-rounded"),
        (["--min-dof", "30.5"], "--min-dof"),
        (["--particip", "01"], "--particip"),
        (["--mem-mb", "x"], "x"),
    ],
)
def test_what_cannot_be_parsed_ends_with_2(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ask(*options)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["b", "o", "participant", "--smooting", "4"], "--smooting; did you mean --smoothing?"),
        (["--particpant-label=1", "b", "o", "group"], "did you mean --participant-label?"),
        (["b", "o", "group", "--xyzzy"], "there is no option --xyzzy\n"),
        (["b", "o", "group", "--mem_gb", "lots"], "argument --mem-gb: invalid float"),
    ],
)
def test_what_is_wrong_comes_first_then_a_short_usage(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    first, *rest = capsys.readouterr().err.splitlines(keepends=True)
    assert told in first
    assert rest[0].startswith("usage: fcnm-bids BIDS_DIR OUTPUT_DIR")
    assert len(rest) == 2


def test_help_shows_each_option_once_and_where_it_belongs() -> None:
    text = build_parser().format_help()
    assert not re.search(r"--\w+_\w+", text)
    assert "fcnm-bids /data/fmriprep /data/fcnm group" in text
    assert text.count("Give these options to `group`") == 3
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("  --mem")]
    assert lines == ["--mem-gb", "--mem", "--mem-mb"]


@pytest.mark.parametrize(
    "words",
    [[], ["bids"], ["bids", "out"], ["bids", "out", "participants"], ["a", "b", "group", "c"]],
)
def test_the_three_places_are_needed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "told"), [("--version", __version__), ("--help", "--radius")])
def test_help_and_version_need_no_data_and_no_heavy_library(
    option: str, told: str, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "from fcnm_bids.cli.run import main\n"
        "try: main()\n"
        "finally: print('imported:', *({'bids', 'nipype', 'nibabel'} & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, option],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "80"},
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert told in ended.stdout
    assert ended.stdout.splitlines()[-1] == "imported:"
    assert list(tmp_path.iterdir()) == []
