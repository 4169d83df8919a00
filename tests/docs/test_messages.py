"""The page of messages has every refusal and warning of the preflight, and no other."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.pages import REPOSITORY, tokens

PAGE = REPOSITORY / "docs" / "messages.md"
PACKAGE = REPOSITORY / "fcnm_bids"
MODULES = (
    *(
        path
        for name in ("planning", "inputs", "readers")
        for path in (PACKAGE / name).rglob("*.py")
    ),
    *(
        path
        for name in ("seeds", "denoise", "connectome")
        for path in (PACKAGE / name).glob("*.py")
    ),
    *(
        PACKAGE / name
        for name in (
            "app/analysis_level.py",
            "app/check.py",
            "app/participant.py",
            "app/plan_log.py",
            "bids/names.py",
            "cli/parser.py",
            "config.py",
            "grid.py",
            "kernels/library.py",
            "mapping/analysis_mask.py",
            "mapping/participants.py",
            "setting.py",
            "resources/disk_space.py",
            "reruns/participant_records.py",
            "reruns/settings_lock.py",
            "stats/design.py",
        )
    ),
)
LAYOUTS = sorted((PACKAGE / "data" / "io_spec").glob("*.json"))

QUIET = (
    *("setting", "unkeyed", "inherited", "add_argument"),
    *("info", "debug", "compile", "warns", "assert_never"),
)
"""Calls whose texts are help, progress or patterns."""

NO_MESSAGES = (
    # mistakes of a caller in Python
    *("the seeds of another radius", "unit ", "sphere ", "transform ", "a radius of "),
    *("weights of shape ", "no output is named", "a volume of shape \0 is not on a grid"),
    # help
    *(
        "fcnm-bids BIDS_DIR",
        "the same with a unit",
        "examples:\n",
        "Functional connectivity",
        "Give these options",
    ),
    *("selection of participants", "specificity of the network", "outcomes of the seeds"),
    # names, and what methods texts and logs are made of
    *("nsubjects ", "contrastname ", "effectname ", "hemisphere ", "Salience and", "fcnm_bids "),
    *("three eigenvectors", "shares and convergence", "Low-pass cutoff", "High-pass cutoff"),
    *("\0: a number, centred", "\0: levels \0, the first as reference"),
    # of files of this program's own
    *("\0: not a seed matrix", "its format is "),
)
"""Beginnings of texts that are neither refusals nor warnings."""

FEWEST_WORDS = 3
GAP = "\0"


def texts(node: ast.AST) -> Iterator[str]:
    """Texts of a syntax tree, values that are put into them as gaps; docstrings are passed over."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in QUIET:
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
        yield "".join(map(str, parts))
        inside = (part.value for part in node.values if isinstance(part, ast.FormattedValue))
        yield from (text for part in inside for text in texts(part))
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        kept = [v for k, v in pairs if not (isinstance(k, ast.Constant) and k.value == "help")]
        yield from (text for value in kept for text in texts(value))
    else:
        yield from (text for child in ast.iter_child_nodes(node) for text in texts(child))


def layout_reasons(content: Any) -> Iterator[str]:
    """Reasons for which a layout, or a stage of one, is refused."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in ("refuse", "unusable"):
                yield value
            else:
                yield from layout_reasons(value)


def constant_part(text: str) -> str:
    """The most words that stand together whatever is put into a text."""
    gaps = re.sub(r"<[^<>]*>|%[sd]", GAP, text)
    parts = (" ".join(part.split()).strip(" ;,:()") for part in gaps.split(GAP))
    return max(parts, key=lambda part: len(words(part)))


def words(text: str) -> list[str]:
    """Words of a text; numbers and marks are none."""
    return [word for word in text.split() if re.search(r"[^\W\d_]", word)]


def messages(fewest: int = FEWEST_WORDS) -> dict[str, str]:
    """Constant parts of all messages, of so many words at least, with the module of each."""
    found: dict[str, str] = {}
    for path in (*MODULES, *LAYOUTS):
        content = path.read_text(encoding="utf-8")
        own = (
            layout_reasons(json.loads(content))
            if path.suffix == ".json"
            else texts(ast.parse(content))
        )
        name = path.relative_to(REPOSITORY).as_posix()
        found |= {constant_part(text): name for text in own if not text.startswith(NO_MESSAGES)}
    return {part: name for part, name in found.items() if len(words(part)) >= fewest}


def rows(page: Path) -> list[tuple[str, str, str]]:
    """Rows of the tables of a page: message, input and answer, as they are typed."""
    cells: list[str] = []
    within = False
    for token in tokens(page):
        if token.type in ("td_open", "td_close"):
            within = token.type == "td_open"
        elif token.type == "inline" and within:
            cells.append(token.content)
    return list(zip(cells[::3], cells[1::3], cells[2::3], strict=True))


def plain(cell: str) -> str:
    """A message as the page has it, with gaps for its placeholders."""
    return " ".join(re.sub(r"<[^<>]*>", GAP, cell).split())


def test_every_message_has_a_row() -> None:
    """A message that is added needs its row: what makes it, and what to do."""
    shown = [plain(message) for message, _, _ in rows(PAGE)]
    missing = [
        f"{name}: {part}"
        for part, name in messages().items()
        if not any(part in row for row in shown)
    ]
    assert not missing, "\n".join(missing)


def test_every_row_has_a_message() -> None:
    """A row is removed, or follows, when its message changes."""
    parts = messages(fewest=2)
    lost = [row for row, _, _ in rows(PAGE) if not any(part in plain(row) for part in parts)]
    assert not lost, "\n".join(lost)


def test_every_row_is_complete() -> None:
    """Each row names what makes the message and what answers it, and stands once."""
    table = rows(PAGE)
    assert all(cell.strip() for row in table for cell in row)
    assert len({message for message, _, _ in table}) == len(table)
