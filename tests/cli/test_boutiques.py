"""The descriptor in the repository is the one that the parser gives, and is a valid one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fcnm_bids.cli.boutiques import describe
from fcnm_bids.cli.parser import build_parser

FILE = Path(__file__).resolve().parents[2] / "boutiques.json"
DESCRIPTOR = json.loads(FILE.read_text())
INPUTS = {item["id"]: item for item in DESCRIPTOR["inputs"]}


def test_it_is_what_the_parser_gives() -> None:
    assert describe() == DESCRIPTOR, "python -m fcnm_bids.cli.boutiques > boutiques.json"


def test_it_has_the_three_positionals_and_every_option_once() -> None:
    assert list(INPUTS)[:3] == ["bids_dir", "output_dir", "analysis_level"]
    assert INPUTS["analysis_level"]["value-choices"] == ["participant", "group"]
    assert not any(INPUTS[name]["optional"] for name in list(INPUTS)[:3])
    values = {action.dest for action in build_parser()._actions} - {"help", "version", "report_bug"}
    assert {value.rpartition(".")[2] for value in values} == set(INPUTS)
    assert len(INPUTS) == len(DESCRIPTOR["inputs"]) == len(values)
    keys = DESCRIPTOR["command-line"].split()[1:]
    assert keys == [item["value-key"] for item in DESCRIPTOR["inputs"]]


def test_every_flag_is_one_of_the_parser() -> None:
    last_first = reversed(build_parser()._actions)  # the first of several that share a place
    actions = {action.dest.rpartition(".")[2]: action for action in last_first}
    for name, item in INPUTS.items():
        flags = actions[name].option_strings
        assert item.get("command-line-flag", None) in (flags or [None])
        assert item.get("list", False) is (actions[name].nargs in ("+", "*"))
        assert item.get("value-choices") == (list(actions[name].choices or ()) or None)


def test_it_meets_the_rules_of_its_schema() -> None:
    wanted = {"name", "description", "command-line", "inputs", "schema-version", "tool-version"}
    assert wanted <= DESCRIPTOR.keys()
    for item in DESCRIPTOR["inputs"]:
        assert item["id"].isidentifier()
        assert item["type"] in ("String", "File", "Flag", "Number")
        assert item["description"]
        assert item["type"] != "Flag" or (item["optional"] and "command-line-flag" in item)
        assert ("integer" in item) is (item["type"] == "Number")
        assert not item.get("list") or item["type"] != "Flag"


def test_bosh_finds_it_valid() -> None:
    beside = Path(sys.executable).with_name("bosh")
    bosh = str(beside) if beside.is_file() else shutil.which("bosh")
    if bosh is None:
        pytest.skip("no bosh here (PyPI: boutiques): the descriptor was not held to its schema")
    done = subprocess.run(
        [bosh, "validate", str(FILE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
