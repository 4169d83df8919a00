"""Blanks, comments and docstrings are no code; other texts are."""

from __future__ import annotations

from tests.code_lines import code_lines

SOURCE = '''"""A module."""

# a comment
X = """a text
over two lines"""  # counts
"""A docstring of X."""


def f(x):
    """Do nothing.

    At all.
    """
    return (x if x
            else None)
'''


def test_lines_of_code_are_counted() -> None:
    assert code_lines(SOURCE) == 5
