"""The table of faults names tests that exist, and they run where it says they do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")


def named_tests() -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE)


def test_there_is_a_row_for_at_least_forty_faults() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(rows) >= 40
    assert all(line.count("`tests/") == 1 and line.count(" | ") == 4 for line in rows)
    faults = [line.split(" | ")[0] for line in rows]
    assert len(set(faults)) == len(faults)


def test_every_test_that_the_table_names_exists() -> None:
    for file, name in named_tests():
        tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file}::{name}"


def test_every_file_of_faults_is_in_the_table() -> None:
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert files - {Path(file).name for file, _ in named_tests()} == {Path(__file__).name}
