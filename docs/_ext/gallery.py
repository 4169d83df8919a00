"""``{example}``: Python on a page, run when the site is built, with what it shows.

The examples of a page run in one namespace, in a folder with simulated participants: their
derivatives (``fmriprep/``), store (``store/``) and results (``fcnm/``), and coordinates
(``peaks.tsv``). The folder is made once for a state of the program, in ``build/gallery``.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import io
import logging
import os
import shutil
import subprocess
import sys
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "build" / "gallery"
_WIDEST = 12
_NUMBER = "{:.5g}".format
_LONGEST = 15


class Example(SphinxDirective):
    """A block of Python and what it printed and showed."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The block, and its output."""
        code = "\n".join(self.content)
        literal = nodes.literal_block(code, code, language="python")
        self.set_source_info(literal)
        shown = run_example(code, self._names(), f"{self.env.docname}:{self.lineno}")
        return [literal, *[nodes.raw("", part, format="html") for part in shown]]

    def _names(self) -> dict[str, Any]:
        """The variables of the page."""
        pages = self.env.temp_data.setdefault("fcnm_gallery", {})
        return pages.setdefault(self.env.docname, {"__name__": "__main__"})


def run_example(code: str, names: dict[str, Any], where: str) -> list[str]:
    """Run a block in the folder of examples and return what it shows, as pieces of HTML.

    Raises
    ------
    ExtensionError
        The block failed.
    """
    logging.getLogger("fcnm_bids").setLevel(logging.WARNING)
    made_before = {path: path.stat().st_mtime_ns for path in example_folder().glob("*.png")}
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    value = None
    with contextlib.chdir(FOLDER), contextlib.redirect_stdout(printed):
        try:
            exec(compile(tree, where, "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        except Exception as error:
            raise ExtensionError(f"{where}: {type(error).__name__}: {error}") from error
    shown = [f"<pre>{escape(printed.getvalue().rstrip())}</pre>"] if printed.getvalue() else []
    if value is not None:
        shown.append(_as_html(value))
    if not (hasattr(value, "_repr_html_") and not hasattr(value, "columns")):
        shown += [
            _picture(path)
            for path in sorted(FOLDER.glob("*.png"))
            if made_before.get(path) != path.stat().st_mtime_ns
        ]
    return [f'<div class="example-output">{part}</div>' for part in shown if part]


def _as_html(value: Any) -> str:
    if isinstance(value, Path):
        return ""  # a picture that was drawn
    if hasattr(value, "columns"):
        return str(value.iloc[:_LONGEST, :_WIDEST].to_html(index=False, float_format=_NUMBER))
    if hasattr(value, "_repr_html_"):
        return str(value._repr_html_())
    return f"<pre>{escape(repr(value))}</pre>"


def _picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(path.stem)}" src="data:image/png;base64,{content}">'


@cache
def example_folder() -> Path:
    """Return the folder with simulated participants and results, which is made if need be."""
    mark, state = FOLDER / "state.txt", _state()
    if mark.is_file() and mark.read_text() == state:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fcnm_bids.cli.demo", "--output", str(FOLDER / "demo")),
            *("--subject-maps", "none"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ExtensionError(f"the demonstration failed: {done.stdout[-2000:]}{done.stderr}")
    for name, made in {
        "fmriprep": "data/fmriprep",
        "peaks.tsv": "data/coordinates.tsv",
        "store": "results/connectome",
        "fcnm": "results",
    }.items():
        (FOLDER / name).symlink_to(Path("demo") / made)
    mark.write_text(state)
    return FOLDER


def _state() -> str:
    """Return a digest of the program."""
    total = hashlib.sha256()
    for path in sorted((REPOSITORY / "fcnm_bids").rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()


def _copy_report(app: Sphinx, error: Exception | None) -> None:
    """Put the report of the demonstration into the site."""
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / "example_report"
        folder.mkdir(exist_ok=True)
        for name in ("group.html", "sub-01.html"):
            shutil.copy(example_folder() / "fcnm" / name, folder)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and the report."""
    app.add_directive("example", Example)
    app.connect("build-finished", _copy_report)
    return {"parallel_read_safe": False}
