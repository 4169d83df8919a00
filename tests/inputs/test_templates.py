"""Files of TemplateFlow that are on this machine, and those that are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fcnm_bids.inputs import templates
from fcnm_bids.inputs.templates import fetch_template, find_templates, template_home

SPACE = "MNI152NLin6Asym"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    (tmp_path / f"tpl-{SPACE}").mkdir()
    return tmp_path


def test_the_home_is_the_variable_or_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert template_home() == home
    monkeypatch.setenv("TEMPLATEFLOW_HOME", "")
    assert template_home() == Path.home() / ".cache" / "templateflow"


def test_empty_files_and_cohorts_are_left_out(home: Path) -> None:
    folder = home / f"tpl-{SPACE}"
    for name, content in {
        "res-01_label-GM_probseg.nii.gz": b"1",
        "res-02_label-GM_probseg.nii.gz": b"",
        "cohort-2_res-01_label-GM_probseg.nii.gz": b"1",
        "res-01_label-WM_probseg.nii.gz": b"1",
    }.items():
        (folder / f"tpl-{SPACE}_{name}").write_bytes(content)
    found = find_templates(SPACE, "*label-GM_probseg.nii.gz")
    assert [path.name for path in found] == [f"tpl-{SPACE}_res-01_label-GM_probseg.nii.gz"]
    assert find_templates("MNI152NLin2009cAsym", "*") == []


def test_a_failure_to_fetch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from templateflow import api

    monkeypatch.delenv("TEMPLATEFLOW_AUTOUPDATE", raising=False)

    def offline(*args: object, **entities: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(templates, "_no_answer", lambda: "")
    monkeypatch.setattr(templates, "_read_list", lambda: None)
    monkeypatch.setattr(api, "get", offline)
    assert fetch_template(SPACE, resolution=1) == "ConnectionError"


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_does_not_answer_ends_the_attempt_before_the_list_is_read(
    monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    import requests
    from templateflow import api

    def head(*args: object, **options: object) -> None:
        if silent:
            time.sleep(5)
        raise requests.ConnectionError

    def forbidden(*args: object, **entities: object) -> None:
        raise AssertionError("went on")

    monkeypatch.delenv("TEMPLATEFLOW_AUTOUPDATE", raising=False)
    monkeypatch.setattr(templates, "_PATIENCE", 0.2)
    monkeypatch.setattr(requests, "head", head)
    monkeypatch.setattr(templates, "_read_list", forbidden)
    monkeypatch.setattr(api, "get", forbidden)
    began = time.monotonic()
    assert fetch_template(SPACE, resolution=1) == ("Timeout" if silent else "ConnectionError")
    assert time.monotonic() - began < 4


def test_what_takes_time_is_announced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import requests
    from templateflow import api, conf

    monkeypatch.delenv("TEMPLATEFLOW_AUTOUPDATE", raising=False)
    monkeypatch.setattr(requests, "head", lambda *args, **options: None)
    monkeypatch.setitem(vars(conf), "TF_LAYOUT", None)
    monkeypatch.setattr(api, "get", lambda *args, **entities: None)
    templates._read_list.cache_clear()
    with caplog.at_level("INFO", "fcnm_bids"):
        assert fetch_template(SPACE, resolution=1, suffix="T1w") == ""
    assert [record.getMessage() for record in caplog.records] == [
        "connecting to TemplateFlow",
        "reading TemplateFlow's list of files",
        f"fetching from TemplateFlow: 1_T1w of {SPACE}",
    ]


@pytest.mark.parametrize("word", ["off", "0", "False"])
def test_nothing_is_fetched_where_that_is_forbidden(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    from templateflow import api

    def forbidden(*args: object, **entities: object) -> None:
        raise AssertionError("asked for a file")

    monkeypatch.setattr(api, "get", forbidden)
    monkeypatch.setenv("TEMPLATEFLOW_AUTOUPDATE", word)
    assert fetch_template(SPACE, resolution=1) == "TEMPLATEFLOW_AUTOUPDATE is off"
