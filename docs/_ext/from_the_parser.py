"""``{options}``: every option of the command line, as the parser has it."""

from __future__ import annotations

import argparse
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from fcnm_bids.cli.parser import build_parser


class Options(SphinxDirective):
    """The positionals and the groups of options, each under a heading of its own."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        parser = build_parser()
        self.env.note_dependency(build_parser.__code__.co_filename)
        positionals, general, *groups = parser._action_groups
        found: list[nodes.Node] = []
        for group in (positionals, *groups, general):
            actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS]
            title = (group.title or "").capitalize()
            title = "General" if group is general else title
            text = "\n\n".join(map(_described, actions))
            section, dot, _ = actions[0].dest.partition(".")
            if dot:
                text = f"In a configuration file: `[{section}]`.\n\n{text}"
            found += self.parse_text_to_nodes(
                f"## {title}\n\n```{{program}} {parser.prog}\n```\n\n{text}\n",
                allow_section_headings=True,
            )
        return found


def _described(action: argparse.Action) -> str:
    """One option in MyST."""
    value = _value(action)
    names = [name for name in action.option_strings if "_" not in name] or [action.dest]
    signature = ", ".join(f"{name} {value}".strip() for name in names)
    told = ((action.help or "") % vars(action)).strip()
    if not told and action.choices:
        told = " or ".join(f"`{choice}`" for choice in action.choices)
    return f"````{{option}} {signature}\n{told}\n````"


def _value(action: argparse.Action) -> str:
    """What stands behind the option, such as ``MM`` or ``NAME [NAME ...]``."""
    if not action.option_strings or action.nargs == 0:
        return ""
    one = str(action.metavar or action.dest.rpartition(".")[2].upper())
    if action.choices and action.metavar is None:
        one = "{" + ",".join(map(str, action.choices)) + "}"
    return {"+": f"{one} [{one} ...]", "*": f"[{one} ...]"}.get(str(action.nargs), one)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("options", Options)
    return {"parallel_read_safe": True}
