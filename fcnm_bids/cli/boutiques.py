"""The Boutiques descriptor of the program: ``python -m fcnm_bids.cli.boutiques > boutiques.json``.

It is made from the parser, so that it knows every option (Glatard et al. 2018,
10.1093/gigascience/giy016).
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.cli.parser import build_parser
from fcnm_bids.config import SECTIONS
from fcnm_bids.setting import declared_settings, flag

_FILES = {"bids_dir", "config_file"} | {
    own.name
    for section in SECTIONS.values()
    for own, declared in declared_settings(section)
    if declared.path == "read"
}
"""Inputs that have to exist; what is only written to, or may be a word as well, is a text."""


def describe() -> dict[str, Any]:
    """The descriptor, version 0.5 of its schema."""
    parser = build_parser()
    inputs = [_input(action) for action in _actions(parser)]
    return {
        "name": "fcnm_bids",
        "tool-version": __version__,
        "schema-version": "0.5",
        "description": parser.description,
        "command-line": " ".join(["fcnm-bids", *(item["value-key"] for item in inputs)]),
        "container-image": {"type": "docker", "image": f"fcnm_bids:{__version__}"},
        "inputs": inputs,
        "output-files": [
            {
                "id": "output_folder",
                "name": "Output folder",
                "description": "BIDS derivatives with the reports",
                "path-template": "[OUTPUT_DIR]",
            },
            {
                "id": "group_report",
                "name": "Report of the group level",
                "path-template": "[OUTPUT_DIR]/group.html",
                "optional": True,
            },
        ],
        "error-codes": [
            {"code": 1, "description": "Something failed, or a promised output is missing."},
            {"code": 2, "description": "The request is wrong, or no usable run is left."},
            {"code": 143, "description": "Ended with SIGTERM."},
        ],
        "tags": {"domain": ["neuroinformatics", "fmri"], "app": ["bids"]},
    }


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Positionals and options, one for each value that they set."""
    first: dict[str, argparse.Action] = {}
    for action in parser._actions:
        if action.dest not in ("help", "version", "report_bug"):
            first.setdefault(action.dest, action)
    return list(first.values())


def _input(action: argparse.Action) -> dict[str, Any]:
    """One input of the descriptor."""
    name = action.dest.rpartition(".")[2]
    described: dict[str, Any] = {
        "id": name,
        "name": name.replace("_", " ").capitalize(),
        "description": (action.help or f"one of {', '.join(action.choices or ())}") % vars(action),
        "value-key": f"[{name.upper()}]",
        "optional": bool(action.option_strings),
    }
    if action.option_strings:
        described["command-line-flag"] = flag(name)
    if action.nargs == 0:
        return {**described, "type": "Flag"}
    if action.type in (int, float):
        described["type"] = "Number"
        described["integer"] = action.type is int
    else:
        described["type"] = "File" if name in _FILES else "String"
    if action.choices:
        described["value-choices"] = list(action.choices)
    if action.nargs in ("+", "*"):
        described["list"] = True
    return described


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe(), indent=2, ensure_ascii=False) + "\n")
