"""Names of pages, which stand as `docs/store.md` where the repository is read, become links."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_ELSEWHERE = {
    "singularity/README.md": "clusters",
    "CHANGES.md": "changes",
    "CONTRIBUTING.md": "contributing",
}


class LinkPages(SphinxTransform):
    """Make a link of every literal that names a page."""

    default_priority = 210

    def apply(self, **_: Any) -> None:
        """Replace the literals."""
        for literal in list(self.document.findall(nodes.literal)):
            page = page_of(literal.astext())
            if page is None or page == self.env.docname or _linked(literal):
                continue
            link = addnodes.pending_xref(
                "",
                refdomain="std",
                reftype="doc",
                reftarget=f"/{page}",
                refexplicit=False,
                refdoc=self.env.docname,
                refwarn=True,
            )
            link += nodes.inline("", page, classes=["doc"])
            literal.replace_self(link)


def page_of(text: str) -> str | None:
    """The page that a name of a file stands for; None for other texts."""
    match = re.fullmatch(r"docs/([\w/]+)\.md", text)
    return match[1] if match else _ELSEWHERE.get(text)


def _linked(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.reference | addnodes.pending_xref | nodes.title):
            return True
    return False


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_transform(LinkPages)
    return {"parallel_read_safe": True}
