"""``{columns} module.NAME``: the columns of an output table, as the code describes them."""

from __future__ import annotations

import importlib
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Columns(SphinxDirective):
    """A table of columns and what they hold, from one or several dictionaries."""

    required_arguments = 1
    optional_arguments = 9

    def run(self) -> list[nodes.Node]:
        """The table."""
        described: dict[str, str] = {}
        for name in self.arguments:
            module, _, attribute = name.rpartition(".")
            described |= getattr(importlib.import_module(module), attribute)
        rows = [f"| `{column}` | {_escaped(meaning)} |" for column, meaning in described.items()]
        return self.parse_text_to_nodes("\n".join(["| column | content |", "| --- | --- |", *rows]))


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*").replace("_", r"\_")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("columns", Columns)
    return {"parallel_read_safe": True}
