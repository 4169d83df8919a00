"""How Sphinx builds the site: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "fcnm_bids"
author = "The fcnm_bids developers"
copyright = author
release = version = (HERE.parent / "version").read_text().strip()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "gallery",
    "from_the_parser",
    "from_the_tables",
    "from_the_workflows",
    "links_between_pages",
]
exclude_patterns = ["_build", "_ext"]
# two hyphens begin an option
smartquotes = False
default_role = "literal"

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# what a function returns stands where a type would: "n" in one room is taken for that of another
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"fcnm_bids {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
