"""Count code lines without blanks, docstrings and comments: ``python -m tests.code_lines``.

Lines are counted that hold a token of code; a text over several lines that is no docstring counts.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "fcnm_bids"
PLUMBING = {
    *("bids", "inputs", "intermediates", "derivatives", "planning", "reruns", "resources"),
    *("interfaces", "workflows", "execution", "app", "cli", "config", "setting"),
}
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def code_lines(source: str) -> int:
    """Return the number of lines of code of a module."""
    texts = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", [])
        for statement in body if isinstance(body, list) else []:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts |= set(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - texts)


def by_package(root: Path = PACKAGE) -> Counter[str]:
    """Return the code lines of each package of a checkout."""
    counts: Counter[str] = Counter()
    for path in root.rglob("*.py"):
        counts[path.relative_to(root).parts[0].removesuffix(".py")] += code_lines(path.read_text())
    return counts


if __name__ == "__main__":
    counts = by_package()
    for name, count in sorted(counts.items()):
        print(f"{name:16}{count:7,}{'  plumbing' if name in PLUMBING else ''}")
    print(f"{'plumbing':16}{sum(counts[name] for name in PLUMBING):7,}")
    print(f"{'all':16}{counts.total():7,}")
