"""Folders that an option with several values took: the message names it and the right order."""

from __future__ import annotations

import pytest

from fcnm_bids.cli.parser import parse

RIGHT = "fcnm-bids /data /out participant --participant-label 01 02"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--participant-label 01 02 /data /out participant", RIGHT),
        (
            "--radii 1 4 /data /out group --alpha 0.01",
            "fcnm-bids /data /out group --radii 1 4 --alpha 0.01",
        ),
        (
            "--specificity random /data /out group",
            "fcnm-bids /data /out group --specificity random",
        ),
    ],
)
def test_the_option_and_the_right_order_are_named(
    capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words.split())
    message = capsys.readouterr().err
    assert ended.value.code == 2
    option = words.split()[0]
    assert f"fcnm-bids: {option} takes all words up to the next option" in message
    assert f"put folders and level first: {told}\n" in message


def test_the_order_that_is_named_is_understood() -> None:
    assert parse(RIGHT.split()[1:]).config.selection.participant_label == ("01", "02")


def test_other_mistakes_are_told_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["/data", "/out"])
    assert "required: analysis_level" in capsys.readouterr().err


def test_spellings_of_other_apps_are_accepted() -> None:
    words = "/d /o participant --skip_bids_validator --lower-bpf 0.02 --upper-bpf 0.08"
    config = parse([*words.split(), "--fd-thresh", "0.3", "--n_procs", "3"]).config
    assert (config.denoising.high_pass, config.denoising.low_pass) == (0.02, 0.08)
    assert (config.denoising.fd_threshold, config.resources.nprocs) == (0.3, 3)
